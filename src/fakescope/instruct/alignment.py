"""Alignment: saying what an image shows and what kind of picture it is, before any judgement."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from fakescope.instruct.made import Made
from fakescope.instruct.phrasing import ascii_text, clean, full_sentence, lower_start, pick, rng_for
from fakescope.prompts.product import SHOW_PROMPT
from fakescope.prompts.wordings import KIND, SHOW
from fakescope.records import ChainRecord, ImageRef

MAX_CAPTION_WORDS = 24

KINDS: dict[str, tuple[str, ...]] = {
    "photo": ("a photograph", "a photo", "a photographic picture"),
    "illustration": ("an illustration", "a drawn illustration", "a drawing"),
    "painting": ("a painting", "a painted picture", "something painted"),
    "render": ("a 3D render", "a rendered scene", "computer graphics"),
    "poster": ("a poster", "a designed poster", "a poster or advertisement"),
    "screenshot": ("a screenshot", "a picture of a screen", "a screen capture"),
    "document": ("a document", "a page of a document", "a scanned or designed page"),
    "art": ("a piece of art", "an artwork", "an artistic picture"),
}
KIND_LEADS: tuple[str, ...] = (
    "It looks like",
    "It appears to be",
    "This seems to be",
    "By its look it is",
    "In style this is",
    "The picture looks like",
    "I would take it for",
    "It has the look of",
)
KIND_TAILS: tuple[str, ...] = (
    "",
    ", going by its style",
    ", as far as one can see",
    ", whoever or whatever made it",
    ", which says nothing yet about its origin",
    ", judging by the surface alone",
)
_PHRASE_LEADS: tuple[str, ...] = (
    "{c}",
    "This shows {p}",
    "It shows {p}",
    "The image shows {p}",
    "One sees {p}",
)
_TAG_LEADS: tuple[str, ...] = ("{c}", "In short: {p}", "In a few words: {p}", "The scene in short: {p}")

_NOISE = re.compile(
    r"\b(?:(?:highest|best|high|ultra) quality|masterpiece|(?:ultra|hyper|highly)[ -]?(?:realistic|detailed)|"
    r"photo-?realistic|[48]k(?: uhd)?|uhd|hdr|raw photo|trending on \w+|award[ -]winning|octane render)\b",
    re.IGNORECASE,
)
_STYLE = re.compile(r"\b(?:in the )?style of [^,.]*[,.]?\s*", re.IGNORECASE)
_ORDER = re.compile(
    r"^\W*(?:please|create|generate|make|design|transform|draw|convert|use|using|turn|edit|change|replace|add|"
    r"write|imagine|show|render|build|produce|based|title|prompt|act|you|if|given|take|put|help|let|keep|"
    r"the uploaded|upload|reference|role|task|type|subject|input)\b",
    re.IGNORECASE,
)
_NOT_PROSE = re.compile(r"[{}\[\]|\\=<>@$%^~]|--|::|https?:|\btype\s*:|[A-Za-z]+_[A-Za-z]+| : ")
_NAME = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][a-z]+ (?:de |van |von )?[A-Z][a-z]+")
_SENTENCE = re.compile(r"[A-Z][A-Za-z0-9 ,;'\"()&/-]{25,220}\.")
_LEADING_NAME = re.compile(r"^[A-Z][a-z]+ [A-Z][a-z]+")
_AGE = re.compile(r"\b(\d{2})[ -]?(?:yo|year[ -]olds?|years old)\b ?", re.IGNORECASE)


def alignments(source: ChainRecord | ImageRef, *, seed: int) -> Iterator[Made]:
    """What is seen, and what kind of picture it is: from a record, or from an image's caption and group."""
    image = source.image if isinstance(source, ChainRecord) else source
    rng = rng_for(seed, "alignment", image.id)
    if isinstance(source, ChainRecord):
        subject, kind = clean(source.subject), source.kind
    else:
        subject, kind = whole_sentence(source.caption), source.group.partition("-")[0]
    if subject:
        captions = [subject, _retold(subject, rng)]
    else:
        said = caption(image.caption)
        captions = [_say(said, rng)] if said else []
    questions = [SHOW_PROMPT if subject else pick(rng, SHOW), *rng.sample(SHOW, 1)][: len(captions)]
    for question, answer in zip(questions, captions, strict=True):
        yield Made("alignment", "alignment.caption", ((question, answer),), rests_on=("subject",))
    if kind in KINDS:
        turn = (pick(rng, KIND), _kind_answer(kind, rng))
        yield Made("alignment", "alignment.kind", (turn,), rests_on=("kind",))


def whole_sentence(text: str) -> str:
    """A caption that is one plain sentence already, as people write them; empty for anything else."""
    return text if _SENTENCE.fullmatch(text) and not (_NOISE.search(text) or _STYLE.search(text)) else ""


def caption(text: str) -> str:
    """The first sentence of a caption or prompt as a short phrase, without names and quality words.

    Returns:
        The phrase without a full stop; empty when the text is an order, a list of settings or not English.
    """
    if sum(not c.isascii() for c in text) > len(text) * 0.1:
        return ""
    said = _NOISE.sub("", ascii_text(text.replace(" / ", " "))).strip(" ,.;:-")
    if not said or _ORDER.match(said) or _NOT_PROSE.search(text) or _LEADING_NAME.match(said):
        return ""
    said = _STYLE.sub("", _AGE.sub(_age, said))
    said = re.sub(r"^(?:photo|picture|image) of (?=an? |the )", "", said, flags=re.IGNORECASE)
    said = re.sub(r"\s*,(?:\s*,)+", ",", said)
    first = re.split(r"[.;!?] ", said, maxsplit=1)[0]
    parts = [p.strip() for p in first.split(", ") if p.strip(" ,.;:-")]
    kept: list[str] = []
    for part in parts:
        if _NAME.search(part) or sum(len(k.split()) for k in kept) + len(part.split()) > MAX_CAPTION_WORDS:
            break
        kept.append(part.strip(" ,.;:-"))
    phrase = " ".join(", ".join(kept).split())
    return phrase if len(phrase.split()) >= 2 and sum(c.isalpha() for c in phrase) > 0.7 * len(phrase) else ""


def _age(match: re.Match[str]) -> str:
    """No one can read years off a face: only young and older are kept."""
    years = int(match.group(1))
    return "young " if years < 30 else "older " if years >= 55 else ""


def _say(phrase: str, rng: random.Random) -> str:
    whole = re.match(r"^(?:an?|the|two|three|four|some|several) ", phrase, re.IGNORECASE)
    lead = pick(rng, _PHRASE_LEADS if whole else _TAG_LEADS)
    small = phrase[0].lower() + phrase[1:] if whole else lower_start(phrase) or phrase
    return full_sentence(lead.format(c=phrase, p=small))


def _retold(subject: str, rng: random.Random) -> str:
    """The subject sentence after a lead; itself where it may start with a name.

    Subjects are whole sentences as often as phrases: they fit after a colon, not after `shows`.
    """
    small = lower_start(subject)
    if not small:
        return subject
    return f"{pick(rng, ('In this image', 'What one sees', 'The scene', 'Here'))}: {small}"


def _kind_answer(kind: str, rng: random.Random) -> str:
    return full_sentence(f"{pick(rng, KIND_LEADS)} {pick(rng, KINDS[kind])}{pick(rng, KIND_TAILS)}")
