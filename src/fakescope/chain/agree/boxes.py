"""How well boxes of two people overlap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

from fakescope.records import Judgement, Region


def iou(one: Region, other: Region) -> float:
    """Intersection over union of two regions, 0 to 1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, width) * max(0.0, height)
    return both / (_area(one) + _area(other) - both)


def best_match_iou(ones: Sequence[Region], others: Sequence[Region]) -> float | None:
    """Mean over all boxes of both people of the best overlap with a box of the other person.

    A box that the other has nothing for counts 0. None if neither has drawn any.
    """
    if not ones and not others:
        return None
    best = [max((iou(a, b) for b in others), default=0.0) for a in ones]
    best += [max((iou(b, a) for a in ones), default=0.0) for b in others]
    return sum(best) / len(best)


@dataclass
class BoxAgreement:
    """Mean best-match overlap by criterion, over pairs of people who both named the criterion and drew a box."""

    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    pairs: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, judged: Sequence[Judgement]) -> None:
        """Add the judgements of one image."""
        for one, other in combinations(judged, 2):
            for criterion in set(one.criteria) & set(other.criteria):
                value = best_match_iou(_regions(one, criterion), _regions(other, criterion))
                if value is not None:
                    self.sums[criterion] += value
                    self.pairs[criterion] += 1

    def mean(self, criterion: str) -> float | None:
        """Mean overlap of one criterion; None without any pair."""
        pairs = self.pairs.get(criterion, 0)
        return self.sums[criterion] / pairs if pairs else None


def _regions(row: Judgement, criterion: str) -> list[Region]:
    return [box.region for box in row.boxes if box.criterion == criterion]


def _area(region: Region) -> float:
    return (region[2] - region[0]) * (region[3] - region[1])
