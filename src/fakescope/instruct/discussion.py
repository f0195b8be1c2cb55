"""Extended knowledge and discussion: the talk that a forensic examiner would have about an image.

A conversation begins with the verdict, or with the description; what depends on the verdict follows it, so that a model
learns to keep to what it said. What is general comes from `knowledge`; what is said of the image, from its record.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from fakescope.instruct import knowledge
from fakescope.instruct.facts import Facts
from fakescope.instruct.grammar import say
from fakescope.instruct.knowledge import Topic
from fakescope.instruct.made import Made, Turn
from fakescope.instruct.phrasing import continued, full_sentence, introduced, lower_start, pick
from fakescope.instruct.trace_words import WORDS
from fakescope.instruct.traces import tell
from fakescope.instruct.wordings import bank, one, sentence
from fakescope.prompts import (
    AUTHENTICITY_QUESTION,
    DESCRIBE_PROMPT,
    authenticity_answer,
)
from fakescope.records import Label
from fakescope.taxonomy import BY_ID


class Reply(NamedTuple):
    """One question with its answer, and what the answer rests on."""

    question: str
    answer: str
    rests_on: tuple[str, ...]


Kind = Callable[[Facts, random.Random], "Reply | None"]


def discuss(facts: Facts, count: int, rng: random.Random) -> list[Made]:
    """Up to so many conversations, each beginning with another kind of question as long as there are any."""
    order: list[str] = []
    found: list[Made] = []
    for _ in range(2 * count):
        if len(found) == count:
            break
        if not order:
            order = list(KINDS)
            rng.shuffle(order)
        made = _converse(facts, order.pop(), rng)
        if made is not None:
            found.append(made)
    return found


def _converse(facts: Facts, first: str, rng: random.Random) -> Made | None:
    """The verdict or the description, then one to three questions; nothing where the first has no answer."""
    reply = KINDS[first](facts, rng)
    if reply is None:
        return None
    turns: list[Turn] = []
    rests: list[str] = []
    answer = ""
    if first not in ALONE or rng.random() < 0.3:
        opening, on = _opening(facts, rng)
        turns.append(opening)
        rests.extend(on)
        answer = facts.label.value
    replies = [reply]
    for name in rng.sample(list(KINDS), rng.choices((0, 1, 2), (0.55, 0.33, 0.12))[0]):
        if name != first and answer and (more := KINDS[name](facts, rng)):
            replies.append(more)
    for said in replies:
        turns.append((full_sentence(said.question), said.answer))
        rests.extend(said.rests_on)
    return Made("discussion", f"discussion.{first}", tuple(turns), answer, tuple(dict.fromkeys(rests)))


def _opening(facts: Facts, rng: random.Random) -> tuple[Turn, tuple[str, ...]]:
    if facts.told and rng.random() < 0.2:
        told = f"{facts.subject} {facts.told}".strip()
        return (DESCRIBE_PROMPT, told), ("subject", "description", "label")
    question = AUTHENTICITY_QUESTION if rng.random() < 0.5 else sentence(rng, "judgement.open")
    return (question, authenticity_answer(facts.label)), ("label",)


# --- how good the evidence is


def limits(facts: Facts, rng: random.Random) -> Reply | None:
    """What is uncertain or speaks against the verdict."""
    if not facts.limits:
        return None
    lead = one(rng, "discussion.limits_leads")
    return Reply(one(rng, "discussion.limits_q"), introduced(lead, facts.limits), ("limits",))


def strength(facts: Facts, rng: random.Random) -> Reply:
    """Weak, moderate or strong, with the number of signs or one of them."""
    lead = one(rng, f"discussion.strength_a.{facts.strength}")
    question = one(rng, "discussion.strength_q")
    fake = facts.label is Label.FAKE
    if fake and rng.random() < 0.5:
        count = facts.abnormal
        noun = "criterion looks" if count == 1 else "criteria look"
        return Reply(question, f"{lead}. {_number(count)} {noun} abnormal.", ("strength", *_on(facts.signs)))
    sign = _sign(facts, rng)
    if sign is None:
        return Reply(question, f"{lead}.", ("strength",))
    named = "The main sign" if fake and sign in facts.main else "One sign" if fake else "What supports it"
    return Reply(question, f"{lead}. {introduced(named, facts.seen[sign].text)}", ("strength", *_on([sign])))


def certain(facts: Facts, rng: random.Random) -> Reply:
    """How sure, and what stands in the way of certainty."""
    sure = one(rng, f"discussion.certain_a.{facts.strength}")
    return Reply(
        one(rng, "discussion.certain_q"),
        f"{sure} {facts.limits}".strip(),
        ("strength", *(("limits",) if facts.limits else ())),
    )


def one_sign(facts: Facts, rng: random.Random) -> Reply | None:
    """One sign, with its place where it has one; the main ones first."""
    sign = _sign(facts, rng)
    if sign is None:
        return None
    seen = facts.seen[sign]
    text = (
        introduced(full_sentence(seen.place)[:-1], seen.text)
        if seen.place and rng.random() < 0.5
        else seen.text
    )
    return Reply(one(rng, "discussion.sign_q"), text, _on([sign]))


def compare(facts: Facts, rng: random.Random) -> Reply | None:
    """Two criteria side by side: which of them carries the verdict."""
    if len(facts.told_of) < 2:
        return None
    first, second = rng.sample(facts.told_of, 2)
    names = {name: pick(rng, WORDS[name].names) for name in (first, second)}
    question = one(rng, "discussion.compare_q", one=names[first], two=names[second])
    said = [tell(facts, name, rng) for name in (first, second)]
    supporting = [name for name in (first, second) if name in facts.signs]
    leading = [name for name in supporting if name in facts.main] or supporting
    if first not in facts.seen and second not in facts.seen:
        return Reply(question, f"{one(rng, 'discussion.compare_a.unjudged')} {said[0]}", _on([first, second]))
    if not leading:
        verdict = one(rng, "discussion.compare_a.neither")
    elif len(leading) == 2:
        verdict = one(rng, "discussion.compare_a.both")
    else:
        verdict = sentence(rng, "discussion.compare_a.one", one=names[leading[0]])
    return Reply(question, f"{said[0]} {said[1]} {verdict}", _on([first, second]))


def change_mind(facts: Facts, rng: random.Random) -> Reply:
    """What would overturn the verdict: outside evidence, and the record's own doubt."""
    first, second = (say(rng, pattern) for pattern in rng.sample(bank(f"discussion.mind_a.{facts.label}"), 2))
    parts = [first, f"{one(rng, 'discussion.or')}: {_small(second)}"]
    if facts.limits and rng.random() < 0.5:
        parts.append(facts.limits)
        return Reply(one(rng, "discussion.mind_q"), " ".join(parts), ("label", "limits"))
    return Reply(one(rng, "discussion.mind_q"), " ".join(parts), ("label",))


