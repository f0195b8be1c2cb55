"""What a FakeChain record says, cleaned and ready to be said again: nothing else may be told of its image.

Each fact has an id, by which an instruction names what it rests on: `label`, `strength`, `subject`, `description`,
`limits`, `advice`, or `traces.CRITERION`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from fakescope.instruct import phrasing
from fakescope.instruct.phrasing import Strength
from fakescope.records import ChainRecord, Finding, Label, Region
from fakescope.taxonomy import CRITERION_IDS

PLACES = (
    "at the upper left", "near the top", "at the upper right", "on the left", "in the middle", "on the right",
    "at the lower left", "near the bottom", "at the lower right",
)  # fmt: skip


NOWHERE = "nowhere"
"""In no one place of the picture."""

SHARED_WORDS = 2
PHOTO = "photo"
"""Kind of a picture that a camera could have taken; of others it is not said what a camera would give."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one criterion.

    Attributes:
        text: A whole sentence.
        place: One of `PLACES`; empty where the region is large or missing.
        region: As in the record.
    """

    finding: Finding
    text: str
    place: str = ""
    region: Region | None = None

    @property
    def spot(self) -> str:
        """Its place, `nowhere` for a large region, and nothing where the record names no region."""
        return self.place or (NOWHERE if self.region else "")


@dataclass(frozen=True)
class Facts:
    """What one record says.

    Attributes:
        id: Of image and record.
        seen: Criterion -> what was seen; without those that could not be judged.
        unjudged: Criteria that could not be judged.
        unsaid: Criteria with a finding whose text cannot be used: nothing is said of them.
        abnormal: How many criteria the record finds abnormal, those without a usable text among them.
        told: The description, beginning `This image is LABEL because`; empty where it cannot be used.
    """

    id: str
    label: Label
    split: str
    kind: str
    subject: str
    seen: dict[str, Seen]
    unjudged: tuple[str, ...]
    told: str
    limits: str
    advice: str
    strength: Strength
    unsaid: tuple[str, ...] = ()
    abnormal: int = 0

    @property
    def by_camera(self) -> bool:
        """Whether the picture is of a kind that a camera takes."""
        return self.kind == PHOTO

    @cached_property
    def told_of(self) -> tuple[str, ...]:
        """Criteria of which the record lets something be said, in the order of the taxonomy."""
        return tuple(name for name in CRITERION_IDS if name in self.seen or name in self.unjudged)

    @property
    def all_judged(self) -> bool:
        """Whether every criterion has a finding."""
        return len(self.seen) + len(self.unsaid) == len(CRITERION_IDS)

    @cached_property
    def signs(self) -> tuple[str, ...]:
        """Criteria whose finding supports the label, in the order of the taxonomy."""
        wanted: Finding = "abnormal" if self.label is Label.FAKE else "natural"
        return tuple(name for name, seen in self.seen.items() if seen.finding == wanted)

    @cached_property
    def others(self) -> tuple[str, ...]:
        """Criteria whose finding does not support the label."""
        return tuple(name for name in self.seen if name not in self.signs)

    @cached_property
    def main(self) -> frozenset[str]:
        """Abnormal criteria on which the description leans: it shares words of content with their observation."""
        spoken = phrasing.content_words(self.told)
        return frozenset(
            name
            for name, seen in self.seen.items()
            if seen.finding == "abnormal" and len(phrasing.content_words(seen.text) & spoken) >= SHARED_WORDS
        )

    def finding(self, criterion: str) -> str:
        """abnormal, natural or unclear."""
        seen = self.seen.get(criterion)
        return seen.finding if seen else "unclear"


def facts_of(record: ChainRecord) -> Facts | None:
    """The facts of a record; None where it has no label."""
    label = record.image.label
    if label is None:
        return None
    seen: dict[str, Seen] = {}
    unjudged: list[str] = []
    unsaid: list[str] = []
    for name in CRITERION_IDS:
        note = record.traces.get(name)
        text = phrasing.clean(note.observation) if note else ""
        if note and text:
            local = note.region is not None and phrasing.is_local(note.region)
            where = phrasing.place(note.region) if note.region and local else ""
            seen[name] = Seen(note.finding, text, where, note.region)
        elif note:
            unsaid.append(name)
        elif name in record.traces:
            unjudged.append(name)
    return Facts(
        id=record.image.id,
        label=label,
        split=record.image.split or "",
        kind=record.kind,
        subject=phrasing.clean(record.subject),
        seen=seen,
        unjudged=tuple(unjudged),
        told=phrasing.description(record),
        limits=phrasing.clean(record.limits),
        advice=phrasing.advice(record),
        strength=phrasing.strength(record),
        unsaid=tuple(unsaid),
        abnormal=len(record.abnormal()),
    )
