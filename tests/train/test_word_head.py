"""The copying head: which words are still offered, and what is added where."""

import pytest

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch")

from fakescope.train.word_head import WordHead, add_to_words, still_offered  # noqa: E402


def test_a_word_is_offered_until_its_conversation_has_said_it():
    ids = torch.tensor([[5, 7, 5, 9, 7, 8]])
    segments = torch.tensor([[1, 1, 1, 2, 2, -1]])
    words = torch.tensor([[7, 9, 4]])
    assert still_offered(ids, segments, words)[0].tolist() == [
        [1, 1, 1],
        [0, 1, 1],
        [0, 1, 1],
        [1, 0, 1],  # a new conversation offers 7 again, and has just said 9
        [0, 0, 1],
        [1, 1, 1],
    ]


def test_only_the_words_logits_are_raised():
    logits = torch.zeros(2, 10)
    words = torch.tensor([[1, 3], [4, 0]])
    out = add_to_words(logits, words, torch.tensor([[1.0, 2.0], [0.5, 0.0]]))
    assert out[0].tolist() == [0, 1, 0, 2, 0, 0, 0, 0, 0, 0]
    assert out[1].tolist() == [0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0]


def test_the_head_starts_by_raising_all_words_alike_and_can_learn_to_tell_them_apart():
    torch.manual_seed(0)
    head = WordHead(16, rank=8)
    hidden, words = torch.randn(64, 16), torch.randn(64, 12, 16)
    assert head(hidden, words).detach().flatten().tolist() == pytest.approx([2.0] * 64 * 12)
    wanted = torch.randint(0, 12, (64,))
    words[torch.arange(64), wanted] = hidden
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(150):
        loss = torch.nn.functional.cross_entropy(head(hidden, words), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (head(hidden, words).argmax(1) == wanted).float().mean() > 0.9


def test_fewer_words_than_twelve_will_do():
    assert WordHead(16, rank=4)(torch.randn(3, 16), torch.randn(3, 5, 16)).shape == (3, 5)
