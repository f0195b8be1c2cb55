"""Holistic reasoning, both ways: from the traces to the label, and from the label to the traces."""

from __future__ import annotations

import random

from fakescope.instruct.facts import Facts, Seen
from fakescope.instruct.made import Made
from fakescope.instruct.phrasing import continued, full_sentence, introduced, lower_start, pick
from fakescope.instruct.trace_words import WORDS
from fakescope.instruct.wordings import one, sentence
from fakescope.prompts import (
    ANALYSE_PROMPT,
    DESCRIBE_PROMPT,
    WHY_FAKE_PROMPT,
    authenticity_answer,
    description_prefix,
)
from fakescope.prompts.wordings import DESCRIBE, WHY_FAKE, WHY_REAL
from fakescope.records import Label
from fakescope.taxonomy import CRITERION_IDS

MOST_WORDS = 70
"""Of the observations in an analysis; opening and conclusion come on top."""


def cause_to_effect(facts: Facts, rng: random.Random) -> Made | None:
    """From observations, local to global, to the label. None without an observation."""
    chosen = _choose(facts, rng)
    parts: list[str] = [said] if (said := one(rng, "reasoning.openings")) else []
    used: list[str] = []
    words = 0
    before = ""
    for criterion in chosen:
        seen = facts.seen[criterion]
        words += len(seen.text.split())
        if used and words > MOST_WORDS:
            break
        parts.append(observe(criterion, seen, rng, before=before))
        used.append(criterion)
        before = seen.finding
    if not used:
        return None
    parts += [
        one(rng, _conclusions(facts)),
        authenticity_answer(facts.label),
    ]
    question = ANALYSE_PROMPT if rng.random() < 0.15 else sentence(rng, "reasoning.analyse")
    rests = tuple(f"traces.{name}" for name in used)
    turn = (question, " ".join(parts))
    return Made(
        "reasoning", "reasoning.cause_to_effect", (turn,), facts.label.value, (*rests, "strength", "label")
    )


def effect_to_cause(facts: Facts, rng: random.Random) -> Made | None:
    """From the label, given or to be given, to what shows it. None where there is neither description nor sign."""
    text, rests = (facts.told, ("description", "label")) if facts.told else _from_signs(facts, rng)
    if not text:
        return None
    style = rng.random()
    if style < 0.3:
        question = DESCRIBE_PROMPT if style < 0.06 else _both(rng)
        if facts.subject and rng.random() < 0.5:
            text, rests = f"{facts.subject} {text}", ("subject", *rests)
        return Made(
            "reasoning", "reasoning.verdict_with_reasons", ((question, text),), facts.label.value, rests
        )
    if style < 0.4 and facts.told and facts.label is Label.FAKE:
        question = WHY_FAKE_PROMPT
        text = "This is a fake image because" + text.removeprefix(description_prefix(facts.label))
    elif style < 0.6:
        question = pick(rng, WHY_FAKE if facts.label is Label.FAKE else WHY_REAL)
    else:
        question = sentence(rng, f"reasoning.why.{facts.label}")
    return Made("reasoning", "reasoning.effect_to_cause", ((question, text),), "", rests)


def _conclusions(facts: Facts) -> str:
    """Where the wordings are that sum up; a real image with something abnormal is summed up as such."""
    if facts.label is Label.REAL and facts.abnormal:
        return "reasoning.conclusions.real.mixed"
    return f"reasoning.conclusions.{facts.label}.{facts.strength}"


def observe(criterion: str, seen: Seen, rng: random.Random, *, before: str) -> str:
    """One observation as a sentence, with a head or its place before it, bare, or linked to one before it.

    Args:
        criterion: Of the observation.
        seen: It.
        rng: Settles how.
        before: The finding of the observation before it; empty for the first.
    """
    style = rng.random()
    if style < 0.35:
        return continued(pick(rng, WORDS[criterion].heads(seen.finding)), seen.text)
    if style < 0.5 and seen.place:
        return introduced(full_sentence(seen.place)[:-1], seen.text)
    if style < 0.75 and before:
        links = "reasoning.links" if before == seen.finding else "reasoning.contrasts"
        link = one(rng, links, name=pick(rng, WORDS[criterion].names))
        lowered = lower_start(seen.text)
        return f"{link}, {lowered}" if link and lowered and ":" not in link else seen.text
    return seen.text


def _both(rng: random.Random) -> str:
    return pick(rng, DESCRIBE) if rng.random() < 0.4 else sentence(rng, "reasoning.both")


def _from_signs(facts: Facts, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    """A description made of observations, for a record whose own cannot be used."""
    if not facts.signs:
        return "", ()
    names = rng.sample(facts.signs, min(3, len(facts.signs)))
    lead = one(rng, "reasoning.from_signs", label=facts.label.value)
    said = " ".join(facts.seen[name].text for name in names)
    return f"{lead} {said}", (*(f"traces.{name}" for name in names), "label")


def _choose(facts: Facts, rng: random.Random) -> list[str]:
    """Up to four criteria that support the label and up to two that do not, in the order of the taxonomy.

    What looks natural on a fake is told as well: a verdict weighs signs, it does not collect faults.
    """
    for_it = rng.sample(facts.signs, min(rng.randint(2, 4), len(facts.signs)))
    against = rng.sample(facts.others, min(rng.randint(0, 2), len(facts.others)))
    return [name for name in CRITERION_IDS if name in for_it or name in against]
