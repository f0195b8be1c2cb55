"""The head for findings: the score of the criterion that is asked about moves the finding words, and only it."""

import pytest

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch")

from fakescope.train.finding_head import FindingHead  # noqa: E402


def test_natural_is_never_moved_and_an_even_score_moves_nothing():
    head = FindingHead(8)
    more = head(torch.randn(4, 8), torch.full((4, 30), 0.5))
    assert more.shape == (4, 3)
    assert torch.allclose(more, torch.zeros(4, 3), atol=1e-6)
    assert (head(torch.randn(4, 8), torch.rand(4, 30))[:, 1] == 0).all()


def test_scores_out_of_range_stay_finite():
    more = FindingHead(8)(torch.randn(2, 8), torch.tensor([[-3.0] * 30, [7.0] * 30]))
    assert torch.isfinite(more).all()
    assert more[0, 0] < 0 < more[1, 0]  # abnormal
    assert more[0, 2] > 0 > more[1, 2]  # unclear where it can hardly be judged


def test_it_learns_which_criterion_is_asked():
    torch.manual_seed(0)
    head, names = FindingHead(16), torch.randn(15, 16)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(300):
        asked, scores = torch.randint(0, 15, (64,)), torch.rand(64, 30)
        truth = torch.where(scores[torch.arange(64), asked] > 0.5, 0, 1)
        loss = torch.nn.functional.cross_entropy(head(names[asked], scores), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scores = torch.full((15, 30), 0.1)
    scores[torch.arange(15), torch.arange(15)] = 0.9
    scores[:, 15:] = 0.9
    assert (head(names, scores).argmax(1) == 0).all()
    assert (head(names, 1 - scores).argmax(1) != 0).all()
