"""Holistic reasoning, both ways: from the label to the traces, and from the traces to the label."""

from __future__ import annotations

import random
from collections.abc import Iterator

from fakescope.instruct.dialogue import conversation
from fakescope.instruct.phrasing import Strength, clean, continued, description, pick, rng_for, strength
from fakescope.instruct.trace_words import WORDS
from fakescope.prompts import (
    ANALYSE_PROMPT,
    DESCRIBE_PROMPT,
    WHY_FAKE_PROMPT,
    authenticity_answer,
    description_prefix,
)
from fakescope.prompts.wordings import ANALYSE, DESCRIBE, WHY_FAKE, WHY_REAL
from fakescope.records import ChainRecord, Finding, Instruction, Label
from fakescope.taxonomy import CRITERION_IDS

MAX_ANALYSIS_WORDS = 70
"""Of the observations; the conclusion comes on top, so that an analysis stays under 90 words."""

CONCLUSIONS: dict[Label, dict[Strength, tuple[str, ...]]] = {
    Label.FAKE: {
        "strong": (
            "These signs agree with each other.",
            "Several independent faults point to a generator.",
            "Together the evidence is strong.",
            "Chance does not explain all of this.",
            "The signs add up.",
        ),
        "moderate": (
            "Together the evidence is moderate.",
            "This points to a generator, though not beyond doubt.",
            "The balance of the signs tips one way.",
            "Some doubt remains, but the faults weigh more.",
        ),
        "weak": (
            "The evidence is weak, but it leans one way.",
            "Taken together the signs are few and small.",
            "This is a weak case.",
            "The doubts weigh only a little more than what looks natural.",
        ),
    },
    Label.REAL: {
        "strong": (
            "Nothing points to a generator.",
            "The details agree with each other.",
            "Together this speaks strongly for a real origin.",
            "No fault of a generator was found.",
            "All of this fits together.",
        ),
        "moderate": (
            "No clear sign of a generator was found.",
            "The details agree well, though not everything can be checked.",
            "On balance this speaks for a real origin.",
            "The evidence for a real origin is moderate.",
        ),
        "weak": (
            "The evidence is weak, but nothing clearly speaks against a real origin.",
            "There is little to go by, and none of it is suspicious.",
            "This leans towards a real origin, no more.",
            "The case is weak, for want of detail to check.",
        ),
    },
}


def reasoning(record: ChainRecord, *, seed: int) -> Iterator[Instruction]:
    """The fixed description conversation first, content and then reasons; then other wordings of both directions.

    A record without a usable description, label or observation yields fewer or none.
    """
    label = record.image.label
    if label is None:
        return
    rng = rng_for(seed, "reasoning", record.image.id)
    told = description(record)
    if told:
        shown = clean(record.subject)
        yield conversation(record, "reasoning", (DESCRIBE_PROMPT, f"{shown} {told}".strip()))
        yield conversation(record, "reasoning", (pick(rng, DESCRIBE), told))
        yield conversation(record, "reasoning", (_why(label, rng), told))
    if told and label is Label.FAKE:
        strict = "This is a fake image because" + told.removeprefix(description_prefix(label))
        yield conversation(record, "reasoning", (WHY_FAKE_PROMPT, strict))
    for question in (ANALYSE_PROMPT, pick(rng, ANALYSE)):
        analysis = analyse(record, rng)
        if analysis:
            yield conversation(record, "reasoning", (question, analysis))


def analyse(record: ChainRecord, rng: random.Random) -> str:
    """Observations from local to global, their weight, and the label last. Empty without observations.

    What looks natural on a fake is told as well: a verdict weighs signs, it does not collect faults.
    """
    label = record.image.label
    if label is None:
        return ""
    chosen = _choose(record, rng)
    parts: list[str] = []
    for criterion in chosen:
        note = record.traces[criterion]
        said = clean(note.observation) if note else ""
        if not note or not said:
            continue
        if note.finding == "natural" or rng.random() < 0.4:
            said = continued(pick(rng, WORDS[criterion].heads(note.finding)), said)
        if sum(len(part.split()) for part in parts) + len(said.split()) <= MAX_ANALYSIS_WORDS:
            parts.append(said)
    if not parts:
        return ""
    conclusion = pick(rng, CONCLUSIONS[label][strength(record)])
    return " ".join([*parts, conclusion, authenticity_answer(label)])


def _why(label: Label, rng: random.Random) -> str:
    return pick(rng, WHY_FAKE if label is Label.FAKE else WHY_REAL)


def _choose(record: ChainRecord, rng: random.Random) -> list[str]:
    """Up to three abnormal criteria and one or two natural ones, in taxonomy order (local to global)."""
    found: dict[Finding, list[str]] = {"abnormal": [], "natural": []}
    for criterion in CRITERION_IDS:
        note = record.traces.get(criterion)
        if note:
            found[note.finding].append(criterion)
    abnormal = rng.sample(found["abnormal"], min(3, len(found["abnormal"])))
    natural_limit = rng.randint(1, 2) if abnormal else 4
    natural = rng.sample(found["natural"], min(natural_limit, len(found["natural"])))
    return [criterion for criterion in CRITERION_IDS if criterion in {*abnormal, *natural}]
