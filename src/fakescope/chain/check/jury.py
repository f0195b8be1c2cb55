"""A jury: what several teachers say of one image, and how far they disagree."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from fakescope.records import Check, Draft

MOST_DISAGREEMENT = 0.5


def disagreement(one: Draft, other: Draft) -> float:
    """How differently two drafts judge the criteria: 0 alike, 1 opposed.

    For each criterion that at least one of them judges: 0 if the findings agree, 1 if they are opposed, 1/2 if only one
    of them judges it. The mean of that.
    """
    scores = []
    for criterion in one.traces.keys() | other.traces.keys():
        a, b = one.traces.get(criterion), other.traces.get(criterion)
        if a and b:
            scores.append(float(a.finding != b.finding))
        elif a or b:
            scores.append(0.5)
    return sum(scores) / len(scores) if scores else 0.0


def jury(drafts: Sequence[Draft]) -> list[Check]:
    """One check a draft: its mean disagreement with the drafts of other teachers on the same image.

    Args:
        drafts: All readable ACoTI drafts of one image; of one teacher the last counts.

    Returns:
        Nothing where only one teacher has spoken.
    """
    panel = list({draft.teacher: draft for draft in drafts}.values())
    if len(panel) < 2:
        return []
    apart = {frozenset((a.id, b.id)): disagreement(a, b) for a, b in combinations(panel, 2)}
    return [
        _verdict(draft, [value for pair, value in apart.items() if draft.id in pair], len(panel))
        for draft in panel
    ]


def _verdict(draft: Draft, values: Sequence[float], jurors: int) -> Check:
    mean = sum(values) / len(values)
    passed = mean <= MOST_DISAGREEMENT
    detail = f"{jurors} teachers" + ("" if passed else "; this one differs from the others in most criteria")
    return Check(draft=draft.id, name="jury", passed=passed, value=round(mean, 4), detail=detail)