def hold(facts: Facts, rng: random.Random) -> Reply | None:
    """Somebody insists on the other label: the answer keeps to the evidence, and says what speaks against it."""
    sign = _sign(facts, rng)
    if sign is None:
        return None
    other = Label.REAL if facts.label is Label.FAKE else Label.FAKE
    answer = f"{one(rng, 'discussion.hold')} {facts.seen[sign].text} {authenticity_answer(facts.label)}"
    return Reply(one(rng, "discussion.wrong_q", other=other.value), answer, (*_on([sign]), "label"))


# --- what to do next


def next_step(facts: Facts, rng: random.Random) -> Reply | None:
    """What to check: the advice on a real image; the places of the abnormal signs on a fake."""
    question = one(rng, "discussion.next_q")
    if facts.label is Label.REAL:
        return Reply(question, facts.advice, ("advice",)) if facts.advice else None
    sign = _sign(facts, rng)
    if sign is None:
        return None
    seen = facts.seen[sign]
    name = pick(rng, WORDS[sign].names)
    look = (
        one(rng, "discussion.look", name=name, where=seen.place)
        if seen.place
        else one(rng, "discussion.look_anywhere", name=name)
    )
    return Reply(question, continued(look, seen.text), _on([sign]))


def tool(facts: Facts, rng: random.Random) -> Reply:
    """Which check to make next, from general knowledge."""
    return _general(rng, "tool")


def improve(facts: Facts, rng: random.Random) -> Reply | None:
    """What would have to change: the advice on a fake; that nothing has to, on a real image."""
    question = one(rng, "discussion.improve_q")
    sign = _sign(facts, rng)
    if facts.label is Label.REAL:
        if facts.abnormal:
            return None
        said = facts.seen[sign].text if sign else ""
        return Reply(
            question,
            f"{one(rng, 'discussion.no_change')} {said}".strip(),
            ("label", *_on([sign] if sign else [])),
        )
    if not facts.advice:
        return None
    lead = one(rng, "discussion.change")
    return Reply(question, f"{lead} {facts.advice}".strip(), ("advice",))


