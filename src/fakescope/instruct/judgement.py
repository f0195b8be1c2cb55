"""Absolute authenticity judgement: the paper's question and answer, and other ways to ask it."""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Mapping
from itertools import accumulate

from fakescope.instruct.facts import Facts
from fakescope.instruct.made import Made
from fakescope.instruct.phrasing import pick
from fakescope.instruct.wordings import one, sentence
from fakescope.prompts import AUTHENTICITY_QUESTION, authenticity_answer
from fakescope.prompts.wordings import AUTHENTICITY_CHOICE
from fakescope.prompts.wordings import IS_FAKE as SHORT_IS_FAKE
from fakescope.prompts.wordings import IS_REAL as SHORT_IS_REAL
from fakescope.records import Label

FORMS: Mapping[str, float] = {"paper": 0.25, "open": 0.15, "either": 0.2, "is_fake": 0.2, "is_real": 0.2}
"""Shares; the same for both classes."""

_BOUNDS = list(accumulate(FORMS.values()))
_PAIRS = (("fake", "real"), ("generated", "authentic"), ("artificial", "genuine"), ("AI-made", "real"))
_SHORT = 0.3
"""How often one of the plain wordings is taken."""


def judge(facts: Facts, rng: random.Random) -> Made:
    """One question on the authenticity; the answer is `This image is LABEL.`, after `Yes.` or `No.` if asked so."""
    form = list(FORMS)[min(bisect(_BOUNDS, rng.random()), len(FORMS) - 1)]
    verdict = authenticity_answer(facts.label)
    answer, key = verdict, facts.label.value
    if form in ("is_fake", "is_real"):
        key = "yes" if (form == "is_fake") == (facts.label is Label.FAKE) else "no"
        answer = f"{key.capitalize()}. {verdict}"
    return Made("judgement", f"judgement.{form}", ((_question(form, rng), answer),), key, ("label",))


def _question(form: str, rng: random.Random) -> str:
    if form == "paper":
        return AUTHENTICITY_QUESTION
    if form == "open":
        return one(rng, "judgement.open")
    short = {"either": AUTHENTICITY_CHOICE, "is_fake": SHORT_IS_FAKE, "is_real": SHORT_IS_REAL}[form]
    if rng.random() < _SHORT:
        return pick(rng, short)
    if form == "either":
        first, second = rng.choice(_PAIRS)
        if rng.random() < 0.5:
            first, second = second, first
        return sentence(rng, "judgement.either", a=first, b=second)
    return sentence(rng, f"judgement.{form}")
