"""Demonstrate: choose the exemplars that a teacher is shown for one image (ACoTI, second step).

A minimum set cover of the kept criteria with at least one fake and one real exemplar: exact for up to
`EXACT_CRITERIA` criteria (dynamic programming over what is covered), greedy above. Among equal covers, which members
are shown is drawn by a hash of the image, so that all exemplars are used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fakescope.records import Exemplar, Label

EXACT_CRITERIA = 10
_FAKE, _REAL = 1, 2
Group = tuple[int, int]
"""What exemplars have in common: bits of the wanted criteria that they cover, and the bit of their label."""


@dataclass(frozen=True)
class Cover:
    """The chosen exemplars, and the criteria that no exemplar covers."""

    exemplars: tuple[Exemplar, ...]
    missing: tuple[str, ...]


class ExemplarPool:
    """Checked exemplars, ready to be chosen from.

    Args:
        exemplars: In any order; of several with one id the last counts.
        unchecked: Use those too that nobody has checked.
    """

    def __init__(self, exemplars: Iterable[Exemplar], *, unchecked: bool = False) -> None:
        latest = {exemplar.id: exemplar for exemplar in exemplars}
        self.exemplars = tuple(
            sorted((e for e in latest.values() if e.text and (e.checked_by or unchecked)), key=lambda e: e.id)
        )
        self._covers: dict[tuple[str, ...], tuple[Group, ...]] = {}

    def choose(self, image: str, criteria: Sequence[str]) -> Cover:
        """Exemplars for one image; never one that was made from the image itself.

        Args:
            image: Its id.
            criteria: What is to be covered. With none, one fake and one real exemplar are chosen.
        """
        wanted = tuple(dict.fromkeys(criteria))
        groups: dict[Group, list[Exemplar]] = {}
        for exemplar in self.exemplars:
            if exemplar.image != image:
                groups.setdefault(_group(exemplar, wanted), []).append(exemplar)
        chosen = [_drawn(groups[group], image) for group in self._cover(wanted, tuple(sorted(groups)))]
        covered = {criterion for exemplar in chosen for criterion in exemplar.criteria}
        missing = tuple(criterion for criterion in wanted if criterion not in covered)
        return Cover(tuple(chosen), missing)

    def _cover(self, wanted: tuple[str, ...], groups: tuple[Group, ...]) -> tuple[Group, ...]:
        key = (*wanted, repr(groups))
        if key not in self._covers:
            exact = len(wanted) <= EXACT_CRITERIA
            self._covers[key] = exact_cover(groups) if exact else greedy_cover(groups)
        return self._covers[key]


def exact_cover(groups: Sequence[Group]) -> tuple[Group, ...]:
    """The fewest groups that cover what all of them cover together, with every label that there is."""
    goal = _goal(groups)
    best: dict[int, tuple[Group, ...]] = {0: ()}
    frontier = [0]
    while goal not in best:
        reached = []
        for state in frontier:
            for group in groups:
                following = state | _state(group)
                if following not in best:
                    best[following] = (*best[state], group)
                    reached.append(following)
        frontier = reached
    return best[goal]


def greedy_cover(groups: Sequence[Group]) -> tuple[Group, ...]:
    """A cover in which each step takes the group that adds most; at most ln(n) + 1 times as long as the least."""
    goal, state, chosen = _goal(groups), 0, []
    while state != goal:
        group = max(groups, key=lambda g: (_state(g) & ~state).bit_count())
        state |= _state(group)
        chosen.append(group)
    return tuple(chosen)


def _state(group: Group) -> int:
    covered, label = group
    return covered << 2 | label


def _goal(groups: Sequence[Group]) -> int:
    goal = 0
    for group in groups:
        goal |= _state(group)
    return goal


def _group(exemplar: Exemplar, wanted: Sequence[str]) -> Group:
    covered = sum(1 << place for place, criterion in enumerate(wanted) if criterion in exemplar.criteria)
    return covered, _FAKE if exemplar.label is Label.FAKE else _REAL


def _drawn(members: Sequence[Exemplar], image: str) -> Exemplar:
    return min(members, key=lambda e: hashlib.sha256(f"{image}:{e.id}".encode()).digest())
