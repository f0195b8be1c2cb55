"""What every form of report shows of one examination, derived once and cleaned of hostile text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from fakescope.images.text import clean_text
from fakescope.records import CredentialFact, Evidence, Examination, Finding, Region, Verdict
from fakescope.report import words
from fakescope.taxonomy import BY_ID

TEXT_CHARS = 4000
"""Longest text of a model that is shown; nano writes far less."""

_KIND_NAMES = {
    "c2pa": "C2PA",
    "exif": "EXIF",
    "xmp": "XMP",
    "iptc": "IPTC",
    "generator_parameters": "Generator parameters",
    "container": "File",
}


@dataclass(frozen=True)
class TraceView:
    """One numbered trace as it is shown."""

    number: int
    criterion: str
    name: str
    finding: Finding
    observation: str
    region: Region | None
    place: str
    region_from: str
    effect: str
    sureness: str

    @property
    def where(self) -> str:
        """Place, who named it, and what hiding it did; empty without a region."""
        return " · ".join(part for part in (self.place, self.region_from, self.effect) if part)


@dataclass(frozen=True)
class FactView:
    """One statement of the file about itself."""

    kind: str
    name: str
    value: str
    points_to: str


@dataclass(frozen=True)
class CaseView:
    """One examination as it is shown. All texts are one line without control or invisible characters."""

    name: str
    path: str
    tone: words.Tone
    headline: str
    lead: str
    p_fake: float
    percent: str
    band: tuple[float, float]
    threshold: float
    description: str
    abnormal: tuple[TraceView, ...]
    natural: tuple[TraceView, ...]
    limits: tuple[str, ...]
    next_steps: tuple[str, ...]
    facts: tuple[FactView, ...]
    credential_summary: str
    credential_notes: tuple[str, ...]
    conflict: str
    file_line: str
    method: tuple[tuple[str, str], ...]

    @property
    def traces(self) -> tuple[TraceView, ...]:
        """All traces in the order of their numbers."""
        return self.abnormal + self.natural


def build_case(examination: Examination) -> CaseView:
    """Derive what is shown of an examination."""
    verdict = examination.verdict
    abnormal = [e for e in examination.evidence if e.finding == "abnormal"]
    natural = [e for e in examination.evidence if e.finding == "natural"]
    credentials = examination.credentials
    return CaseView(
        name=shown_name(examination.path),
        path=clean_text(examination.path, 500) or "(unnamed)",
        tone=words.tone_of(verdict),
        headline=words.headline(verdict),
        lead=clean_text(words.lead(verdict), TEXT_CHARS),
        p_fake=verdict.p_fake,
        percent=words.percent(verdict.p_fake),
        band=verdict.band,
        threshold=verdict.threshold,
        description=clean_text(examination.description, TEXT_CHARS),
        abnormal=_traces(abnormal, 1),
        natural=_traces(natural, 1 + len(abnormal)),
        limits=_texts(examination.limits),
        next_steps=_texts(examination.next_steps),
        facts=tuple(_fact(fact) for fact in credentials.facts),
        credential_summary=_credential_summary(examination),
        credential_notes=_notes(examination),
        conflict=clean_text(examination.conflict or "", TEXT_CHARS),
        file_line=file_line(examination),
        method=_method(examination),
    )


def shown_name(path: str) -> str:
    """The file's name without its folders, safe to show."""
    return clean_text(PurePath(path).name or path, 200) or "(unnamed)"


def file_line(examination: Examination) -> str:
    """Format, size in pixels and in bytes, in one line."""
    size = examination.size_bytes
    amount = f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
    pixels = f"{examination.width_px} × {examination.height_px} px"
    return f"{clean_text(examination.format, 20)} · {pixels} · {amount}"


def _traces(evidence: Sequence[Evidence], first: int) -> tuple[TraceView, ...]:
    return tuple(_trace(number, item) for number, item in enumerate(evidence, first))


def _trace(number: int, item: Evidence) -> TraceView:
    criterion = BY_ID.get(item.criterion)
    return TraceView(
        number=number,
        criterion=item.criterion,
        name=criterion.name if criterion else clean_text(item.criterion, 60),
        finding=item.finding,
        observation=clean_text(item.observation, TEXT_CHARS),
        region=item.region,
        place=words.place_words(item.region) if item.region else "",
        region_from=words.region_source_word(item.region_from) if item.region else "",
        effect=words.effect_words(item.llr_drop) if item.region else "",
        sureness=words.sureness(item.finding, item.p_finding),
    )


def _texts(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(cleaned for text in texts if (cleaned := clean_text(text, TEXT_CHARS)))


def _fact(fact: CredentialFact) -> FactView:
    return FactView(
        kind=_KIND_NAMES.get(fact.kind, fact.kind),
        name=clean_text(fact.name, 80),
        value=clean_text(fact.value),
        points_to=fact.points_to or "",
    )


def _credential_summary(examination: Examination) -> str:
    credentials = examination.credentials
    parts = []
    if credentials.generator:
        parts.append(f"The file itself names a generator: {clean_text(credentials.generator, 120)}.")
    if credentials.camera:
        parts.append(f"It names a camera: {clean_text(credentials.camera, 120)}.")
    if credentials.software:
        parts.append(f"It names software: {clean_text(credentials.software, 120)}.")
    signature = {
        "valid": "It carries an intact C2PA signature by a signer that is not on a trust list.",
        "trusted": "It carries an intact C2PA signature by a trusted signer.",
        "invalid": "It carries a C2PA manifest whose signature or content binding is broken.",
        "unreadable": "It carries C2PA data that could not be read.",
    }.get(credentials.c2pa_state)
    if signature:
        parts.append(signature)
    return " ".join(parts) or "The file says nothing about its origin."


def _notes(examination: Examination) -> tuple[str, ...]:
    notes = _texts(examination.credentials.notes)
    silent = not examination.credentials.generator
    if silent and not any("proves nothing" in note for note in notes):
        notes += (words.ABSENT_CREDENTIALS,)
    return notes


def _bounds(verdict: Verdict) -> str:
    if verdict.p_fake_bounds is None:
        return ""
    low, high = verdict.p_fake_bounds
    return f"; anywhere from {low:.4f} to {high:.4f}, for the server told only its likeliest tokens"


def _method(examination: Examination) -> tuple[tuple[str, str], ...]:
    verdict = examination.verdict
    low, high = verdict.band
    rows = (
        ("Model", f"{examination.model}, revision {examination.model_revision}"),
        ("p_fake", f"{verdict.p_fake:.4f} (log-likelihood ratio {verdict.llr:+.2f} nats)" + _bounds(verdict)),
        ("Threshold", f"{verdict.threshold:.2f}, inconclusive from {low:.2f} to {high:.2f}"),
        ("Answer mass", f"{verdict.answer_mass:.3f} of the next-token probability is on the answer words"),
        ("Calibration", verdict.calibration),
        ("Prompts", examination.prompt_hash),
        ("Image SHA-256", examination.sha256),
        ("Time taken", f"{examination.seconds:.1f} s"),
    )
    return tuple((name, clean_text(value, 300)) for name, value in rows)
