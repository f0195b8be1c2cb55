"""Steer: people judge images blind, and those who are right say by which criteria (ACoTI, first step).

    judgements of an image -> one settled judgement a person -> supervision: the criteria that are kept

The paper keeps the intersection of two experts' criteria; union and majority are there for other panels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from fakescope.chain.store import Store
from fakescope.records import Box, Judgement
from fakescope.taxonomy import CRITERION_IDS


class Keep(StrEnum):
    """Which criteria of several people are kept."""

    INTERSECTION = "intersection"
    MAJORITY = "majority"
    UNION = "union"


@dataclass(frozen=True)
class Supervision:
    """What people's judgements of one image come to.

    Attributes:
        criteria: Kept criteria, in taxonomy order; empty if nobody was right, or those who were share none.
        boxes: Boxes of those who were right, for kept criteria and for none in particular.
        right: Who recognised the label.
        wrong: Whom the image deceived.
    """

    image: str
    criteria: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()

    @property
    def deceived(self) -> float:
        """Share of the people whom the image deceived, 0 to 1; 0 if nobody judged it."""
        judged = len(self.right) + len(self.wrong)
        return len(self.wrong) / judged if judged else 0.0


def settle(rows: Iterable[Judgement]) -> list[Judgement]:
    """One judgement a person and image: blind verdict of the first row, criteria and boxes of the last.

    The verdict cannot be taken back: being asked for criteria tells that it was right.
    """
    first: dict[tuple[str, str], Judgement] = {}
    last: dict[tuple[str, str], Judgement] = {}
    for row in rows:
        first.setdefault((row.image, row.who), row)
        last[row.image, row.who] = row
    return [
        last[key].model_copy(
            update={"said": row.said, "confidence": row.confidence, "right": row.right}
            | ({} if row.right else {"criteria": (), "boxes": ()})
        )
        for key, row in first.items()
    ]


def supervise(image: str, rows: Iterable[Judgement], keep: Keep = Keep.INTERSECTION) -> Supervision:
    """The supervision that the judgements of one image give. Machines count only where no person has judged."""
    settled = settle(rows)
    settled = [row for row in settled if row.kind == "person"] or settled
    right = [row for row in settled if row.right]
    criteria = _kept([set(row.criteria) for row in right], keep)
    boxes = tuple(
        box for row in right for box in row.boxes if box.criterion is None or box.criterion in criteria
    )
    return Supervision(
        image=image,
        criteria=criteria,
        boxes=boxes,
        right=tuple(row.who for row in right),
        wrong=tuple(row.who for row in settled if not row.right),
    )


def supervisions(store: Store, images: list[str], keep: Keep = Keep.INTERSECTION) -> dict[str, Supervision]:
    """Supervision of each of the images, also of those that nobody judged."""
    rows: dict[str, list[Judgement]] = {image: [] for image in images}
    for row in store.read(Judgement, image=images):
        rows[row.image].append(row)
    return {image: supervise(image, found, keep) for image, found in rows.items()}


def _kept(chosen: list[set[str]], keep: Keep) -> tuple[str, ...]:
    votes = Counter(criterion for criteria in chosen for criterion in criteria)
    needed = {Keep.UNION: 1, Keep.MAJORITY: len(chosen) // 2 + 1, Keep.INTERSECTION: len(chosen)}[keep]
    return tuple(criterion for criterion in CRITERION_IDS if chosen and votes[criterion] >= needed)
