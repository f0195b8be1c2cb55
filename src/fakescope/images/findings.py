"""What the readers of credentials find, collected before it becomes one record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fakescope.images.text import clean_text
from fakescope.records import CredentialFact

Kind = Literal["c2pa", "exif", "xmp", "iptc", "generator_parameters", "container"]
PointsTo = Literal["generator", "camera", "editor"]
MAX_FACTS = 80


@dataclass
class Findings:
    """Facts in the order found, and what they amount to.

    Attributes:
        facts: Cleaned for printing.
        generators: Names of generators that the file itself gives; a general name where it gives none.
        cameras: Make and model.
        software: Names of programs.
        notes: What a reader must know of these facts.
        capture_signed: A valid signature covers the statement that a camera took the image.
    """

    facts: list[CredentialFact] = field(default_factory=list)
    generators: list[str] = field(default_factory=list)
    cameras: list[str] = field(default_factory=list)
    software: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    capture_signed: bool = False

    def add(self, kind: Kind, name: str, value: object, points_to: PointsTo | None = None) -> str:
        """Keep a fact if its value is not empty, and return the cleaned value."""
        cleaned = clean_text(value)
        fact = CredentialFact(kind=kind, name=clean_text(name, 80), value=cleaned, points_to=points_to)
        if cleaned and fact not in self.facts and len(self.facts) < MAX_FACTS:
            self.facts.append(fact)
        return cleaned

    def note(self, text: str) -> None:
        """Keep a note once."""
        if text not in self.notes:
            self.notes.append(text)
