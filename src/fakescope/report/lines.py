"""The published output: one flat JSON object for each image, and the schema of it."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from fakescope.errors import FakescopeError
from fakescope.records import Credentials, Evidence, Examination, Finding, Label, Region
from fakescope.taxonomy import CRITERION_IDS

SCHEMA_BASE = "https://json-schema.org/draft/2020-12/schema"


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DetectionLine(_Line):
    """What `fakescope detect --json` prints for one image: the verdict and what it was computed with."""

    schema_version: int = Field(description="raised whenever a field changes its meaning or goes")
    path: str = Field(description="as named by the user; <stdin> for `-`")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="of the file's bytes")
    format: str = Field(description="judged by content: JPEG, PNG, WEBP, GIF, TIFF, BMP, HEIF or AVIF")
    width_px: int = Field(ge=1)
    height_px: int = Field(ge=1)
    size_bytes: int = Field(ge=1)
    label: Label | None = Field(description="null when the verdict is inconclusive; see reason")
    reason: str | None = Field(description="why the verdict is inconclusive, else null")
    p_fake: float = Field(ge=0, le=1, description="calibrated probability that a generator made the image")
    p_fake_bounds: tuple[float, float] | None = Field(
        description="between which p_fake lies, when a server told only its likeliest tokens; else null"
    )
    llr: float = Field(description="calibrated log-likelihood ratio in nats; above 0 speaks for fake")
    answer_mass: float = Field(ge=0, le=1, description="next-token probability on the candidate words")
    threshold: float = Field(ge=0, le=1, description="p_fake at and above which the label is fake")
    band: tuple[float, float] = Field(description="the inconclusive zone of p_fake, [low, high)")
    calibration: str
    model: str
    model_revision: str
    prompt_hash: str = Field(description="changes whenever a fixed prompt changes")
    seconds: float = Field(ge=0)


class EvidenceLine(_Line):
    """One visible trace."""

    criterion: str = Field(json_schema_extra={"enum": list(CRITERION_IDS)})
    finding: Finding
    observation: str
    region: Region | None = Field(description="(x0, y0, x1, y1) in fractions of the upright image")
    region_from: Literal["model", "occlusion"] | None = Field(
        description="model: named in its words; occlusion: measured by hiding it"
    )
    p_finding: float | None = Field(ge=0, le=1, description="the model's probability of the finding")
    llr_drop: float | None = Field(description="measured: nats by which llr falls when the region is hidden")


class ExaminationLine(DetectionLine):
    """What `fakescope examine --json` prints for one image: everything."""

    description: str
    evidence: list[EvidenceLine]
    limits: list[str]
    next_steps: list[str]
    credentials: Credentials = Field(
        description="what the file says of its origin; never part of the verdict"
    )
    conflict: str | None = Field(description="where verdict and credentials disagree, in words")


class ErrorBody(_Line):
    """What went wrong with one image."""

    code: str
    message: str
    hint: str


class ErrorLine(_Line):
    """What is printed instead for an image that could not be examined."""

    path: str
    error: ErrorBody


def detection_line(examination: Examination) -> DetectionLine:
    """The verdict of an examination, flat."""
    return DetectionLine(**_detection_fields(examination))


def examination_line(examination: Examination) -> ExaminationLine:
    """An examination, flat."""
    return ExaminationLine(
        **_detection_fields(examination),
        description=examination.description,
        evidence=[_evidence(item) for item in examination.evidence],
        limits=list(examination.limits),
        next_steps=list(examination.next_steps),
        credentials=examination.credentials,
        conflict=examination.conflict,
    )


def error_line(path: str, error: FakescopeError) -> ErrorLine:
    """An error in the one shape that all errors have."""
    return ErrorLine(path=path, error=ErrorBody(code=error.code, message=error.message, hint=error.hint))


def to_json(line: BaseModel) -> str:
    """One line of ASCII: control and invisible characters of foreign text are escaped."""
    return json.dumps(line.model_dump(mode="json"), allow_nan=False)


def schema_of(line: type[BaseModel], name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one kind of line."""
    schema = line.model_json_schema(mode="serialization")
    return {"$schema": SCHEMA_BASE, "$id": f"urn:fakescope:schema:{name}", **schema}


SCHEMAS: dict[str, type[BaseModel]] = {
    "detection": DetectionLine,
    "examination": ExaminationLine,
    "error": ErrorLine,
}
"""The published schemas, by the name of their file."""


def _detection_fields(examination: Examination) -> dict[str, Any]:
    verdict = examination.verdict
    of_image = ("schema_version", "path", "sha256", "format", "width_px", "height_px", "size_bytes")
    of_run = ("model", "model_revision", "prompt_hash", "seconds")
    of_verdict = (
        "label", "reason", "p_fake", "p_fake_bounds", "llr", "answer_mass", "threshold", "band", "calibration",
    )  # fmt: skip
    fields = {name: getattr(examination, name) for name in of_image + of_run}
    return fields | {name: getattr(verdict, name) for name in of_verdict}


def _evidence(item: Evidence) -> EvidenceLine:
    return EvidenceLine(**{name: getattr(item, name) for name in EvidenceLine.model_fields})
