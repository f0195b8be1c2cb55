"""Batches for fakescope-nano: features on one side, FakeInstruct conversations on the other.

Two kinds of batches take turns. Annotated images carry many conversations each (description, traces, discussion).
Label-only images, many more and more varied, carry the question of authenticity alone; they are drawn so that both
classes, and within a class all groups and generators, come up evenly (square-root of their size).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from fakescope.models.nano_format import PAD
from fakescope.prompts.product import DESCRIBE_PROMPT, given_trace_question, trace_question
from fakescope.records import ImageRef, Instruction, Label
from fakescope.taxonomy import CRITERION_IDS
from fakescope.train.features import ViewKey
from fakescope.train.nano_model import Batch, Images, collate, pack
from fakescope.train.readout import Readings

Float16 = NDArray[np.float16]

HIDDEN_ANNOTATED = (0.3, 0.5)
HIDDEN_LABEL_ONLY = (0.0, 0.5)
"""Shares of rows whose forensic, and whose place tokens are blanked: there are few described images, and what can be
learned by heart teaches nothing. Without forensic tokens nothing is asked about authenticity."""

TOLD_SHARE = 0.6
TOLD_WORDS = (2, 8)
"""Share of rows in which some of the read words, at least and at most so many, make way for words of the image's own
texts. Readings alone are right too seldom for a small decoder to learn to lean on them."""


FOREIGN_SHARE = 0.4
"""Share of annotated rows that show another image's forensic tokens and ask about criteria under the true verdict. The
forensic tokens of a training image as good as state its label; only where they mislead does the model learn that a
verdict which is given counts, and not the one that it would have come to."""


@dataclass
class Features:
    """Views of images in memory: which image each belongs to, its features, and what is read off them."""

    keys: list[ViewKey]
    grid: Float16
    stats: Float16
    readings: Readings

    def __post_init__(self) -> None:
        self.views: dict[str, list[int]] = defaultdict(list)
        for row, key in enumerate(self.keys):
            self.views[key.image_id].append(row)


class ConversationPool:
    """FakeInstruct by image, with a draw of so many conversations of each kind.

    Args:
        instructions: All conversations.
        quota: How many of each kind are drawn for an image.
        given: The same for an image that is shown with another's forensic tokens; no image is where it is empty.
    """

    def __init__(
        self,
        instructions: Iterable[Instruction],
        quota: Mapping[str, int],
        given: Mapping[str, int] | None = None,
    ) -> None:
        self._pool: dict[str, dict[str, list[Instruction]]] = defaultdict(lambda: defaultdict(list))
        for item in instructions:
            self._pool[item.image][_kind(item)].append(item)
        self._quota = quota
        self.given = given or {}

    @property
    def images(self) -> list[str]:
        return sorted(self._pool)

    def draw(self, image_id: str, rng: Random, *, given: bool = False) -> list[Instruction]:
        """As many conversations of each kind as the quota says, in random order."""
        drawn = []
        for kind, number in (self.given if given else self._quota).items():
            items = self._pool[image_id].get(kind, [])
            drawn += rng.sample(items, min(number, len(items)))
        rng.shuffle(drawn)
        return drawn


_COMPACT_KINDS = {trace_question(criterion): "criterion" for criterion in CRITERION_IDS} | {
    given_trace_question(criterion, label): "given criterion"
    for criterion in CRITERION_IDS
    for label in Label
}


def _kind(item: Instruction) -> str:
    """The part, with the conversations that the product itself asks singled out."""
    question = item.messages[0].content
    if question == DESCRIBE_PROMPT:
        return "description"
    return _COMPACT_KINDS.get(question, item.part)


def even_weights(refs: Sequence[ImageRef]) -> NDArray[np.float64]:
    """Sampling weights [n] that sum to 1: both labels a half, groups within by the root of their size."""
    keys = [(ref.label, ref.generator or ref.group or ref.source) for ref in refs]
    sizes = Counter(keys)
    weight = np.array([sizes[key] ** -0.5 for key in keys])
    for label in {key[0] for key in keys}:
        chosen = np.array([key[0] == label for key in keys])
        weight[chosen] /= weight[chosen].sum()
    return weight / weight.sum()


@dataclass(frozen=True)
class _Side:
    """Images that have both features and conversations, with their sampling weights."""

    features: Features
    pool: ConversationPool
    refs: Mapping[str, ImageRef]

    def __post_init__(self) -> None:
        ids = [i for i in self.pool.images if i in self.features.views and i in self.refs]
        object.__setattr__(self, "ids", ids)
        object.__setattr__(self, "weights", even_weights([self.refs[i] for i in ids]))

    ids: list[str] = field(init=False)
    weights: NDArray[np.float64] = field(init=False)


class BatchMaker:
    """Draws annotated and label-only batches, the same for the same seed and step."""

    def __init__(
        self,
        annotated: tuple[Features, ConversationPool],
        label_only: tuple[Features, ConversationPool],
        refs: Mapping[str, ImageRef],
        tokenizer: Tokenizer,
        seed: int,
        told: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        """`told`: for an image the tokens of words that its own texts use."""
        self._refs, self._tokenizer, self._seed, self._told = refs, tokenizer, seed, told or {}
        self._annotated = _Side(*annotated, refs)
        self._label_only = _Side(*label_only, refs)
        self._pad = tokenizer.token_to_id(PAD) or 0

    def annotated(self, step: int, size: int) -> Batch:
        """`size` annotated images, each with many conversations."""
        return self._batch(self._annotated, f"a{step}", size)

    def label_only(self, step: int, size: int) -> Batch:
        """`size` images of which the label alone is known."""
        return self._batch(self._label_only, f"l{step}", size)

    def _batch(self, side: _Side, name: str, size: int) -> Batch:
        rng = Random(f"{self._seed}/{name}")
        draw = np.random.default_rng(rng.getrandbits(32))
        chosen = draw.choice(len(side.ids), min(size, len(side.ids)), replace=False, p=side.weights)
        images = [side.ids[i] for i in chosen]
        shares = HIDDEN_ANNOTATED if side is self._annotated else HIDDEN_LABEL_ONLY
        hidden = [[rng.random() < share for share in shares] for _ in images]
        foreign = [bool(side.pool.given) and rng.random() < FOREIGN_SHARE for _ in images]
        drawn = [
            [c for c in side.pool.draw(i, rng, given=f) if not (h[0] and c.part == "judgement")]
            for i, h, f in zip(images, hidden, foreign, strict=True)
        ]
        rows = [
            pack([c.messages for c in talk], self._tokenizer, [c.criterion for c in talk]) for talk in drawn
        ]
        views = [rng.choice(side.features.views[i]) for i in images]
        others = [
            rng.randrange(len(side.features.keys)) if f else v for f, v in zip(foreign, views, strict=True)
        ]
        labels = [self._refs[i].label for i in images]
        seen = side.features
        shown = Images(
            grid=torch.from_numpy(seen.grid[views]),
            stats=torch.from_numpy(seen.stats[others]),
            words=torch.from_numpy(self._words(seen.readings.words[views], images, rng)),
            scores=torch.from_numpy(seen.readings.scores[views]),
            fake=torch.tensor([float(label.target) if label else float("nan") for label in labels]),
            hidden_kinds=torch.tensor(hidden),
        )
        return collate(rows, shown, self._pad)

    def _words(self, read: NDArray[np.int64], images: Sequence[str], rng: Random) -> NDArray[np.int64]:
        """The readings [n, 12], with words of the texts in random places of some rows."""
        words = read.copy()
        for row, image in enumerate(images):
            told = self._told.get(image, ())
            if told and rng.random() < TOLD_SHARE:
                count = min(len(told), rng.randint(*TOLD_WORDS))
                words[row, rng.sample(range(words.shape[1]), count)] = rng.sample(list(told), count)
        return words
