"""Extended discussion: what would convince, what to check, what speaks against, how strong, how sure.

Every answer that depends on the verdict follows it in the same conversation or states it, so that a model
learns to keep to what it said.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from fakescope.instruct import knowledge
from fakescope.instruct.dialogue import Turn, conversation
from fakescope.instruct.phrasing import (
    Strength,
    advice,
    clean,
    continued,
    description,
    full_sentence,
    introduced,
    is_local,
    pick,
    place,
    rng_for,
    strength,
)
from fakescope.instruct.trace_words import WORDS
from fakescope.prompts import (
    AUTHENTICITY_QUESTION,
    DESCRIBE_PROMPT,
    LIMITS_PROMPT,
    NEXT_PROMPT,
    STRENGTH_PROMPT,
    authenticity_answer,
)
from fakescope.records import ChainRecord, Instruction, Label, TraceNote

GENERAL_QUESTIONS = 2
"""Conversations a record about what holds for every image."""

IMPROVE_Q = (
    "What would make it more convincing?",
    "What would have to change for this to pass as real?",
    "How could this image be made more believable?",
    "Which changes would remove the signs?",
)
NEXT_Q = (
    NEXT_PROMPT,
    "What should I check next?",
    "How can I verify this?",
    "Where should I look to be surer?",
)
LIMITS_Q = (
    LIMITS_PROMPT,
    "What could mislead you here?",
    "Is there an innocent explanation?",
    "Which doubts remain?",
    "Could you be wrong?",
)
STRENGTH_Q = (STRENGTH_PROMPT, "How good is the case?", "How much weight do the signs carry?")
CERTAIN_Q = ("Can one be certain?", "Are you sure?", "Is that beyond doubt?", "How certain is this?")
SIGN_Q = (
    "What is the strongest sign?",
    "What stands out most?",
    "What should I look at first?",
    "Name one thing that supports this.",
)

_STRENGTH_A: dict[Strength, tuple[str, ...]] = {
    "strong": (
        "The evidence is strong",
        "The case is good",
        "The signs carry a lot of weight",
        "Quite strong",
    ),
    "moderate": ("The evidence is moderate", "The case is fair", "The signs carry some weight", "Moderate"),
    "weak": ("The evidence is weak", "The case is thin", "The signs carry little weight", "Rather weak"),
}
_SURE_A: dict[Strength, tuple[str, ...]] = {
    "strong": (
        "Fairly sure, never certain.",
        "No, but the signs are strong.",
        "Not with certainty, though little speaks against it.",
        "It is very likely, and still not proven.",
    ),
    "moderate": (
        "No. It is likely, not certain.",
        "Not entirely.",
        "Only moderately sure.",
        "No, some doubt remains.",
    ),
    "weak": (
        "No. The evidence is weak.",
        "Far from certain.",
        "No, this could easily be wrong.",
        "I would not rely on it.",
    ),
}
_NO_CHANGE = (
    "Nothing has to change, since no sign of generation stands out.",
    "It needs no change to convince.",
    "There is no fault to mend here.",
    "I see nothing that would have to be mended.",
)


def discussion(record: ChainRecord, *, seed: int) -> Iterator[Instruction]:
    """Follow-ups to the verdict: the fixed prompts, free wordings, a dialogue, and general questions."""
    if record.image.label is None:
        return
    rng = rng_for(seed, "discussion", record.image.id)
    fixed = ((LIMITS_PROMPT, limits_answer), (NEXT_PROMPT, next_answer), (STRENGTH_PROMPT, strength_answer))
    for prompt, answer in fixed:
        yield from _follow_up(record, [(prompt, answer(record, rng))])
    free = (
        (IMPROVE_Q, improve_answer),
        (NEXT_Q, next_answer),
        (LIMITS_Q, limits_answer),
        (STRENGTH_Q, strength_answer),
        (CERTAIN_Q, certain_answer),
        (SIGN_Q, sign_answer),
    )
    for questions, answer in free:
        yield from _follow_up(record, [(pick(rng, questions), answer(record, rng))])
    yield from _dialogue(record, rng, free)
    claim, reply = knowledge.text_claim(rng)
    sign = _plain_sign(record, rng)
    yield conversation(record, "discussion", (claim, " ".join([reply, _verdict(record), *sign])))
    for topic in rng.sample(knowledge.GENERAL, GENERAL_QUESTIONS):
        yield conversation(record, "discussion", topic(rng))


Answer = Callable[[ChainRecord, random.Random], str]


def _verdict(record: ChainRecord) -> str:
    return authenticity_answer(record.image.label or Label.REAL)


def _follow_up(record: ChainRecord, turns: list[Turn]) -> Iterator[Instruction]:
    """The judgement first, then the turns; nothing when an answer is missing."""
    if all(answer for _, answer in turns):
        yield conversation(record, "discussion", (AUTHENTICITY_QUESTION, _verdict(record)), *turns)


def _dialogue(
    record: ChainRecord, rng: random.Random, free: tuple[tuple[tuple[str, ...], Answer], ...]
) -> Iterator[Instruction]:
    """The description, then two further questions of different kinds about it."""
    told = description(record)
    shown = clean(record.subject)
    turns = [(pick(rng, questions), answer(record, rng)) for questions, answer in rng.sample(free, 2)]
    if told and all(answer for _, answer in turns):
        yield conversation(record, "discussion", (DESCRIBE_PROMPT, f"{shown} {told}".strip()), *turns)


def improve_answer(record: ChainRecord, rng: random.Random) -> str:
    """What would have to change: the advice on a fake; that nothing has to, on a real image."""
    if record.image.label is Label.REAL:
        return " ".join([pick(rng, _NO_CHANGE), *_plain_sign(record, rng)])
    said = advice(record)
    if not said:
        return ""
    small = said[0].lower() + said[1:]
    lead = pick(rng, ("", "It would need these changes: ", "To convince: ", "Change the following: "))
    return lead + small if lead else said


def next_answer(record: ChainRecord, rng: random.Random) -> str:
    """What to check: the advice on a real image; the places of the abnormal signs on a fake."""
    if record.image.label is Label.REAL:
        return advice(record)
    signs = _signs(record)
    if not signs:
        return ""
    criterion, note = rng.choice(signs)
    name = pick(rng, WORDS[criterion].names)
    where = place(note.region) if note.region and is_local(note.region) else "at full size"
    look = pick(
        rng,
        (
            "Look {w} and check {n}",
            "Look closely {w}, at {n}",
            "Check {n} {w} in a larger copy",
            "Zoom in {w} and examine {n}",
        ),
    )
    return continued(look.format(n=name, w=where), clean(note.observation))


def limits_answer(record: ChainRecord, rng: random.Random) -> str:
    """What is uncertain or speaks against the verdict."""
    said = clean(record.limits)
    lead = pick(rng, ("", "", "", "One point against it", "There is a limit", "To be fair"))
    return introduced(lead, said)


def strength_answer(record: ChainRecord, rng: random.Random) -> str:
    """Weak, moderate or strong, with the number of signs or one of them."""
    lead = pick(rng, _STRENGTH_A[strength(record)])
    fake = record.image.label is Label.FAKE
    count = len(record.abnormal())
    if fake and rng.random() < 0.5:
        signs = f"{_number(count)} {'criterion looks' if count == 1 else 'criteria look'} abnormal."
        return f"{lead}. {signs}"
    sign = _plain_sign(record, rng)
    if not sign:
        return f"{lead}."
    named = "The main sign" if fake else "What supports it"
    return f"{lead}. {introduced(named, sign[0])}"


def certain_answer(record: ChainRecord, rng: random.Random) -> str:
    """How sure, and what stands in the way of certainty."""
    said = clean(record.limits)
    return " ".join(part for part in (pick(rng, _SURE_A[strength(record)]), said) if part)


def sign_answer(record: ChainRecord, rng: random.Random) -> str:
    """One sign, with its place where it has one."""
    signs = _signs(record)
    if not signs:
        return ""
    _, note = rng.choice(signs)
    said = clean(note.observation)
    if note.region and rng.random() < 0.5:
        where = place(note.region)
        return introduced(where[0].upper() + where[1:], said)
    return full_sentence(said)


def _signs(record: ChainRecord) -> list[tuple[str, TraceNote]]:
    """The notes that support the label: abnormal ones of a fake, natural ones of a real image."""
    wanted = "abnormal" if record.image.label is Label.FAKE else "natural"
    return [
        (name, note)
        for name, note in record.traces.items()
        if note and note.finding == wanted and clean(note.observation)
    ]


def _plain_sign(record: ChainRecord, rng: random.Random) -> list[str]:
    """One supporting observation as a list of one sentence, or of none."""
    signs = _signs(record)
    return [clean(rng.choice(signs)[1].observation)] if signs else []


def _number(count: int) -> str:
    words = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")
    return words[count] if count < len(words) else "More than ten"
