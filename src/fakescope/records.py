"""The records in which the two flows meet: what is examined, what is found, what is learned from.

One numeric map everywhere: fake = 1 = positive. Scores rise with fakeness.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1

Finding = Literal["abnormal", "natural"]
Part = Literal["alignment", "judgement", "reasoning", "traces", "discussion"]


class Label(StrEnum):
    """Whether an image was made by a generator."""

    REAL = "real"
    FAKE = "fake"

    @property
    def target(self) -> int:
        """1 for fake, 0 for real: the one numeric map of the project."""
        return int(self is Label.FAKE)


def _check_region(region: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = region
    if not (0.0 <= x0 < x1 <= 1.0 and 0.0 <= y0 < y1 <= 1.0):
        raise ValueError(
            f"region {region} is not (x0, y0, x1, y1) with 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1"
        )
    return region


Region = Annotated[tuple[float, float, float, float], AfterValidator(_check_region)]
"""(x0, y0, x1, y1) in fractions of the upright image's width and height; origin at the top left."""


class Record(BaseModel):
    """Base of all records: immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_enum_values=False)


class ImageRef(Record):
    """An image by reference, with what is known of its origin."""

    id: str
    path: str
    sha256: str | None = None
    label: Label | None = None
    generator: str | None = None
    source: str = ""
    licence: str = ""
    split: Literal["train", "dev", "test"] | None = None
    group: str = ""
    caption: str = ""
    date: str | None = Field(default=None, description="when it was made or published, as the source says")
    origin: str = Field(default="", description="where it lies at its source: a path, an address, a row")
    phash: str | None = Field(default=None, description="perceptual hash, 64 hex digits (PDQ)")
    format: str = ""
    width_px: int | None = Field(default=None, gt=0)
    height_px: int | None = Field(default=None, gt=0)
    size_bytes: int | None = Field(default=None, ge=0)


class Verdict(Record):
    """What the model holds, how surely, and whether it abstains.

    `p_fake` is calibrated; `llr` is the calibrated log-likelihood ratio, so p_fake = sigmoid(llr) at even
    prior odds.
    """

    label: Label | None = Field(description="null when the model abstains")
    reason: str | None = Field(default=None, description="why it abstains")
    p_fake: float = Field(ge=0.0, le=1.0)
    p_fake_bounds: tuple[float, float] | None = Field(
        default=None,
        description="between which p_fake lies, when a server returned only its likeliest tokens",
    )
    llr: float = Field(description="calibrated log-likelihood ratio in nats; above 0 speaks for fake")
    answer_mass: float = Field(
        ge=0.0, le=1.0, description="share of the model's next-token probability on the candidate words"
    )
    threshold: float = Field(ge=0.0, le=1.0, description="p_fake at and above which the label is fake")
    band: tuple[float, float] = Field(description="the inconclusive zone of p_fake, [low, high)")
    calibration: str = Field(description="identifier of the calibration that was applied")
    model: str


class Evidence(Record):
    """One visible trace: what was looked at, what was found, and where."""

    criterion: str
    finding: Finding
    observation: str
    region: Region | None = None
    region_from: Literal["model", "occlusion"] | None = Field(
        default=None,
        description="who names the region: the model's words, or a measurement of p_fake with it hidden",
    )
    p_finding: float | None = Field(
        default=None, ge=0.0, le=1.0, description="the model's probability of the finding"
    )
    llr_drop: float | None = Field(
        default=None,
        description="measured: by how many nats the llr falls when the region is hidden; above 0, it spoke for fake",
    )
    sentence: str = Field(default="", description="the model's sentence from which this was read")


class CredentialFact(Record):
    """One thing that the file says about its own origin."""

    kind: Literal["c2pa", "exif", "xmp", "iptc", "generator_parameters", "container"]
    name: str
    value: str
    points_to: Literal["generator", "camera", "editor"] | None = None


class Credentials(Record):
    """What a file says of its origin. Facts beside the verdict, never part of it."""

    facts: tuple[CredentialFact, ...] = ()
    c2pa_state: Literal["valid", "trusted", "invalid", "absent", "unreadable"] = "absent"
    generator: str | None = Field(
        default=None, description="the generator that the file names, if it names one"
    )
    camera: str | None = None
    software: str | None = None
    says: Label | None = Field(
        default=None, description="what the file itself claims: fake when it names a generator"
    )
    notes: tuple[str, ...] = ()


class Examination(Record):
    """Everything found out about one image."""

    schema_version: int = SCHEMA_VERSION
    path: str
    sha256: str
    format: str
    width_px: int
    height_px: int
    size_bytes: int
    verdict: Verdict
    description: str = ""
    evidence: tuple[Evidence, ...] = ()
    limits: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    credentials: Credentials = Credentials()
    conflict: str | None = Field(
        default=None, description="where verdict and credentials disagree, said in words"
    )
    model: str
    model_revision: str
    prompt_hash: str
    seconds: float = Field(default=0.0, ge=0.0)


class Message(Record):
    """One turn of a conversation. `train` marks the turns that a model learns to say."""

    role: Literal["system", "user", "assistant"]
    content: str
    train: bool = False


class Instruction(Record):
    """One training conversation about one image."""

    id: str = ""
    image: str
    messages: tuple[Message, ...]
    part: Part
    form: str = Field(default="", description="sort of question, such as traces.choice")
    criterion: str | None = None
    answer: str = Field(default="", description="closed answer of the conversation; empty for free text")
    rests_on: tuple[str, ...] = Field(
        default=(),
        description="facts of the record, such as traces.edge, and knowledge.ID for what holds in general",
    )
    writer: str = ""
    source_record: str = ""


class Lineage(Record):
    """Who or what made a record, and from what."""

    made_by: str
    kind: Literal["person", "machine"]
    model: str | None = None
    prompt_hash: str | None = None
    at: str | None = None
    notes: str = ""


class TraceNote(Record):
    """A FakeChain observation on one criterion."""

    finding: Finding
    observation: str
    region: Region | None = None


class Box(Record):
    """A region that a person drew, and the criterion it is for."""

    region: Region
    criterion: str | None = None


class Judgement(Record):
    """ACoTI, steer: what a person held of an image without knowing its label.

    Rows are appended, never overwritten: for one person and image the first settles `said` and `confidence`, which
    were given blind, and the last settles criteria and boxes. A wrong judgement has neither, and is kept: it tells
    which images deceive people.
    """

    image: str
    who: str
    kind: Literal["person", "machine"] = "person"
    said: Label
    confidence: float = Field(ge=0.5, le=1.0, description="how likely the person holds `said` to be")
    right: bool
    criteria: tuple[str, ...] = Field(default=(), description="asked only when right")
    boxes: tuple[Box, ...] = ()
    seconds: float = Field(default=0.0, ge=0.0)
    at: str = Field(default="", description="UTC, ISO 8601")

    @property
    def p_fake(self) -> float:
        """The judgement as a probability of fake."""
        return self.confidence if self.said is Label.FAKE else 1.0 - self.confidence


class Exemplar(Record):
    """ACoTI, demonstrate: a worked example, merged from a human and a machine demonstration, checked by a person."""

    id: str
    image: str
    label: Label
    criteria: tuple[str, ...]
    human: str = ""
    machine: str = ""
    text: str = Field(default="", description="the merged demonstration that teachers are shown")
    checked_by: str | None = None
    at: str = ""


class Draft(Record):
    """ACoTI, enlighten: what a teacher wrote of an image, or how it failed to.

    A failure has `fault` and none of the texts: it is never filled in.
    """

    id: str
    image: str
    teacher: str
    mode: Literal["acoti", "plain"] = "acoti"
    prompt_hash: str
    fault: str | None = Field(
        default=None, description="name of what went wrong; null for a draft that can be read"
    )
    detail: str = Field(default="", description="what was wrong, in words; may quote the teacher")
    subject: str = ""
    traces: dict[str, TraceNote | None] = Field(default_factory=dict)
    description: str = ""
    limits: str = ""
    advice: str = ""
    criteria: tuple[str, ...] = Field(default=(), description="what people's supervision named")
    exemplars: tuple[str, ...] = ()
    mended: tuple[str, ...] = Field(default=(), description="parts of the answer that were left out, and why")
    faults: tuple[str, ...] = Field(default=(), description="faults of all attempts at this draft, in order")
    tokens_in: int = Field(default=0, ge=0)
    tokens_out: int = Field(default=0, ge=0)
    cost: float = Field(default=0.0, ge=0.0, description="money, in the unit of the prices that were given")
    seconds: float = Field(default=0.0, ge=0.0)
    at: str = ""

    @property
    def asked(self) -> int:
        """How many requests were sent."""
        return len(self.faults) + (self.fault is None)

    def abnormal(self) -> tuple[str, ...]:
        """Ids of the criteria found abnormal."""
        return _abnormal(self.traces)


class Check(Record):
    """One automatic check of a draft, before people see it."""

    draft: str
    name: str
    passed: bool
    value: float | None = None
    detail: str = ""


class Review(Record):
    """What a person decided on a draft. Appended, never overwritten: the last of a person and draft counts."""

    draft: str
    image: str
    who: str
    role: Literal["annotator", "adjudicator", "owner"] = "annotator"
    decision: Literal["accept", "revise", "reject"]
    reason: str = ""
    traces: dict[str, TraceNote | None] | None = Field(
        default=None, description="as revised; null if unchanged"
    )
    description: str | None = None
    limits: str | None = None
    advice: str | None = None
    seconds: float = Field(default=0.0, ge=0.0)
    at: str = ""


class Choice(Record):
    """A two-alternative forced choice between an ACoTI draft and a plain one, sides drawn at random."""

    image: str
    who: str
    left: str = Field(description="id of the draft shown at the left")
    right: str
    chosen: Literal["left", "right"]
    seconds: float = Field(default=0.0, ge=0.0)
    at: str = ""


class ChainRecord(Record):
    """One FakeChain record: an image, its label, and reasoning from visible traces to that label."""

    image: ImageRef
    subject: str = ""
    kind: str = ""
    blind_p_fake: float | None = Field(default=None, ge=0.0, le=1.0)
    traces: dict[str, TraceNote | None] = Field(default_factory=dict)
    description: str = ""
    limits: str = ""
    advice: str = ""
    lineage: tuple[Lineage, ...] = ()
    status: Literal["draft", "accepted", "revised", "rejected"] = "draft"
    judgements: tuple[Judgement, ...] = ()
    exemplars: tuple[str, ...] = Field(
        default=(), description="ids of the demonstrations that the teacher was shown"
    )
    drafts: tuple[Draft, ...] = ()
    reviews: tuple[Review, ...] = ()

    def abnormal(self) -> tuple[str, ...]:
        """Ids of the criteria found abnormal, in taxonomy order."""
        return _abnormal(self.traces)


def _abnormal(traces: dict[str, TraceNote | None]) -> tuple[str, ...]:
    return tuple(name for name, note in traces.items() if note and note.finding == "abnormal")


JsonObject = dict[str, Any]