def enhance(facts: Facts, rng: random.Random) -> Reply | None:
    """What a convincing picture does about one criterion, and how it is here."""
    return _on_criterion(facts, rng, "enhance", "discussion.enhance_q")


# --- how it comes about


def gan(facts: Facts, rng: random.Random) -> Reply | None:
    """How a fault of one criterion arises in GANs, and whether there is one here."""
    return _on_criterion(facts, rng, "cause", "discussion.gan_q", "gan")


def diffusion(facts: Facts, rng: random.Random) -> Reply | None:
    """How a fault of one criterion arises in diffusion models, and whether there is one here."""
    return _on_criterion(facts, rng, "cause", "discussion.diffusion_q", "diffusion")


def camera(facts: Facts, rng: random.Random) -> Reply | None:
    """What a camera would have recorded, and what is here."""
    return _on_criterion(facts, rng, "camera", "discussion.camera_q")


def false_alarm(facts: Facts, rng: random.Random) -> Reply | None:
    """Innocent causes of the same look, and what is here."""
    return _on_criterion(facts, rng, "false_alarm", "discussion.alarm_q")


def criterion(facts: Facts, rng: random.Random) -> Reply | None:
    """What one of the criteria covers, and what is here."""
    if not facts.told_of:
        return None
    name = rng.choice(facts.told_of)
    meant = BY_ID[name].definition.replace(": ", ", for example ", 1)
    lead = one(rng, "discussion.means_leads")
    said = tell(facts, name, rng)
    answer = f"{lead} {_small(meant) if lead.endswith(':') else meant} {said}".strip()
    return Reply(one(rng, "discussion.means_q", name=pick(rng, WORDS[name].names)), answer, _on([name]))


# --- for whom it is explained


def layperson(facts: Facts, rng: random.Random) -> Reply | None:
    """The verdict and one reason in plain words."""
    sign = _sign(facts, rng)
    if sign is None:
        return None
    because = one(rng, "discussion.lay_because")
    parts = [
        one(rng, _of_kind("discussion.lay_leads", facts)),
        introduced(because, facts.seen[sign].text),
        *_end(rng, 0.6),
    ]
    return Reply(one(rng, "discussion.lay_q"), " ".join(parts), ("label", *_on([sign])))


def editor(facts: Facts, rng: random.Random) -> Reply | None:
    """What to do with it in a newsroom, one reason, and the doubt."""
    sign = _sign(facts, rng)
    if sign is None:
        return None
    parts = [one(rng, _of_kind("discussion.editor_leads", facts)), facts.seen[sign].text]
    rests = ["label", *_on([sign])]
    if facts.limits and rng.random() < 0.5:
        parts.append(facts.limits)
        rests.append("limits")
    return Reply(one(rng, "discussion.editor_q"), " ".join([*parts, *_end(rng, 0.4)]), tuple(rests))


def court(facts: Facts, rng: random.Random) -> Reply | None:
    """The finding as an expert states it: signs, strength, and what it does not say."""
    if not facts.signs:
        return None
    names = rng.sample(facts.signs, min(2, len(facts.signs)))
    signs = " ".join(facts.seen[name].text for name in names)
    lead = one(rng, _of_kind("discussion.court_leads", facts))
    weighed = one(rng, "discussion.court_weight", strength=facts.strength)
    answer = f"{lead} {signs} {weighed} {sentence(rng, 'discussion.court_ends')}"
    return Reply(one(rng, "discussion.court_q"), answer, ("label", "strength", *_on(names)))


def summary(facts: Facts, rng: random.Random) -> Reply | None:
    """Subject, verdict and one sign."""
    sign = _sign(facts, rng)
    if sign is None:
        return None
    shown = [facts.subject] if facts.subject and rng.random() < 0.7 else []
    probably = one(rng, "discussion.probably", label=facts.label.value)
    rests = (*(("subject",) if shown else ()), "label", *_on([sign]))
    return Reply(one(rng, "discussion.sum_q"), " ".join([*shown, probably, facts.seen[sign].text]), rests)


def natural(facts: Facts, rng: random.Random) -> Reply | None:
    """What looks as it should, on either class."""
    found = [name for name, seen in facts.seen.items() if seen.finding == "natural"]
    question = one(rng, "discussion.natural_q")
    if not found:
        return Reply(question, one(rng, "discussion.nothing_natural"), _on(facts.seen))
    name = rng.choice(found)
    return Reply(
        question, continued(pick(rng, WORDS[name].heads("natural")), facts.seen[name].text), _on([name])
    )


