"""Cleaning annotation text and saying the same thing in several ways, with the grammar kept.

A small model learns what it reads: plain ASCII punctuation, sentences that stand alone, no marks of
services in the corner (they are cropped or masked in training and are no visible trace of generation).
"""

from __future__ import annotations

import functools
import random
import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

from fakescope.prompts import description_prefix
from fakescope.records import ChainRecord, Label, Region

MAX_WORDS = 90
MAX_DIGITS = 8
"""A sentence with more digits than this is serial numbers and prices, which a small model only garbles."""

Strength = Literal["weak", "moderate", "strong"]

_PUNCTUATION = str.maketrans(
    {
        "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'", "\u2032": "'", "\u00b4": "'", "`": "'",
        "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u00ab": '"', "\u00bb": '"', "\u2033": '"',
        "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": " - ", "\u2015": " - ",
        "\u2026": "...", "\u00b0": " degrees", "\u00d7": "x", "\u00df": "ss", "\u00f8": "o", "\u00d8": "O",
        "\u00e6": "ae", "\u0153": "oe", "\u00a0": " ", "*": "", "#": "", "_": " ", "<": "", ">": "",
    }
)  # fmt: skip
_MARK = re.compile(
    r"\bsparkle\b|watermark|\b(?:the|its|this|a) (?:visible )?mark\b|\bgemini\b|"
    r"\bAI (?:mark|logo|service|stamp)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9'\"])")
_BECAUSE = re.compile(
    r"^this (?:image|picture) is (fake|real)\b[\s,:;]*(?:because\b|since\b|as\b)?[\s,:;]*", re.I
)
_CONTRAST = re.compile(
    r"^(?:a|an|no|only a|true|real|genuine|human|generated|generators?)\b.*"
    r"\b(?:would|could|usually|often|rarely|tends?)\b"
)
_OWN_STRENGTH = re.compile(
    r"\b(weak|moderate|strong) evidence\b|"
    r"\b(?:evidence|signs?|case) (?:is|are|remains?|would be) (?:\w+ )?(weak|moderate|strong)\b",
    re.IGNORECASE,
)

_WORD = re.compile(r"[a-z][a-z'-]{2,}[a-z]|[0-9]+")
_EMPTY_WORDS = frozenset(
    """
    about above after again also although always among another because been before behind being below beneath beside
    between both could does done down each either else even every from further have having here hers himself however
    image into itself just less like many more most much must near neither none nothing once only onto other ours over
    part picture rather same shall should since some such than that their them then there these they this those though
    through thus toward towards under until upon very were what when where whether which while whose will with within
    without would yours fake real
    """.split()  # noqa: SIM905
)
_LOWER_STARTS = frozenset(
    """
    a an the this that these those it its his her their they he she there here both each every all some
    no not none nothing neither only one two three four five six several many most few half part parts
    in on at by from with without behind before below above under over near between beside around along
    across within against of for to as if when where while although though because since
    soft hard warm cool cold flat low high deep dark bright light strong weak fine small large big tiny
    long short thin thick wide narrow heavy muted dull pale rich clear sharp smooth rough even uneven
    white black red blue green yellow orange brown grey pink purple golden gold silver
    left right upper lower front back rear near far top bottom inner outer main central single double
    hair skin face faces eyes eye head heads hand hands finger fingers arm arms leg legs foot feet teeth
    mouth nose ear ears neck body bodies limbs paws fur feathers tail wings beak
    sun sunlight daylight window windows flash lamp lamps overcast shadow shadows highlights light
    water sky clouds grass leaves trees tree wall walls floor road street background foreground scene
    letters text lettering lines line edges outlines contours strands surfaces objects people figures
    colour colours tones contrast grain noise focus blur depth perspective proportions reflections
    """.split()  # noqa: SIM905
)


def pick(rng: random.Random, options: Sequence[str]) -> str:
    """One of the options."""
    return options[rng.randrange(len(options))]


def rng_for(seed: int, *names: str) -> random.Random:
    """A generator that depends on seed and names alone, so that order and neighbours change nothing."""
    return random.Random(":".join([str(seed), *names]))


def ascii_text(text: str) -> str:
    """Plain ASCII on one line: accents dropped, quotes and dashes straightened, markdown signs removed."""
    straight = unicodedata.normalize("NFKC", text.translate(_PUNCTUATION)).translate(_PUNCTUATION)
    bare = unicodedata.normalize("NFKD", straight).encode("ascii", "ignore").decode("ascii")
    return " ".join("".join(c if c.isprintable() else " " for c in bare).split())


def sentences(text: str) -> list[str]:
    """Split on full stops that are followed by a capital."""
    return [part for part in _SENTENCE_END.split(text.strip()) if part]


