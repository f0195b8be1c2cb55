"""The fixed prompts that examinations rely on. A change here asks for a newly trained model."""

from __future__ import annotations

import hashlib

from fakescope.errors import ModelError
from fakescope.prompts.paper import AUTHENTICITY_ANSWER, AUTHENTICITY_QUESTION
from fakescope.records import Label
from fakescope.taxonomy import BY_ID, CRITERION_IDS

SHOW_PROMPT = "What does this image show?"
"""Asked alone; the answer is one sentence on the content, with which the description then begins."""

DESCRIBE_PROMPT = "Explain what you see and why this image is fake or real."
"""Asked alone, as the first turn. The answer begins with a sentence on the content, then
`description_prefix(label)`."""

TRACE_QUESTION = "Judge the {name} of this image: abnormal, natural or unclear?"
"""Asked alone, once for each criterion. The answer begins with one of `TRACE_TAGS` and a full stop."""

GIVEN_TRACE_QUESTION = "Say this image is {label}. Judge its {name}: abnormal, natural or unclear?"
"""The same under a verdict. It is asked under both, and the answers are weighed by the verdict's probability: a
doubtful verdict makes doubtful findings."""

TRACE_TAGS: tuple[str, ...] = ("Abnormal", "Natural", "Unclear")
"""Unclear: the criterion cannot be judged on this image."""

LIMITS_PROMPT = "What speaks against this verdict?"
NEXT_PROMPT = "What should be checked next?"
STRENGTH_PROMPT = "How strong is the evidence?"
"""These three are asked as a second turn, after AUTHENTICITY_QUESTION and `authenticity_answer(label)`, so
that the answer keeps to the verdict that was given."""


def authenticity_answer(label: Label) -> str:
    """`This image is fake.` or `This image is real.`"""
    return AUTHENTICITY_ANSWER.format(label=label.value)


def description_prefix(label: Label) -> str:
    """The words with which the verdict of a description begins; no space at the end."""
    return f"This image is {label.value} because"


def trace_question(criterion: str) -> str:
    """The compact question for one criterion.

    Raises:
        ModelError: The criterion is not one of the 15.
    """
    return TRACE_QUESTION.format(name=_name(criterion))


def given_trace_question(criterion: str, label: Label) -> str:
    """The question for one criterion under a verdict.

    Raises:
        ModelError: The criterion is not one of the 15.
    """
    return GIVEN_TRACE_QUESTION.format(name=_name(criterion), label=label.value)


def _name(criterion: str) -> str:
    if criterion not in BY_ID:
        raise ModelError(f"unknown criterion {criterion!r}", f"one of {', '.join(CRITERION_IDS)}")
    return BY_ID[criterion].name


def prompt_hash() -> str:
    """12 hex digits that change whenever a fixed prompt changes; stored with every examination."""
    fixed = (
        AUTHENTICITY_QUESTION,
        SHOW_PROMPT,
        DESCRIBE_PROMPT,
        LIMITS_PROMPT,
        NEXT_PROMPT,
        STRENGTH_PROMPT,
        *TRACE_TAGS,
        *(trace_question(criterion) for criterion in CRITERION_IDS),
        *(given_trace_question(criterion, label) for criterion in CRITERION_IDS for label in Label),
        *(text(label) for label in Label for text in (authenticity_answer, description_prefix)),
    )
    return hashlib.sha256("\n".join(fixed).encode()).hexdigest()[:12]
