"""IPTC digital source types: the words by which a file says how it came to be.

Source: https://cv.iptc.org/newscodes/digitalsourcetype/ and the C2PA specification.
"""

from __future__ import annotations

from fakescope.images.findings import Findings, Kind, PointsTo
from fakescope.images.text import clean_text

_GENERATED = frozenset({"trainedalgorithmicmedia", "algorithmicmedia", "trainedalgorithmicdata"})
_PARTLY_GENERATED = frozenset({"compositewithtrainedalgorithmicmedia"})
_CAPTURED = frozenset({"digitalcapture", "computationalcapture", "negativefilm", "positivefilm", "print"})
_EDITED = frozenset(
    {
        "compositecapture", "composite", "compositesynthetic", "humanedits", "minorhumanedits",
        "algorithmicallyenhanced", "digitalart", "digitalcreation", "datadrivenmedia", "virtualrecording",
        "screencapture", "softwareimage",
    }
)  # fmt: skip
PARTLY_NOTE = (
    "The file says that parts of it come from a generator, which can be a small edit of a photograph."
)


def short_name(value: object) -> str:
    """The last part of a source type's address: `trainedAlgorithmicMedia` and the like."""
    return clean_text(value, 200).rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1]


def points_to(source_type: str) -> PointsTo | None:
    """Whether a source type speaks of a generator, a camera or an editor; None for an unknown one."""
    key = source_type.lower()
    if key in _GENERATED | _PARTLY_GENERATED:
        return "generator"
    if key in _CAPTURED:
        return "camera"
    return "editor" if key in _EDITED else None


def add_source_type(findings: Findings, kind: Kind, value: object) -> PointsTo | None:
    """Record a source type as a fact, with the note that a partial one needs; say what it points to."""
    name = short_name(value)
    where = points_to(name)
    findings.add(kind, "digital source type", name, where)
    if where == "generator":
        findings.generators.append("")
    if name.lower() in _PARTLY_GENERATED:
        findings.note(PARTLY_NOTE)
    return where
