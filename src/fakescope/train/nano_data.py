"""Batches for fakescope-nano: features on one side, FakeInstruct conversations on the other.

Two kinds of batches take turns. Annotated images carry many conversations each (description, traces, discussion).
Label-only images, many more and more varied, carry the question of authenticity alone; they are drawn so that both
classes, and within a class all groups and generators, come up evenly (square-root of their size).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from fakescope.prompts.product import DESCRIBE_PROMPT
from fakescope.records import ImageRef, Instruction
from fakescope.train.features import ViewKey
from fakescope.train.nano_model import Batch, collate, pack

Float16 = NDArray[np.float16]


@dataclass
class Features:
    """Views of images in memory: which image each belongs to, and its features."""

    keys: list[ViewKey]
    grid: Float16
    stats: Float16

    def __post_init__(self) -> None:
        self.views: dict[str, list[int]] = defaultdict(list)
        for row, key in enumerate(self.keys):
            self.views[key.image_id].append(row)


class ConversationPool:
    """FakeInstruct by image, with a draw of conversations that fits a budget of tokens."""

    def __init__(self, instructions: Iterable[Instruction], tokenizer: Tokenizer, quota: Mapping[str, int]) -> None:
        self._pool: dict[str, dict[str, list[Instruction]]] = defaultdict(lambda: defaultdict(list))
        for item in instructions:
            self._pool[item.image][_kind(item)].append(item)
        self._tokenizer = tokenizer
        self._quota = quota

    @property
    def images(self) -> list[str]:
        return sorted(self._pool)

    def draw(self, image_id: str, rng: Random) -> list[Instruction]:
        """As many conversations of each kind as the quota says, in random order."""
        drawn = []
        for kind, number in self._quota.items():
            items = self._pool[image_id].get(kind, [])
            drawn += rng.sample(items, min(number, len(items)))
        rng.shuffle(drawn)
        return drawn


def _kind(item: Instruction) -> str:
    """The part, with the two conversations that the product itself asks singled out."""
    question = item.messages[0].content
    if question == DESCRIBE_PROMPT:
        return "description"
    if item.part == "traces" and question.startswith("Judge the "):
        return "criterion"
    return item.part


def even_weights(refs: Sequence[ImageRef]) -> NDArray[np.float64]:
    """Sampling weights [n] that sum to 1: both labels a half, groups within by the root of their size."""
    keys = [(ref.label, ref.generator or ref.group or ref.source) for ref in refs]
    sizes = Counter(keys)
    weight = np.array([sizes[key] ** -0.5 for key in keys])
    for label in {key[0] for key in keys}:
        chosen = np.array([key[0] == label for key in keys])
        weight[chosen] /= weight[chosen].sum()
    return weight / weight.sum()


class BatchMaker:
    """Draws annotated and label-only batches, the same for the same seed and step."""

    def __init__(
        self,
        features: Features,
        refs: Mapping[str, ImageRef],
        annotated: ConversationPool,
        label_only: ConversationPool,
        tokenizer: Tokenizer,
        seed: int,
    ) -> None:
        self._features, self._refs, self._tokenizer, self._seed = features, refs, tokenizer, seed
        self._annotated, self._label_only = annotated, label_only
        self._annotated_ids = [i for i in annotated.images if i in features.views]
        self._label_only_ids = [i for i in label_only.images if i in features.views]
        self._annotated_weights = even_weights([refs[i] for i in self._annotated_ids])
        self._label_only_weights = even_weights([refs[i] for i in self._label_only_ids])
        self._pad = tokenizer.token_to_id("<pad>")

    def annotated(self, step: int, size: int) -> Batch:
        return self._batch(self._annotated, self._annotated_ids, self._annotated_weights, f"a{step}", size)

    def label_only(self, step: int, size: int) -> Batch:
        return self._batch(self._label_only, self._label_only_ids, self._label_only_weights, f"l{step}", size)

    def _batch(
        self, pool: ConversationPool, ids: list[str], weights: NDArray[np.float64], name: str, size: int
    ) -> Batch:
        rng = Random(f"{self._seed}/{name}")
        chosen = np.random.default_rng(rng.getrandbits(32)).choice(len(ids), size, replace=False, p=weights)
        images = [ids[i] for i in chosen]
        rows = [pack([c.messages for c in pool.draw(i, rng)], self._tokenizer) for i in images]
        views = [rng.choice(self._features.views[i]) for i in images]
        fake = torch.tensor([float(label.target) if (label := self._refs[i].label) else float("nan") for i in images])
        return collate(
            rows,
            torch.from_numpy(self._features.grid[views]),
            torch.from_numpy(self._features.stats[views]),
            fake,
            self._pad,
        )
