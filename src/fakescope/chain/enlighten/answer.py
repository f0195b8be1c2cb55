"""What a teacher must answer, and how its text becomes that or a named fault. Nothing is guessed or filled in."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, ValidationError

from fakescope.chain.teachers.base import Fault, TeacherError
from fakescope.records import Finding, Label, Region, TraceNote
from fakescope.taxonomy import CRITERION_IDS

MAX_ANSWER_CHARS = 40_000
MAX_TEXT_CHARS = 4000
_CLAIM = re.compile(
    r"\b(?:image|picture|photo(?:graph)?|it|this) is (?:an? |a )?(fake|real)\b", re.IGNORECASE
)

_REGION = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}
_TRACE = {
    "type": "object",
    "properties": {
        "criterion": {"type": "string", "enum": list(CRITERION_IDS)},
        "finding": {"type": "string", "enum": ["abnormal", "natural"]},
        "observation": {"type": "string"},
        "region": {"anyOf": [_REGION, {"type": "null"}]},
    },
    "required": ["criterion", "finding", "observation", "region"],
    "additionalProperties": False,
}
_TEXTS = ("subject", "description", "limits", "advice")
ANSWER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "label": {"type": "string", "enum": [label.value for label in Label]},
        "subject": {"type": "string"},
        "traces": {"type": "array", "items": _TRACE},
        "description": {"type": "string"},
        "limits": {"type": "string"},
        "advice": {"type": "string"},
    },
    "required": ["label", "subject", "traces", "description", "limits", "advice"],
    "additionalProperties": False,
}
"""JSON schema of an answer, in the subset that servers can bind a model to."""


class _Trace(BaseModel):
    model_config = ConfigDict(extra="ignore")
    criterion: str
    finding: Finding
    observation: str = Field(min_length=1, max_length=MAX_TEXT_CHARS)
    region: list[StrictFloat | StrictInt] | None = None


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")
    label: Label
    subject: str = Field(max_length=MAX_TEXT_CHARS)
    traces: list[_Trace] = Field(max_length=100)
    description: str = Field(min_length=1, max_length=MAX_TEXT_CHARS)
    limits: str = Field(default="", max_length=MAX_TEXT_CHARS)
    advice: str = Field(default="", max_length=MAX_TEXT_CHARS)


@dataclass(frozen=True)
class Answer:
    """A teacher's answer that can be used.

    Attributes:
        traces: One note a criterion, in taxonomy order; None where the teacher said nothing.
        mended: Parts that were left out, each with its reason.
    """

    subject: str
    traces: dict[str, TraceNote | None]
    description: str
    limits: str
    advice: str
    mended: tuple[str, ...] = field(default=())


def read_answer(text: str, label: Label) -> Answer:
    """Read a teacher's text.

    Args:
        text: What it wrote; a code fence around the JSON is allowed.
        label: The label that it was told.

    Raises:
        TeacherError: EMPTY, NOT_JSON, SCHEMA, or WRONG_LABEL when it states the other label.
    """
    if not text.strip():
        raise TeacherError(Fault.EMPTY, "the answer has no text")
    try:
        answer = _Answer.model_validate(_json(text))
    except ValidationError as error:
        raise TeacherError(Fault.SCHEMA, _first_faults(error)) from error
    if answer.label is not label:
        raise TeacherError(Fault.WRONG_LABEL, f"told {label.value}, it says {answer.label.value}")
    stated = _CLAIM.search(answer.description)
    if stated and stated[1].lower() != label.value:
        raise TeacherError(Fault.WRONG_LABEL, f"told {label.value}, its description says: {stated[0]}")
    traces, mended = _traces(answer.traces)
    texts = {name: _clean(getattr(answer, name)) for name in _TEXTS}
    if not texts["description"]:
        raise TeacherError(Fault.EMPTY, "the description has no text")
    return Answer(traces=traces, mended=tuple(mended), **texts)


def _json(text: str) -> Any:
    if len(text) > MAX_ANSWER_CHARS:
        raise TeacherError(Fault.NOT_JSON, f"the answer has over {MAX_ANSWER_CHARS} characters")
    start, end = text.find("{"), text.rfind("}")
    try:
        return json.loads(text[start : end + 1] if start >= 0 else text)
    except (ValueError, RecursionError) as error:
        raise TeacherError(Fault.NOT_JSON, f"{error}: {_clean(text)[:200]!r}") from error


def _first_faults(error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    said = [f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in faults[:3]]
    return "; ".join(said) + (f"; and {len(faults) - 3} more" if len(faults) > 3 else "")


def _traces(given: list[_Trace]) -> tuple[dict[str, TraceNote | None], list[str]]:
    notes: dict[str, TraceNote] = {}
    mended: list[str] = []
    for trace in given:
        observation = _clean(trace.observation)
        if trace.criterion not in CRITERION_IDS:
            mended.append(f"unknown criterion {_clean(trace.criterion)[:40]!r}")
        elif trace.criterion in notes:
            mended.append(f"second note on {trace.criterion}")
        elif not observation:
            mended.append(f"empty note on {trace.criterion}")
        else:
            region = _region(trace.region)
            if trace.region is not None and region is None:
                mended.append(f"region of {trace.criterion} is not inside the image: {trace.region[:4]}")
            notes[trace.criterion] = TraceNote(finding=trace.finding, observation=observation, region=region)
    return {criterion: notes.get(criterion) for criterion in CRITERION_IDS}, mended


def _region(values: list[float | int] | None) -> Region | None:
    if values is None or len(values) != 4:
        return None
    x0, y0, x1, y1 = (float(value) for value in values)
    return (x0, y0, x1, y1) if 0.0 <= x0 < x1 <= 1.0 and 0.0 <= y0 < y1 <= 1.0 else None


def _clean(text: str) -> str:
    """On one line. Lone surrogates, which JSON allows and UTF-8 does not, were refused before."""
    return " ".join(text.split())
