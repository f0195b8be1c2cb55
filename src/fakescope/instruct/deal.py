"""Which question is put to which image, such that no question tells its answer.

Each form of question with a closed answer is dealt to images by their answer: of each criterion, the two most frequent
answers come equally often, so that whoever sees the question and not the image is left to guess.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections import defaultdict
from collections.abc import Mapping

from fakescope.instruct.facts import Facts
from fakescope.instruct.survey import Survey, weight
from fakescope.records import Label

CLOSED: Mapping[str, float] = {
    "finding": 0.15, "odd": 0.12, "fine": 0.12, "choice": 0.17, "where": 0.09, "weight": 0.09,
}  # fmt: skip
"""Closed forms of the traces, and the share of all that each is to have at most; the rest is asked in free words."""

FREE = "free"
MOST = 0.95
"""Of the images with one answer, at most this share is dealt closed forms."""


class Dealer:
    """Deals forms of trace questions.

    Args:
        survey: Of all records.
        even: Whether both classes get the same number of questions.
    """

    def __init__(self, survey: Survey, even: bool = True) -> None:
        rounds = {label: survey.rounds(label, even) for label in Label}
        findings = _by_criterion(survey.findings, rounds)
        self._chance: dict[str, dict[tuple[str, str], float]] = {form: {} for form in CLOSED}
        for form, share in CLOSED.items():
            table = {"where": survey.places, "weight": survey.weights}.get(form, survey.findings)
            for criterion, counts in _by_criterion(table, rounds).items():
                wanted = share * sum(findings[criterion].values())
                most = MOST * share / sum(CLOSED.values())
                level = _level_of_choices if form == "choice" else _level
                for answer, chance in level(counts, wanted, most).items():
                    self._chance[form][criterion, answer] = chance
        self._unclear = {
            name: _share_of("unclear", findings[name], self._chance["choice"], name) for name in findings
        }
        self._tables: dict[tuple[str, str, str, str], tuple[list[str], list[float]]] = {}

    def form(self, facts: Facts, criterion: str, rng: random.Random) -> str:
        """The form in which an image is asked about a criterion."""
        seen = facts.seen.get(criterion)
        where = seen.spot if seen and seen.finding == "abnormal" else ""
        key = (criterion, facts.finding(criterion), where, weight(facts, criterion))
        if key not in self._tables:
            self._tables[key] = self._table(*key)
        forms, bounds = self._tables[key]
        place = bisect(bounds, rng.random())
        return forms[place] if place < len(forms) else FREE

    def unclear_share(self, criterion: str) -> float:
        """How many of the multiple-choice questions on a criterion are about images on which it cannot be judged."""
        return self._unclear.get(criterion, 0.0)

    def _table(self, criterion: str, finding: str, where: str, heavy: str) -> tuple[list[str], list[float]]:
        bounds: list[float] = []
        total = 0.0
        for form in CLOSED:
            answer = {"where": where, "weight": heavy}.get(form, finding)
            total += self._chance[form].get((criterion, answer), 0.0)
            bounds.append(total)
        return list(CLOSED), bounds


def _by_criterion(
    table: Mapping[tuple[str, Label, str], int], rounds: Mapping[Label, float]
) -> dict[str, dict[str, float]]:
    """Criterion -> answer -> how often it is right, with each class counted as often as it is asked."""
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for (criterion, label, answer), count in table.items():
        found[criterion][answer] += count * rounds[label]
    return found


def _level(counts: Mapping[str, float], wanted: float, most: float) -> dict[str, float]:
    """Chance of each answer to be dealt, such that none comes more often than the second most frequent one can.

    Args:
        counts: Answer -> how often it is right.
        wanted: How many are wanted in all.
        most: Share of an answer's images that may be dealt.
    """
    if len(counts) < 2:
        return {}
    second = sorted(counts.values())[-2]
    level = min(most * second, wanted / len(counts))
    return {answer: min(most, level / count) for answer, count in counts.items() if count}


def _level_of_choices(counts: Mapping[str, float], wanted: float, most: float) -> dict[str, float]:
    """Multiple choice needs observations of either finding, equally often; a sixth of it cannot be judged."""
    observed = {name: count for name, count in counts.items() if name != "unclear"}
    chances = _level(observed, wanted / 1.2, most)
    if chances and (unclear := counts.get("unclear", 0.0)):
        chances["unclear"] = min(most, 0.4 * min(chances[n] * observed[n] for n in chances) / unclear)
    return chances


def _share_of(
    answer: str, counts: Mapping[str, float], chances: Mapping[tuple[str, str], float], criterion: str
) -> float:
    dealt = {name: chances.get((criterion, name), 0.0) * count for name, count in counts.items()}
    return dealt.get(answer, 0.0) / sum(dealt.values()) if any(dealt.values()) else 0.0
