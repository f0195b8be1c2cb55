"""Multiple choice on one criterion: neither letter, length nor company gives the answer away.

The wrong options are true of other images, and drawn from the same lot as the right ones: of each kind (abnormal,
natural, cannot be judged) any option is as likely to be the right one as any other.
"""

from __future__ import annotations

import random

from fakescope.instruct.facts import Facts
from fakescope.instruct.made import Made
from fakescope.instruct.phrasing import pick
from fakescope.instruct.survey import Survey, half
from fakescope.instruct.trace_words import WORDS
from fakescope.instruct.wordings import sentence

LETTERS = "ABCD"


def choose(
    facts: Facts, criterion: str, survey: Survey, unclear_share: float, rng: random.Random
) -> Made | None:
    """One question with four options, or None where too few observations of other images exist.

    Args:
        facts: Of the image.
        criterion: What is asked about.
        survey: Has the observations of other images.
        unclear_share: How many such questions are about images on which the criterion cannot be judged.
        rng: Settles everything.
    """
    seen = facts.seen.get(criterion)
    not_here = sentence(rng, "choice.not_here")
    right = seen.text if seen else not_here
    offered = seen is None or rng.random() < 3 * unclear_share / (1 - unclear_share)
    wrong = _draw(facts, criterion, _kinds(facts.finding(criterion), offered, rng), survey, right, rng)
    if wrong is None:
        return None
    if seen and offered:
        wrong.append(not_here)
    rng.shuffle(wrong)
    place = rng.randrange(len(LETTERS))
    options = [*wrong[:place], right, *wrong[place:]]
    stem = sentence(rng, "choice.stems", name=pick(rng, WORDS[criterion].names))
    listed = " ".join(f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=True))
    turn = (f"{stem} {listed}", f"{LETTERS[place]}. {right}")
    return Made("traces", "traces.choice", (turn,), LETTERS[place], (f"traces.{criterion}",), criterion)


def _kinds(finding: str, offered: bool, rng: random.Random) -> list[str]:
    """The kinds of the wrong observations.

    Without `cannot be judged`, two of each kind stand there. With it, two of one kind and one of the other: the kind
    that stands there twice is right twice as often.
    """
    if finding == "unclear":
        return ["abnormal", "natural", rng.choice(("abnormal", "natural"))]
    other = "natural" if finding == "abnormal" else "abnormal"
    if not offered:
        return [finding, other, other]
    return [finding, other] if rng.random() < 2 / 3 else [other, other]


def _draw(
    facts: Facts, criterion: str, kinds: list[str], survey: Survey, right: str, rng: random.Random
) -> list[str] | None:
    chosen: list[str] = []
    for kind in kinds:
        pool = survey.pool(criterion, kind, half(facts.id))
        for _ in range(8):
            id, text = pool[rng.randrange(len(pool))] if pool else (facts.id, right)
            if id != facts.id and text != right and text not in chosen:
                chosen.append(text)
                break
        else:
            return None
    return chosen
