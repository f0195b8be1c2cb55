"""A small language model that answers without seeing an image: a causal transformer over words, trained from nothing.

It reads `FORM CRITERION question` and then predicts the answer as one more token. All forms are learned together, so it
can carry over what a bag of words in one form cannot: order, negation, options further on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fakescope.instruct.check.blind import Asked

WIDTH, LAYERS, HEADS = 64, 2, 4
LENGTH = 64
"""Tokens of a question; what is longer loses its middle, for options stand at the end."""

EPOCHS, BATCH, RATE, DROPOUT = 5, 64, 2e-3, 0.1
SOME, WORD_WEIGHT = 1 / 8, 0.1
LEAST_SEEN = 2
UNKNOWN = 1
_WORD = re.compile(r"[a-z0-9']+|[^\sa-z0-9']")


class SmallLM(nn.Module):
    """Causal transformer: token ids int64 [n, length] -> float32 [n, length, WIDTH]; `out` makes logits of it."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(words, WIDTH, padding_idx=0)
        self.places = nn.Embedding(LENGTH + 1, WIDTH)
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, 4 * WIDTH, DROPOUT, batch_first=True, norm_first=True, activation="gelu"
        )
        self.layers = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        self.out = nn.Linear(WIDTH, words)

    def forward(self, ids: Tensor) -> Tensor:
        length = ids.shape[1]
        hidden = self.tokens(ids) + self.places.weight[:length]
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        return self.layers(hidden, mask=mask, is_causal=True)  # type: ignore[no-any-return]


def small_lm(train: Sequence[Asked], test: Sequence[Asked]) -> list[str]:
    """Learn from questions with their answers, answer others. Each form is answered with an answer of its own."""
    torch.manual_seed(0)
    words = _vocabulary(train)
    answers = sorted({(one.form, one.answer) for one in train})
    place = {answer: len(words) + 2 + number for number, answer in enumerate(answers)}
    model = SmallLM(len(words) + 2 + len(answers))
    _fit(model, [(_ids(one, words), place[one.form, one.answer]) for one in train])
    allowed: dict[str, list[tuple[str, int]]] = {}
    for (form, answer), id in place.items():
        allowed.setdefault(form, []).append((answer, id))
    return _answer(model, [(_ids(one, words), allowed.get(one.form, [("", 0)])) for one in test])


def _fit(model: SmallLM, pairs: Sequence[tuple[list[int], int]]) -> None:
    """The answers are learned, and an eighth of the words of the questions: the output layer is most of the work."""
    steps = EPOCHS * -(-len(pairs) // BATCH)
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    shuffled = torch.Generator().manual_seed(0)
    model.train()
    for _ in range(EPOCHS):
        for chosen in _batches(pairs, shuffled):
            ids, ends = _padded([[*question, answer] for question, answer in chosen])
            hidden, rows = model(ids[:, :-1]), torch.arange(len(chosen))
            some = (torch.rand(ids[:, 1:].shape, generator=shuffled) < SOME) & (ids[:, 1:] > 0)
            loss = nn.functional.cross_entropy(model.out(hidden[rows, ends - 2]), ids[rows, ends - 1])
            loss = loss + WORD_WEIGHT * nn.functional.cross_entropy(model.out(hidden[some]), ids[:, 1:][some])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()


def _batches(
    pairs: Sequence[tuple[list[int], int]], shuffled: torch.Generator
) -> list[list[tuple[list[int], int]]]:
    """Shuffled, with questions of about one length together: less padding, half the time."""
    order = torch.randperm(len(pairs), generator=shuffled).tolist()
    batches: list[list[tuple[list[int], int]]] = []
    for start in range(0, len(order), 32 * BATCH):
        near = sorted(order[start : start + 32 * BATCH], key=lambda n: len(pairs[n][0]))
        batches += [[pairs[n] for n in near[at : at + BATCH]] for at in range(0, len(near), BATCH)]
    return [batches[n] for n in torch.randperm(len(batches), generator=shuffled).tolist()]


def _answer(model: SmallLM, asked: Sequence[tuple[list[int], list[tuple[str, int]]]]) -> list[str]:
    model.eval()
    said: list[str] = []
    with torch.inference_mode():
        for start in range(0, len(asked), 4 * BATCH):
            part = asked[start : start + 4 * BATCH]
            ids, ends = _padded([question for question, _ in part])
            logits = model.out(model(ids)[torch.arange(len(part)), ends - 1])
            for row, (_, options) in zip(logits, part, strict=True):
                best = int(row[[id for _, id in options]].argmax())
                said.append(options[best][0])
    return said


def _vocabulary(asked: Sequence[Asked]) -> dict[str, int]:
    counts = Counter(word for one in asked for word in _words(one))
    kept = sorted(word for word, count in counts.items() if count >= LEAST_SEEN)
    return {word: number + 2 for number, word in enumerate(kept)}


def _words(one: Asked) -> list[str]:
    return [f"form:{one.form}", f"criterion:{one.criterion}", *_WORD.findall(one.question.lower())]


def _ids(one: Asked, words: dict[str, int]) -> list[int]:
    ids = [words.get(word, UNKNOWN) for word in _words(one)]
    return ids if len(ids) <= LENGTH else [*ids[: LENGTH // 2], *ids[-LENGTH // 2 :]]


def _padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Rows as one tensor int64 [n, longest], zeros behind, and their lengths."""
    ends = torch.tensor([len(row) for row in rows])
    ids = torch.zeros(len(rows), int(ends.max()), dtype=torch.int64)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row)
    return ids, ends
