"""Agreement of blind verdicts and of criteria, over the settled judgements of a chain.

Krippendorff's alpha (nominal) takes any number of people an image, and leaves out images that only one person judged. A
criterion's alpha is over those who recognised the image, for only they are asked. Cohen's kappa is for each pair of
people, over the images that both judged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import krippendorff
import numpy as np

from fakescope.chain.agree.boxes import BoxAgreement
from fakescope.chain.steer import settle
from fakescope.chain.store import Store
from fakescope.records import Judgement, Label
from fakescope.taxonomy import CRITERION_IDS

Counts = tuple[int, int]
"""How many of an image's people said no, and how many said yes."""


@dataclass
class Agreement:
    """What people's judgements have in common.

    Attributes:
        images: Images that at least two people judged.
        verdict_alpha: Of fake or real; None where it is not defined (everybody always said the same).
        criteria_alpha: By criterion, likewise.
        criteria_images: By criterion: images over which its alpha is taken.
        kappa: Of the verdicts of each pair of people: (kappa or None, images in common).
        criteria_kappa: Of "does the criterion apply", over all criteria, likewise.
        boxes: Overlap of boxes.
        conflicts: Images of which two people who recognised them share no criterion, or whose verdicts differ.
    """

    images: int = 0
    verdict_alpha: float | None = None
    criteria_alpha: dict[str, float | None] = field(default_factory=dict)
    criteria_images: dict[str, int] = field(default_factory=dict)
    kappa: dict[tuple[str, str], tuple[float | None, int]] = field(default_factory=dict)
    criteria_kappa: dict[tuple[str, str], tuple[float | None, int]] = field(default_factory=dict)
    boxes: BoxAgreement = field(default_factory=BoxAgreement)
    conflicts: dict[str, str] = field(default_factory=dict)


def agree(store: Store, *, machines: bool = False) -> Agreement:
    """Agreement over a chain.

    Args:
        store: The chain.
        machines: Count judgements of models, too.
    """
    found, tally = Agreement(), _Tally()
    for judged in _by_image(store, machines):
        if len(judged) > 1:
            found.images += 1
            tally.add(judged)
            found.boxes.add([row for row in judged if row.right])
            if conflict := conflict_of(judged):
                found.conflicts[judged[0].image] = conflict
    found.verdict_alpha = alpha(tally.verdicts)
    for criterion in CRITERION_IDS:
        found.criteria_images[criterion] = len(tally.criteria[criterion])
        found.criteria_alpha[criterion] = alpha(tally.criteria[criterion])
    found.kappa = {pair: (kappa(table), int(table.sum())) for pair, table in tally.verdict_pairs.items()}
    found.criteria_kappa = {
        pair: (kappa(table), int(table.sum()) // len(CRITERION_IDS))
        for pair, table in tally.criteria_pairs.items()
    }
    return found


def alpha(counts: Sequence[Counts]) -> float | None:
    """Krippendorff's alpha of yes and no; 1 is full agreement, 0 is chance. None where only one of them was said.

    Args:
        counts: For each image how many said no and yes.
    """
    pairable = np.array([pair for pair in counts if sum(pair) > 1])
    if not len(pairable) or (pairable.sum(axis=0) == 0).any():
        return None
    return float(krippendorff.alpha(value_counts=pairable, level_of_measurement="nominal"))


def kappa(table: np.ndarray) -> float | None:
    """Cohen's kappa of a 2 x 2 table of counts; None where chance agreement is already full."""
    total = float(table.sum())
    if not total:
        return None
    seen = float(np.trace(table)) / total
    chance = float((table.sum(axis=0) * table.sum(axis=1)).sum()) / total**2
    return None if chance == 1.0 else (seen - chance) / (1.0 - chance)


def conflict_of(judged: Sequence[Judgement]) -> str:
    """In words, what an adjudicator should look at; empty if there is nothing."""
    if len({row.said for row in judged}) > 1:
        said = ", ".join(f"{row.who}: {row.said.value}" for row in judged)
        return f"verdicts differ ({said})"
    chosen = [set(row.criteria) for row in judged if row.right]
    if len(chosen) > 1 and not set.intersection(*chosen):
        return "no criterion in common"
    return ""


class _Tally:
    """Counts over images; a few numbers an image."""

    def __init__(self) -> None:
        self.verdicts: list[Counts] = []
        self.criteria: dict[str, list[Counts]] = {criterion: [] for criterion in CRITERION_IDS}
        self.verdict_pairs: dict[tuple[str, str], np.ndarray] = defaultdict(_table)
        self.criteria_pairs: dict[tuple[str, str], np.ndarray] = defaultdict(_table)

    def add(self, judged: Sequence[Judgement]) -> None:
        self.verdicts.append(_counts(row.said is Label.FAKE for row in judged))
        for one, other in combinations(sorted(judged, key=lambda row: row.who), 2):
            self.verdict_pairs[one.who, other.who][one.said.target, other.said.target] += 1
        right = sorted((row for row in judged if row.right), key=lambda row: row.who)
        if len(right) < 2:
            return
        for criterion in CRITERION_IDS:
            self.criteria[criterion].append(_counts(criterion in row.criteria for row in right))
        for one, other in combinations(right, 2):
            table = self.criteria_pairs[one.who, other.who]
            for criterion in CRITERION_IDS:
                table[int(criterion in one.criteria), int(criterion in other.criteria)] += 1


def _table() -> np.ndarray:
    return np.zeros((2, 2), np.int64)


def _counts(values: Iterable[bool]) -> Counts:
    said = list(values)
    return len(said) - sum(said), sum(said)


def _by_image(store: Store, machines: bool) -> Iterator[list[Judgement]]:
    for page in store.image_pages():
        rows: dict[str, list[Judgement]] = {ref.id: [] for ref in page}
        for row in settle(store.read(Judgement, image=list(rows))):
            if machines or row.kind == "person":
                rows[row.image].append(row)
        yield from (judged for judged in rows.values() if judged)