@functools.lru_cache(maxsize=65536)
def clean(text: str, *, max_words: int = MAX_WORDS) -> str:
    """Annotation text ready to be said: ASCII, no marks of services, few digits, bounded, whole sentences.

    Returns:
        Text that starts with a capital and ends with a full stop; empty when nothing usable is left.
    """
    kept: list[str] = []
    for sentence in sentences(ascii_text(text)):
        clauses = [clause for clause in sentence.split("; ") if not _MARK.search(clause)]
        said = "; ".join(clauses).rstrip(" ;,:")
        if not said or sum(c.isdigit() for c in said) > MAX_DIGITS:
            continue
        if sum(len(s.split()) for s in kept) + len(said.split()) > max_words:
            break
        kept.append(full_sentence(said))
    return " ".join(kept)


@functools.lru_cache(maxsize=65536)
def content_words(text: str) -> frozenset[str]:
    """The words of a text that carry content, in small letters."""
    return frozenset(word for word in _WORD.findall(text.lower()) if word not in _EMPTY_WORDS)


def full_sentence(text: str) -> str:
    """The text with a capital at its start and a full stop (or ? or !) at its end."""
    text = text.strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def lower_start(text: str) -> str | None:
    """The text with a small first letter, or None where the first word may be a name."""
    first = re.split(r"[^A-Za-z]", text, maxsplit=1)[0]
    return text[:1].lower() + text[1:] if first.lower() in _LOWER_STARTS else None


def continued(lead: str, text: str) -> str:
    """`lead: text` with a small letter where the grammar allows it, and two sentences where it does not.

    Args:
        lead: A clause that can also stand as a sentence; no full stop.
        text: A sentence.
    """
    lowered = lower_start(text)
    return f"{lead}: {lowered}" if lowered and ":" not in text else f"{lead}. {text}"


def introduced(lead: str, text: str) -> str:
    """`lead: text` where the grammar allows it, and the text alone where it does not.

    Args:
        lead: Words that cannot stand as a sentence, such as a place.
        text: A sentence.
    """
    lowered = lower_start(text)
    return f"{lead}: {lowered}" if lead and lowered and ":" not in text else text


def description(record: ChainRecord) -> str:
    """The record's description, beginning `This image is LABEL because`.

    Returns:
        Empty when the text contradicts the label, or when its first sentence, which the others refer to, is
        lost in cleaning.
    """
    label = record.image.label
    text = clean(record.description, max_words=MAX_WORDS)
    first = clean(next(iter(sentences(ascii_text(record.description))), ""))
    if label is None or not first or not text.startswith(first):
        return ""
    opening = _BECAUSE.match(text)
    if opening and opening.group(1).lower() != label.value:
        return ""
    reason = text[opening.end() :] if opening else text
    if opening:
        start: str | None = reason if reason[:1].islower() else lower_start(reason) or reason
    else:
        start = lower_start(reason)
    if not start or _CONTRAST.match(sentences(start)[0].lower()):
        return ""
    return f"{description_prefix(label)} {start}"


def advice(record: ChainRecord) -> str:
    """The record's advice without the request to remove a service's mark."""
    first_clause = re.compile(
        r"^(?:remove|erase|drop|crop) [^,;]*?(?:, and |, then |, | and |; )", re.IGNORECASE
    )
    text = ascii_text(record.advice)
    opening = first_clause.match(text)
    if opening and _MARK.search(opening.group()):
        text = text[opening.end() :]
    return clean(full_sentence(text))


def strength(record: ChainRecord) -> Strength:
    """How strong the evidence is: as the record says, else from the blind judgement and the signs seen.

    Observations were written with the label known and overstate; the blind judgement was not. Where it may
    have gone by the mark of a service, the evidence is not called strong.
    """
    said = _OWN_STRENGTH.search(f"{record.description} {record.limits}")
    marked = bool(_MARK.search(record.description))
    if said:
        word = (said.group(1) or said.group(2)).lower()
        return "weak" if word == "weak" else "moderate" if word == "moderate" else "strong"
    blind = 0.5 if record.blind_p_fake is None else record.blind_p_fake
    fake = record.image.label is Label.FAKE
    sure = blind if fake else 1.0 - blind
    signs = len(record.abnormal()) if fake else sum(note is not None for note in record.traces.values())
    if sure >= 0.95 and signs >= 6 and not marked:
        return "strong"
    return "weak" if sure < 0.85 or signs <= 3 else "moderate"


def is_local(region: Region, share: float = 0.5) -> bool:
    """Whether a region is at most that share of the picture, so that naming its place helps."""
    x0, y0, x1, y1 = region
    return (x1 - x0) * (y1 - y0) <= share


def place(region: Region) -> str:
    """Where a region lies, in words: `at the lower left`, `in the middle`, `across most of the picture`."""
    x0, y0, x1, y1 = region
    if not is_local(region):
        return "across most of the picture"
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    across = "left" if x < 0.4 else "right" if x > 0.6 else ""
    down = "upper" if y < 0.4 else "lower" if y > 0.6 else ""
    if across and down:
        return f"at the {down} {across}"
    if across:
        return f"on the {across}"
    return {"upper": "near the top", "lower": "near the bottom", "": "in the middle"}[down]
