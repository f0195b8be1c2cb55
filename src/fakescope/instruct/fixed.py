"""The conversations that an examination depends on: one form for every record, so that they can be forced."""

from __future__ import annotations

import random
from collections.abc import Iterator

from fakescope.instruct import discussion
from fakescope.instruct.facts import Facts
from fakescope.instruct.made import Made, Turn
from fakescope.instruct.phrasing import pick
from fakescope.instruct.traces import compact_answer
from fakescope.prompts import (
    AUTHENTICITY_QUESTION,
    DESCRIBE_PROMPT,
    LIMITS_PROMPT,
    NEXT_PROMPT,
    STRENGTH_PROMPT,
    authenticity_answer,
    given_trace_question,
    trace_question,
)
from fakescope.prompts.wordings import AUTHENTICITY_CHOICE, IS_FAKE, IS_REAL
from fakescope.records import Label
from fakescope.taxonomy import CRITERION_IDS

_FOLLOW_UPS = (
    (LIMITS_PROMPT, discussion.limits),
    (NEXT_PROMPT, discussion.next_step),
    (STRENGTH_PROMPT, discussion.strength),
)


def verdicts(label: Label, rng: random.Random) -> Iterator[Made]:
    """Four conversations about an image of known label: the paper's, a free one, and both yes-or-no questions.

    Both yes-or-no questions are put to every image, so that neither yes nor no goes with a label.
    """
    verdict = authenticity_answer(label)
    is_fake, is_real = ("Yes", "No") if label is Label.FAKE else ("No", "Yes")
    asked: tuple[tuple[str, str, str, str], ...] = (
        ("paper", AUTHENTICITY_QUESTION, verdict, label.value),
        ("either", pick(rng, AUTHENTICITY_CHOICE), verdict, label.value),
        ("is_fake", pick(rng, IS_FAKE), f"{is_fake}. {verdict}", is_fake.lower()),
        ("is_real", pick(rng, IS_REAL), f"{is_real}. {verdict}", is_real.lower()),
    )
    for form, question, answer, key in asked:
        yield Made("judgement", f"judgement.{form}", ((question, answer),), key, ("label",))


def examination(facts: Facts, rng: random.Random) -> Iterator[Made]:
    """The description; every criterion, alone and under the true label; and the three follow-ups to the verdict."""
    if facts.told:
        turn = (DESCRIBE_PROMPT, f"{facts.subject} {facts.told}".strip())
        yield Made(
            "reasoning", "fixed.description", (turn,), facts.label.value, ("subject", "description", "label")
        )
    for criterion in CRITERION_IDS:
        seen = facts.seen.get(criterion)
        if seen is None and criterion not in facts.unjudged:
            continue
        answer = compact_answer(criterion, seen, rng)
        for question in (trace_question(criterion), given_trace_question(criterion, facts.label)):
            on = (f"traces.{criterion}",)
            yield Made(
                "traces", "fixed.criterion", ((question, answer),), facts.finding(criterion), on, criterion
            )
    verdict: Turn = (AUTHENTICITY_QUESTION, authenticity_answer(facts.label))
    for prompt, kind in _FOLLOW_UPS:
        reply = kind(facts, rng)
        if reply is not None:
            turns = (verdict, (prompt, reply.answer))
            yield Made("discussion", "fixed.follow_up", turns, facts.label.value, ("label", *reply.rests_on))
