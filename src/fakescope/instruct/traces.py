"""Fine-grained trace evidence: one question on each criterion, in the form that was dealt to it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from fakescope.explain.parse import location_tokens
from fakescope.instruct.choice import choose
from fakescope.instruct.deal import FREE, Dealer
from fakescope.instruct.facts import NOWHERE, Facts, Seen
from fakescope.instruct.made import Made, Turn
from fakescope.instruct.phrasing import (
    continued,
    full_sentence,
    introduced,
    is_local,
    lower_start,
    pick,
)
from fakescope.instruct.survey import Survey, weight
from fakescope.instruct.trace_words import UNCLEAR, WORDS
from fakescope.instruct.wordings import one, sentence
from fakescope.prompts import fakeqa_question, trace_question
from fakescope.records import Label
from fakescope.taxonomy import BY_ID

LOCAL_SHARE = 0.9
"""A region over this share of the picture is no place, and is told without location tokens."""

_ODD_STYLES = {"odd": ("Yes", "No"), "fine": ("No", "Yes")}


def ask(facts: Facts, criterion: str, dealer: Dealer, survey: Survey, rng: random.Random) -> Made | None:
    """One question on a criterion. None where the record says nothing of it."""
    seen = facts.seen.get(criterion)
    if seen is None and criterion not in facts.unjudged:
        return None
    form = dealer.form(facts, criterion, rng)
    if form == "choice":
        made = choose(facts, criterion, survey, dealer.unclear_share(criterion), rng)
        if made is not None:
            return made
        form = FREE
    turns, answer = _FORMS[form](facts, criterion, seen, rng)
    rests = (f"traces.{criterion}",) + (("description",) if form == "weight" else ())
    return Made("traces", f"traces.{form}", turns, answer, rests, criterion)


def compact_answer(criterion: str, seen: Seen | None, rng: random.Random) -> str:
    """`TAG. OBSERVATION <x0><y0><x1><y1>`, as `explain.parse` reads it."""
    if seen is None:
        return f"Unclear. {unclear_sentence(criterion, rng)}"
    return f"{seen.finding.capitalize()}. {seen.text}{_tokens(seen)}"


def unclear_sentence(criterion: str, rng: random.Random) -> str:
    """One way to say that a criterion cannot be judged."""
    return full_sentence(pick(rng, UNCLEAR).format(name=pick(rng, WORDS[criterion].names)))


def tell(facts: Facts, criterion: str, rng: random.Random) -> str:
    """An observation in free words: with a head, with its place, or with what it means; or that there is none."""
    seen = facts.seen.get(criterion)
    if seen is None:
        return unclear_sentence(criterion, rng)
    style = rng.random()
    if style < 0.3:
        return continued(pick(rng, WORDS[criterion].heads(seen.finding)), seen.text)
    if style < 0.45 and seen.place:
        return introduced(full_sentence(seen.place)[:-1], seen.text)
    closing = sentence(rng, _closings(facts, seen, rng))
    if style < 0.6:
        lead = one(rng, "traces.leads")
        lowered = lower_start(seen.text)
        return f"{lead} {lowered} {closing}" if lowered else f"{seen.text} {closing}"
    return seen.text if style < 0.7 else f"{seen.text} {closing}"


def _closings(facts: Facts, seen: Seen, rng: random.Random) -> str:
    """What an observation means: for the image it is of, and in words that fit its kind."""
    if seen.finding == "abnormal":
        if facts.label is Label.REAL:
            return "traces.closings.of_real"
        return f"traces.closings.{facts.strength}"
    return (
        "traces.natural_closings_of_photos"
        if facts.by_camera and rng.random() < 0.2
        else "traces.natural_closings"
    )


def _question(path: str, criterion: str, rng: random.Random) -> str:
    return sentence(rng, path, name=pick(rng, WORDS[criterion].names))


def _finding(
    facts: Facts, criterion: str, seen: Seen | None, rng: random.Random
) -> tuple[tuple[Turn, ...], str]:
    question = (
        trace_question(criterion) if rng.random() < 0.4 else _question("traces.finding", criterion, rng)
    )
    return ((question, compact_answer(criterion, seen, rng)),), facts.finding(criterion)


def _yes_or_no(form: str) -> Callable[..., tuple[tuple[Turn, ...], str]]:
    def ask_so(
        facts: Facts, criterion: str, seen: Seen | None, rng: random.Random
    ) -> tuple[tuple[Turn, ...], str]:
        question = _question(f"traces.{form}", criterion, rng)
        if seen is None:
            return ((question, unclear_sentence(criterion, rng)),), "unclear"
        word = _ODD_STYLES[form][seen.finding == "natural"]
        answer = f"{word}. {tell(facts, criterion, rng)}"
        return ((question, answer),), word.lower()

    return ask_so


def _where(
    facts: Facts, criterion: str, seen: Seen | None, rng: random.Random
) -> tuple[tuple[Turn, ...], str]:
    question = _question("traces.where", criterion, rng)
    if seen is None or seen.finding == "natural" or seen.region is None:
        return ((question, tell(facts, criterion, rng)),), ""
    if not seen.place:
        spread = "part" if is_local(seen.region, LOCAL_SHARE) else "all"
        return ((question, f"{one(rng, f'traces.nowhere_a.{spread}')} {seen.text}"),), NOWHERE
    place = one(rng, "traces.where_a", place=seen.place)
    return ((question, f"{full_sentence(place)} {seen.text}{_tokens(seen)}"),), seen.place


def _weight(
    facts: Facts, criterion: str, seen: Seen | None, rng: random.Random
) -> tuple[tuple[Turn, ...], str]:
    level = weight(facts, criterion)
    said = one(rng, f"traces.weight_a.{level}")
    answer = f"{said} {seen.text}" if seen else f"{said} {unclear_sentence(criterion, rng)}"
    return ((_question("traces.weight", criterion, rng), answer),), level


def _free(
    facts: Facts, criterion: str, seen: Seen | None, rng: random.Random
) -> tuple[tuple[Turn, ...], str]:
    style = rng.random()
    if style < 0.2:
        question = BY_ID[criterion].question
        question = fakeqa_question(question) if style < 0.08 else question
    else:
        question = _question("traces.open", criterion, rng)
    turns: tuple[Turn, ...] = ((question, tell(facts, criterion, rng)),)
    if seen and seen.place and rng.random() < 0.25:
        answer = sentence(rng, "traces.where_a", place=seen.place)
        turns += ((sentence(rng, "traces.where_q"), answer),)
    return turns, ""


def _tokens(seen: Seen) -> str:
    told = seen.region is not None and is_local(seen.region, LOCAL_SHARE)
    return f" {location_tokens(seen.region)}" if seen.region and told else ""


_FORMS: Mapping[str, Callable[..., tuple[tuple[Turn, ...], str]]] = {
    "finding": _finding,
    "odd": _yes_or_no("odd"),
    "fine": _yes_or_no("fine"),
    "where": _where,
    "weight": _weight,
    FREE: _free,
}
