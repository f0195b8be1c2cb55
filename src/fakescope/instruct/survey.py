"""A first look at all records: how often each answer is right, and which observations can stand in as wrong options.

What is kept is bounded, whatever the number of records, and does not depend on their order.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from fakescope.instruct.facts import Facts
from fakescope.records import Label

POOL = 2_000
"""Observations kept for each criterion, finding and half: as wrong options of other images."""

MOST_ROUNDS = 8.0

HALVES = 2
"""Wrong options come from images of the same half, so that one half can test what was learned on the other."""

Cell = tuple[str, str, int]
"""(criterion, finding, half)"""


@dataclass
class Survey:
    """What a data set holds.

    Attributes:
        records: Number of records by label.
        findings: (criterion, label, finding) -> records.
        places: (criterion, label, place) -> records with an abnormal trace there; `nowhere` for no one place.
        weights: (criterion, label, weight of the trace) -> records; see `weight`.
    """

    records: Counter[Label] = field(default_factory=Counter)
    findings: Counter[tuple[str, Label, str]] = field(default_factory=Counter)
    places: Counter[tuple[str, Label, str]] = field(default_factory=Counter)
    weights: Counter[tuple[str, Label, str]] = field(default_factory=Counter)
    _pools: dict[Cell, list[tuple[int, str, str]]] = field(default_factory=dict)
    _sorted: dict[Cell, list[tuple[str, str]]] = field(default_factory=dict)

    def add(self, facts: Facts) -> None:
        """Count one record."""
        self.records[facts.label] += 1
        part = half(facts.id)
        for criterion in (*facts.seen, *facts.unjudged):
            seen = facts.seen.get(criterion)
            self.findings[criterion, facts.label, facts.finding(criterion)] += 1
            self.weights[criterion, facts.label, weight(facts, criterion)] += 1
            if seen and seen.finding == "abnormal" and seen.spot:
                self.places[criterion, facts.label, seen.spot] += 1
            if seen:
                self._keep((criterion, seen.finding, part), facts.id, seen.text)

    def merge(self, other: Survey) -> None:
        """Add what was counted of other records."""
        for name in ("records", "findings", "places", "weights"):
            getattr(self, name).update(getattr(other, name))
        for cell, entries in other._pools.items():
            self._pools[cell] = heapq.nlargest(POOL, [*self._pools.get(cell, ()), *entries])
            heapq.heapify(self._pools[cell])

    def pool(self, criterion: str, finding: str, part: int) -> list[tuple[str, str]]:
        """(record, observation) of other images, of one half of all."""
        cell = (criterion, finding, part)
        if cell not in self._sorted:
            self._sorted[cell] = [(id, text) for _, id, text in sorted(self._pools.get(cell, ()))]
        return self._sorted[cell]

    def rounds(self, label: Label, even: bool) -> float:
        """How often the quota is given to each record of a label: more than once for the rarer one, if `even`.

        Never more than `MOST_ROUNDS` times: after that a record has nothing new to say, and the classes stay uneven.
        """
        most = max(self.records.values(), default=0)
        return min(MOST_ROUNDS, most / self.records[label]) if even and self.records[label] else 1.0

    def _keep(self, cell: Cell, id: str, text: str) -> None:
        """Keep the `POOL` observations with the smallest hashes."""
        pool = self._pools.setdefault(cell, [])
        entry = (-_number(f"{cell[0]}:{id}"), id, text)
        if len(pool) < POOL:
            heapq.heappush(pool, entry)
        else:
            heapq.heappushpop(pool, entry)


def survey(facts: Iterable[Facts]) -> Survey:
    """Look at all records."""
    found = Survey()
    for one in facts:
        found.add(one)
    return found


def weight(facts: Facts, criterion: str) -> str:
    """What a criterion weighs: main (the description leans on it), side, none (natural) or unclear."""
    finding = facts.finding(criterion)
    if finding == "abnormal":
        return "main" if criterion in facts.main and facts.label is Label.FAKE else "side"
    return "none" if finding == "natural" else "unclear"


def half(id: str) -> int:
    """Which half an image is of."""
    return _number(f"half:{id}") % HALVES


def _number(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
