"""The paper's forced choice: how often people prefer the ACoTI draft to the plain one."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field

from fakescope.chain.store import Store
from fakescope.records import Choice, Draft

_Z95 = 1.959964


@dataclass(frozen=True)
class WinRate:
    """Wins of ACoTI among choices, with Wilson's 95% interval. The interval takes choices as independent."""

    wins: int
    choices: int

    @property
    def rate(self) -> float | None:
        """Share of wins; None without choices."""
        return self.wins / self.choices if self.choices else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Lower and upper bound; None without choices."""
        return wilson(self.wins, self.choices) if self.choices else None


@dataclass
class Preference:
    """The result of a study.

    Attributes:
        overall: All choices.
        by_person: Of each person.
        left: How often the left side was chosen, whatever stood there: far from half is a habit.
        void: Choices that are not between an ACoTI and a plain draft.
    """

    overall: WinRate
    by_person: dict[str, WinRate] = field(default_factory=dict)
    left: WinRate = WinRate(0, 0)
    void: int = 0


def wilson(wins: int, count: int) -> tuple[float, float]:
    """Wilson's 95% interval of a share."""
    share, z2 = wins / count, _Z95**2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    reach = _Z95 * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2)) / (1 + z2 / count)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def preference(store: Store) -> Preference:
    """The result so far; of a person and image the last choice counts."""
    latest = {(row.image, row.who): row for row in store.read(Choice)}
    drafts = list({id for row in latest.values() for id in (row.left, row.right)})
    modes = {draft.id: draft.mode for start in range(0, len(drafts), 500)
             for draft in store.read(Draft, id=drafts[start : start + 500])}  # fmt: skip
    wins: dict[str, int] = defaultdict(int)
    count: dict[str, int] = defaultdict(int)
    left = void = 0
    for row in latest.values():
        sides = {"left": modes.get(row.left), "right": modes.get(row.right)}
        if set(sides.values()) != {"acoti", "plain"}:
            void += 1
            continue
        count[row.who] += 1
        wins[row.who] += sides[row.chosen] == "acoti"
        left += row.chosen == "left"
    people = {who: WinRate(wins[who], count[who]) for who in sorted(count)}
    total = sum(count.values())
    return Preference(WinRate(sum(wins.values()), total), people, WinRate(left, total), void)