def unjudged(facts: Facts, rng: random.Random) -> Reply | None:
    """Which criteria give no basis."""
    question = one(rng, "discussion.unjudged_q")
    if not facts.unjudged:
        if not facts.all_judged:
            return None
        return Reply(question, one(rng, "discussion.none_unjudged"), _on(facts.seen))
    names = [WORDS[name].names[0] for name in rng.sample(facts.unjudged, min(3, len(facts.unjudged)))]
    more = len(facts.unjudged) > len(names)
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    lead = one(rng, "discussion.unjudged_leads")
    return Reply(question, f"{lead} {listed}{', among others' if more else ''}.", _on(facts.unjudged))


def shown(facts: Facts, rng: random.Random) -> Reply | None:
    """What the image shows."""
    return Reply(one(rng, "discussion.shown_q"), facts.subject, ("subject",)) if facts.subject else None


# --- what cannot be known


def refuse(facts: Facts, rng: random.Random) -> Reply:
    """What cannot be known from the pixels; nobody is accused."""
    return _general(rng, "limit")


def concept(facts: Facts, rng: random.Random) -> Reply:
    """A piece of general knowledge."""
    return _general(rng, "concept")


def claim(facts: Facts, rng: random.Random) -> Reply:
    """Text in the image is content; the verdict stays."""
    sign = _sign(facts, rng)
    parts = [say(rng, pattern) for pattern in rng.sample(bank("discussion.claim_a"), 2)] + [
        authenticity_answer(facts.label)
    ]
    if sign:
        parts.append(facts.seen[sign].text)
    return Reply(one(rng, "discussion.claim_q"), " ".join(parts), ("label", *_on([sign] if sign else [])))


KINDS: Mapping[str, Kind] = {
    "limits": limits, "strength": strength, "certain": certain, "one_sign": one_sign, "compare": compare,
    "change_mind": change_mind, "hold": hold, "next": next_step, "tool": tool, "improve": improve, "enhance": enhance,
    "gan": gan, "diffusion": diffusion, "camera": camera, "false_alarm": false_alarm, "criterion": criterion,
    "layperson": layperson, "editor": editor, "court": court, "summary": summary, "natural": natural,
    "unjudged": unjudged, "shown": shown, "refuse": refuse, "concept": concept, "claim": claim,
}  # fmt: skip
ALONE = frozenset(
    {
        "gan",
        "diffusion",
        "camera",
        "false_alarm",
        "criterion",
        "enhance",
        "concept",
        "shown",
        "refuse",
        "tool",
    }
)
"""Kinds that may begin a conversation without a verdict before them."""


def _on_criterion(
    facts: Facts, rng: random.Random, topic: Topic, questions: str, family: str | None = None
) -> Reply | None:
    """General knowledge on a criterion drawn without regard to what was found, then what was found."""
    if not facts.told_of:
        return None
    name = rng.choice(facts.told_of)
    entries = knowledge.knowledge().find(topic, name)
    entries = tuple(e for e in entries if family is None or e.family in (family, "any")) or entries
    entry = entries[rng.randrange(len(entries))]
    here = tell(facts, name, rng)
    question = one(rng, questions, name=pick(rng, WORDS[name].names))
    answer = f"{knowledge.tell(entry, rng)} {introduced(one(rng, 'discussion.here'), here)}"
    return Reply(question, answer, (*_on([name]), f"knowledge.{entry.id}"))


def _general(rng: random.Random, topic: Topic) -> Reply:
    entries = knowledge.knowledge().topic(topic)
    entry = entries[rng.randrange(len(entries))]
    question = say(rng, rng.choice(entry.asks))
    return Reply(question, knowledge.tell(entry, rng), (f"knowledge.{entry.id}",))


def _of_kind(path: str, facts: Facts) -> str:
    """Wordings for the label, and for a photograph or another picture."""
    return f"{path}.{facts.label}.{'photo' if facts.by_camera else 'other'}"


def _sign(facts: Facts, rng: random.Random) -> str | None:
    """A criterion that supports the label; one on which the description leans, where there is one."""
    if not facts.signs:
        return None
    main = [name for name in facts.signs if name in facts.main]
    return rng.choice(main if main and rng.random() < 0.7 else facts.signs)


def _on(criteria: Sequence[str] | Mapping[str, object]) -> tuple[str, ...]:
    return tuple(f"traces.{name}" for name in criteria)


def _end(rng: random.Random, share: float) -> list[str]:
    return [sentence(rng, "discussion.ends")] if rng.random() < share else []


def _small(text: str) -> str:
    return lower_start(text) or text


def _number(count: int) -> str:
    words = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")
    return words[count] if count < len(words) else "More than ten"
