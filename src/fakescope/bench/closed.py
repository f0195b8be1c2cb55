"""Closed-ended answers, read by keyword as FakeBench does, but strictly: what cannot be read is wrong, never guessed.

FakeBench looks for the words of the question in the answer. Here the first clear statement counts, word by word and
with negation: "unrealistic" is not "real", "not real" is fake, and an answer that says both, or neither, says nothing.
"""

from __future__ import annotations

import re

from fakescope.bench.stated import stated_label
from fakescope.prompts.paper import FAKEBENCH_CLASS_QUESTIONS
from fakescope.records import Label

_YES_NO = re.compile(r"^\W*(yes|no)\b(?![-'’])", re.IGNORECASE)
_ONE_WORD = re.compile(
    r"^\W*(?:(?:an?|the|it'?s|answer:?)\s+)*(not\s+)?(fake|real)\b(?![-'’]|\s+or\b|\s*/)", re.IGNORECASE
)
_YES_MEANS = dict(zip(FAKEBENCH_CLASS_QUESTIONS[1:], (Label.FAKE, Label.REAL), strict=True))


def read_answer(question: str, answer: str) -> Label | None:
    """The label that an answer to one of FakeBench's three questions states; None when it cannot be read.

    Args:
        question: One of `FAKEBENCH_CLASS_QUESTIONS`; any other is read as the first one is.
        answer: The model's words.
    """
    stated = stated_label(answer)
    if stated == "contradictory":
        return None
    said = Label(stated) if stated in list(Label) else None
    opening = _opening(question, answer)
    if opening is not None and said is not None and opening is not said:
        return None
    return opening or said


def _opening(question: str, answer: str) -> Label | None:
    """What the first words say."""
    if (means := _YES_MEANS.get(question)) and (found := _YES_NO.match(answer)):
        return means if found[1].lower() == "yes" else _other(means)
    if found := _ONE_WORD.match(answer):
        label = Label(found[2].lower())
        return _other(label) if found[1] else label
    return None


def _other(label: Label) -> Label:
    return Label.REAL if label is Label.FAKE else Label.FAKE
