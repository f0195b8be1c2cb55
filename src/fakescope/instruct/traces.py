"""Fine-grained trace evidence: each criterion asked for compactly, in free words, and as multiple choice."""

from __future__ import annotations

import random
from collections.abc import Iterator

from fakescope.explain.parse import location_tokens
from fakescope.instruct.choice import ChoiceMaker
from fakescope.instruct.dialogue import conversation
from fakescope.instruct.phrasing import (
    Strength,
    clean,
    continued,
    full_sentence,
    introduced,
    is_local,
    pick,
    place,
    rng_for,
    strength,
)
from fakescope.instruct.trace_words import UNCLEAR, WORDS
from fakescope.prompts import fakeqa_question, given_trace_question, trace_question
from fakescope.records import ChainRecord, Instruction, TraceNote
from fakescope.taxonomy import BY_ID, CRITERION_IDS

NARRATIVES = 8
"""Free-worded conversations a record, at most; one in five asks for what cannot be judged."""

CHOICES = 5
"""Multiple-choice questions a record, at most, one of them on a criterion that cannot be judged."""

LOCAL_SHARE = 0.9
"""A region over this share of the picture is no place, and is told without location tokens."""

OPEN: tuple[str, ...] = (
    "What do you make of {name}?",
    "Describe {name}.",
    "Comment on {name} in this image.",
    "Say something about {name}.",
    "What can be learned from {name}?",
    "Take a close look at {name}. What do you find?",
)
ODD: tuple[str, ...] = (
    "Is there anything odd about {name}?",
    "Is something wrong with {name}?",
    "Do you see a problem with {name}?",
    "Does anything about {name} raise doubt?",
)
WHERE: tuple[str, ...] = (
    "Where is that?",
    "Where exactly?",
    "Where should I look?",
    "Which part do you mean?",
)
WHERE_ANSWERS: tuple[str, ...] = (
    "Look {place}.",
    "It is {place}.",
    "You find it {place}.",
    "The spot lies {place}.",
    "I mean what is {place}.",
    "This concerns what can be seen {place}.",
    "Have a look {place}.",
    "The part in question is {place}.",
)

CLOSINGS: dict[Strength, tuple[str, ...]] = {
    "strong": (
        "This is a clear sign of generation.",
        "It speaks against a real origin.",
        "That counts against it.",
    ),
    "moderate": (
        "It is a sign of generation, but no proof.",
        "That raises doubt.",
        "Alone it would not decide.",
    ),
    "weak": (
        "As evidence this is weak.",
        "It is a small sign, not more.",
        "This could have a harmless reason.",
    ),
}
NATURAL_CLOSINGS: tuple[str, ...] = (
    "That is as it should be.",
    "This looks natural.",
    "Nothing about it is suspicious.",
    "No fault is visible there.",
    "It raises no doubt.",
)


def traces(record: ChainRecord, choices: ChoiceMaker, *, seed: int) -> Iterator[Instruction]:
    """All compact questions, alone and under the true label, then some in free words and some as multiple choice."""
    rng = rng_for(seed, "traces", record.image.id)
    notes = {name: record.traces[name] for name in CRITERION_IDS if name in record.traces}
    for criterion, note in notes.items():
        answer = compact_answer(criterion, note, rng)
        if answer:
            yield conversation(record, "traces", (trace_question(criterion), answer), criterion=criterion)
            if record.image.label:
                given = given_trace_question(criterion, record.image.label)
                yield conversation(record, "traces", (given, answer), criterion=criterion)
    judged = [name for name, note in notes.items() if note and clean(note.observation)]
    unclear = [name for name, note in notes.items() if note is None]
    asked = rng.sample(judged, min(NARRATIVES - NARRATIVES // 5, len(judged)))
    asked += rng.sample(unclear, min(NARRATIVES // 5, len(unclear)))
    for criterion in asked:
        yield _narrative(record, criterion, notes[criterion], rng)
    asked = rng.sample(judged, min(CHOICES - 1, len(judged))) + rng.sample(unclear, min(1, len(unclear)))
    for criterion in asked:
        asked_so = choices.ask(record, criterion, rng)
        if asked_so is not None:
            yield asked_so


def compact_answer(criterion: str, note: TraceNote | None, rng: random.Random) -> str:
    """`TAG. OBSERVATION <x0><y0><x1><y1>`, as `explain.parse` reads it; empty if nothing can be said."""
    if note is None:
        return f"Unclear. {unclear_sentence(criterion, rng)}"
    said = clean(note.observation)
    if not said:
        return ""
    where = ""
    if note.region and is_local(note.region, LOCAL_SHARE):
        where = f" {location_tokens(note.region)}"
    return f"{note.finding.capitalize()}. {said}{where}"


def unclear_sentence(criterion: str, rng: random.Random) -> str:
    """One way to say that a criterion cannot be judged."""
    return full_sentence(pick(rng, UNCLEAR).format(name=pick(rng, WORDS[criterion].names)))


def _narrative(
    record: ChainRecord, criterion: str, note: TraceNote | None, rng: random.Random
) -> Instruction:
    name = pick(rng, WORDS[criterion].names)
    style = rng.random()
    if style < 0.3:
        question = BY_ID[criterion].question
        question = fakeqa_question(question) if style < 0.12 else question
    elif style < 0.65:
        question = pick(rng, OPEN).format(name=name)
    else:
        return _odd(record, criterion, note, rng, pick(rng, ODD).format(name=name))
    answer = tell(criterion, note, strength(record), rng)
    turns = [(question, answer)]
    if note and note.region and rng.random() < 0.25:
        turns.append((pick(rng, WHERE), pick(rng, WHERE_ANSWERS).format(place=place(note.region))))
    return conversation(record, "traces", *turns, criterion=criterion)


def _odd(
    record: ChainRecord, criterion: str, note: TraceNote | None, rng: random.Random, question: str
) -> Instruction:
    """A question that wants yes or no first, or neither where the criterion cannot be judged."""
    if note is None:
        answer = unclear_sentence(criterion, rng)
    else:
        answer = (
            f"{'Yes' if note.finding == 'abnormal' else 'No'}. {tell(criterion, note, strength(record), rng)}"
        )
    return conversation(record, "traces", (question, answer), criterion=criterion)


def tell(criterion: str, note: TraceNote | None, how_strong: Strength, rng: random.Random) -> str:
    """An observation in free words: with a head, with its place, or with what it means."""
    if note is None:
        return unclear_sentence(criterion, rng)
    said = clean(note.observation)
    style = rng.random()
    if style < 0.45:
        return continued(pick(rng, WORDS[criterion].heads(note.finding)), said)
    if style < 0.65 and note.region:
        where = place(note.region)
        return introduced(where[0].upper() + where[1:], said)
    closings = CLOSINGS[how_strong] if note.finding == "abnormal" else NATURAL_CLOSINGS
    return f"{said} {pick(rng, closings)}"
