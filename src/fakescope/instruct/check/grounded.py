"""Does an answer say anything of its image that the record does not say?

Every text that the instruction names as its ground is taken out of the answer. What is left has to be made of the
writer's own words: its patterns, the names of the criteria, places and numbers. And what those words claim has to agree
with the record: see `claims`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence

from fakescope.instruct import knowledge
from fakescope.instruct.check.claims import false_claims
from fakescope.instruct.facts import PLACES, Facts
from fakescope.instruct.grammar import literals
from fakescope.instruct.trace_words import UNCLEAR, WORDS
from fakescope.instruct.wordings import bank, paths
from fakescope.prompts import authenticity_answer, description_prefix
from fakescope.records import Label
from fakescope.taxonomy import CRITERIA

_WORD = re.compile(r"[a-z][a-z'-]*|[0-9]+")
_TOKENS = re.compile(r"(?:<\d{1,2}>){4}")
_OTHERS = (
    "no one two three four five six seven eight nine ten more than criterion criteria looks look abnormal",
    "natural unclear weak moderate strong yes a b c d among others at full size",
)
"""Counts and closed answers."""

_GAP = " | "


def ungrounded(
    answers: Sequence[str], questions: Sequence[str], rests_on: Sequence[str], facts: Facts, form: str = ""
) -> list[str]:
    """What the answers say without ground; empty if there is nothing.

    Args:
        answers: Of one conversation.
        questions: Of the same: words of a question may be taken up in its answer.
        rests_on: What the instruction names as its ground.
        facts: Of the record.
        form: Of the instruction.
    """
    faults: list[str] = []
    grounds = sorted({text for name in rests_on for text in _texts(name, facts)}, key=len, reverse=True)
    allowed = writers_words() | set(_words(" ".join(questions))) | known_words(rests_on)
    named = [name.removeprefix("traces.") for name in rests_on if name.startswith("traces.")]
    for number, answer in enumerate(answers):
        rest = _TOKENS.sub(" ", answer)
        for ground in grounds:
            rest = _without(rest, ground)
        unknown = sorted(set(_words(rest)) - allowed)
        if unknown:
            faults.append(f"words without ground: {', '.join(unknown)}")
        faults += false_claims(answer, rest, form if number == 0 else "", named, facts)
    return faults


@functools.cache
def writers_words() -> frozenset[str]:
    """All words that the writer itself can bring into an answer."""
    texts = [text for path in paths() for pattern in bank(path) for text in literals(pattern)]
    for words in WORDS.values():
        texts += [*words.names, *words.abnormal, *words.natural]
    texts += [pattern.replace("{name}", "") for pattern in UNCLEAR]
    texts += [authenticity_answer(label) + description_prefix(label) for label in Label]
    texts += [f"{criterion.name} {criterion.definition} for example" for criterion in CRITERIA]
    texts += [*PLACES, *_OTHERS]
    return frozenset(word for text in texts for word in _words(text))


def known_words(rests_on: Sequence[str]) -> set[str]:
    """All words of the pieces of general knowledge that an instruction names."""
    found: set[str] = set()
    for name in rests_on:
        if name.startswith("knowledge."):
            found |= _words_of_entry(name.removeprefix("knowledge."))
    return found


@functools.lru_cache(maxsize=512)
def _words_of_entry(id: str) -> frozenset[str]:
    entry = knowledge.knowledge().by_id.get(id)
    wordings = [wording for point in entry.points for wording in point] if entry else []
    return frozenset(word for wording in wordings for text in literals(wording) for word in _words(text))


def _texts(name: str, facts: Facts) -> Iterator[str]:
    """The texts of a fact."""
    if name.startswith("traces."):
        seen = facts.seen.get(name.removeprefix("traces."))
        if seen:
            yield seen.text
    elif name == "description":
        yield facts.told
        prefix = description_prefix(facts.label)
        yield facts.told.removeprefix(prefix).strip()
    elif name in ("subject", "limits", "advice"):
        yield getattr(facts, name)


def _without(text: str, ground: str) -> str:
    """A text without what it takes from a ground: its first letter may be small, its full stop missing."""
    core = ground.rstrip(".")
    for form in (core, core[:1].lower() + core[1:]):
        if form:
            text = text.replace(form, _GAP)
    return text


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
