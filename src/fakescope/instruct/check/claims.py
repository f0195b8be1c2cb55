"""What the writer's own sentences claim of an image, and of which images that may be said.

The wordings are filed by label and strength. A sentence that is filed under one may not be said of an image with
another.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import get_args

from fakescope.instruct.facts import PLACES, Facts
from fakescope.instruct.grammar import expand
from fakescope.instruct.phrasing import Strength
from fakescope.instruct.wordings import bank, paths
from fakescope.prompts import authenticity_answer, description_prefix
from fakescope.records import Label

Case = tuple[Label, Strength]
STRENGTHS: tuple[Strength, ...] = get_args(Strength)

_OF_LABEL = ("discussion.lay_leads", "discussion.editor_leads", "discussion.court_leads")
_OF_STRENGTH = ("discussion.strength_a", "discussion.certain_a")
_SENTENCE = re.compile(r"(?<=[.!?:])\s+|\s*\|\s*")
_NUMBERS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "more than ten",
)
_COUNT = re.compile(rf"\b({'|'.join(reversed(_NUMBERS))}) criteri(?:on|a) looks? abnormal", re.IGNORECASE)
_YES = {"traces.odd": "abnormal", "traces.fine": "natural"}


def false_claims(answer: str, rest: str, form: str, named: list[str], facts: Facts) -> Iterator[str]:
    """What an answer claims and the record denies.

    Args:
        answer: The whole text.
        rest: The same without what it takes from the record.
        form: Of the instruction, if it is the answer to its own question; else empty.
        named: Criteria that the instruction names as its ground.
        facts: Of the record.
    """
    other = Label.REAL if facts.label is Label.FAKE else Label.FAKE
    if authenticity_answer(other) in answer or description_prefix(other) in answer:
        yield f"says {other.value}"
    for said in _sentences(rest):
        allowed = _claims().get(said)
        if allowed and (facts.label, facts.strength) not in allowed:
            yield f"says {said!r}"
    yield from _false_count(answer, facts)
    yield from _false_finding(answer, form, named, facts)
    spots = {seen.place for name in named if (seen := facts.seen.get(name)) and seen.place}
    told = {place for said in _sentences(rest) if (place := _places().get(said))}
    yield from (f"says {place}" for place in sorted(told - spots))


def _false_count(answer: str, facts: Facts) -> Iterator[str]:
    for found in _COUNT.finditer(answer):
        count = _NUMBERS.index(found[1].lower())
        if count != min(facts.abnormal, len(_NUMBERS) - 1):
            yield f"counts {found[1].lower()}"


def _false_finding(answer: str, form: str, named: list[str], facts: Facts) -> Iterator[str]:
    head = answer.partition(".")[0].lower()
    if head in ("abnormal", "natural", "unclear") and len(named) == 1 and facts.finding(named[0]) != head:
        yield f"says {head}"
    if form in _YES and head in ("yes", "no") and (facts.finding(named[0]) == _YES[form]) != (head == "yes"):
        yield f"says {head}"


@functools.cache
def _claims() -> dict[str, frozenset[Case]]:
    """Sentence -> labels and strengths of the images of which it may be said."""
    found: dict[str, set[Case]] = defaultdict(set)
    for path in paths():
        for label in Label:
            for strength in STRENGTHS:
                if _files(path, label, strength):
                    words = {"label": label.value, "strength": strength, "name": "", "place": ""}
                    for pattern in bank(path):
                        for text in expand(pattern, **words):
                            for said in _sentences(text):
                                found[said].add((label, strength))
    return {said: frozenset(cases) for said, cases in found.items()}


@functools.cache
def _places() -> dict[str, str]:
    """Sentence -> the place that it names."""
    found = {place: place for place in PLACES}
    for place in PLACES:
        for pattern in bank("traces.where_a"):
            found |= {said: place for text in expand(pattern, place=place) for said in _sentences(text)}
    return found


def _files(path: str, label: Label, strength: Strength) -> bool:
    """Whether wordings at a path are for such an image; those that are for all are no claims."""
    if path.startswith(_OF_STRENGTH) or path == "discussion.court_weight":
        return path.endswith(("_weight", f".{strength}"))
    if path.startswith(_OF_LABEL):
        return f".{label.value}." in path
    if path.startswith("reasoning.conclusions"):
        return path in (
            f"reasoning.conclusions.{label.value}.{strength}",
            f"reasoning.conclusions.{label.value}.mixed",
        )
    if path.startswith("traces.closings"):
        return path == ("traces.closings.of_real" if label is Label.REAL else f"traces.closings.{strength}")
    if path == "discussion.no_change":
        return label is Label.REAL
    return path == "discussion.probably"


def _sentences(text: str) -> list[str]:
    parts = (part.strip(" .:").lower() for part in _SENTENCE.split(text))
    return [part for part in parts if len(part) > 3]
