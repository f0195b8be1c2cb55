"""Made-up drafts and reviews, in the records of `made_records`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "instruct"))

from made_records import make_record

from fakescope.records import ChainRecord, Draft, Label, Review


def make_draft(id: str, text: str, image: str = "fake0") -> Draft:
    """A draft that can be read."""
    return Draft(id=id, image=image, teacher="teacher", prompt_hash="0", description=text)


def make_review(draft: str, decision: str, who: str = "ann", image: str = "fake0", **changes: Any) -> Review:
    """What one person decided."""
    values: dict[str, Any] = {"draft": draft, "image": image, "who": who, "decision": decision}
    return Review(**(values | changes))


def reviewed(
    drafts: Sequence[Draft], reviews: Sequence[Review], number: int = 0, label: Label = Label.FAKE,
    split: str = "train", **changes: Any,
) -> ChainRecord:  # fmt: skip
    """A record with drafts and reviews."""
    changes = {"status": "accepted", **changes}
    record: ChainRecord = make_record(
        number, label, split, drafts=tuple(drafts), reviews=tuple(reviews), **changes
    )
    return record


def good_and_bad(number: int, label: Label, split: str = "train") -> ChainRecord:
    """One draft that was accepted and one that was rejected."""
    image = f"{label}{number}"
    start = f"This image is {label} because"
    drafts = [
        make_draft(f"{image}-good", f"{start} the hem number {number} melts into the skin.", image),
        make_draft(f"{image}-bad", f"{start} everything is somehow strange in number {number}.", image),
    ]
    reviews = [
        make_review(f"{image}-good", "accept", image=image),
        make_review(f"{image}-bad", "reject", image=image, reason="vague"),
    ]
    return reviewed(drafts, reviews, number, label, split)
