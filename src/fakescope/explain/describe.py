"""The description: what is shown, the verdict and the reasoning for it; sentences on limits and on what to do next."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from fakescope.images.load import LoadedImage
from fakescope.models.base import ForensicModel
from fakescope.prompts.paper import AUTHENTICITY_QUESTION
from fakescope.prompts.product import (
    DESCRIBE_PROMPT,
    LIMITS_PROMPT,
    NEXT_PROMPT,
    SHOW_PROMPT,
    authenticity_answer,
    description_prefix,
)
from fakescope.records import Evidence, Label, Message, Verdict

_LABEL_WORD = re.compile(r"\b(?:fake|real|genuine|authentic|generated)\b", re.IGNORECASE)
OnText = Callable[[str], None]

MAX_DESCRIPTION_TOKENS = 128
MAX_SENTENCE_TOKENS = 48
MAX_CONTENT_TOKENS = 40
_MOST_LISTED = 3


def describe(
    model: ForensicModel,
    image: LoadedImage,
    verdict: Verdict,
    evidence: Sequence[Evidence],
    on_text: OnText | None,
) -> str:
    """The description: a sentence on the content, then the verdict's label and its reasons, or both sides of an
    abstaining one."""
    shown = show(model, image)
    if verdict.label is None:
        text = f"{shown} {both_sides(verdict, evidence)}".strip()
        if on_text:
            on_text(text)
        return text
    if on_text:
        on_text(f"{shown} {description_prefix(verdict.label)}".strip())
    return f"{shown} {reasons(model, image, verdict.label, shown, on_text)}".strip()


def reasons(
    model: ForensicModel, image: LoadedImage, label: Label, shown: str, on_text: OnText | None = None
) -> str:
    """The label and the model's reasons for it: `description_prefix(label)`, and how the model goes on.

    Args:
        model: Is asked.
        image: What it is asked about.
        label: What the image is to be explained as.
        shown: The sentence on the content that stands before; may be empty.
        on_text: Told of each piece after the prefix, as it comes.
    """
    opening = f"{shown} {description_prefix(label)}".strip()
    said = [description_prefix(label)]
    conversation = [Message(role="user", content=DESCRIBE_PROMPT), Message(role="assistant", content=opening)]
    for piece in model.generate(image, conversation, max_tokens=MAX_DESCRIPTION_TOKENS):
        said.append(piece)
        if on_text:
            on_text(piece)
    # Finished by itself: where the limit cuts the first reason off, the verdict must not go with it.
    return finish_sentence("".join(said))


def show(model: ForensicModel, image: LoadedImage) -> str:
    """One sentence on what the image shows; empty where the model has none, or would state a label in it."""
    (said,) = model.generate_batch(
        image, [[Message(role="user", content=SHOW_PROMPT)]], max_tokens=MAX_CONTENT_TOKENS
    )
    first = finish_sentence(said).partition(". ")[0].rstrip(".")
    if not first or _LABEL_WORD.search(first):
        return ""
    return first + "."


def both_sides(verdict: Verdict, evidence: Sequence[Evidence]) -> str:
    """What speaks for either side when the model abstains, in its own observations, strongest first."""

    def listed(finding: str) -> str:
        chosen = sorted((e for e in evidence if e.finding == finding), key=lambda e: -(e.p_finding or 0.0))
        return " ".join(e.observation.rstrip(".") + "." for e in chosen[:_MOST_LISTED])

    text = (
        f"It is inconclusive whether this image is fake or real (probability of fake {verdict.p_fake:.2f})."
    )
    if abnormal := listed("abnormal"):
        text += f" What may point to a generator: {abnormal}"
    if natural := listed("natural"):
        text += f" What looks natural: {natural}"
    return text


def limits_and_next_steps(model: ForensicModel, image: LoadedImage, verdict: Verdict) -> tuple[str, str]:
    """The model's own sentences on what speaks against its verdict and on what to check next."""
    label = verdict.label or (Label.FAKE if verdict.p_fake >= verdict.threshold else Label.REAL)
    return against_and_next(model, image, label)


def against_and_next(model: ForensicModel, image: LoadedImage, label: Label) -> tuple[str, str]:
    """What speaks against a label, and what to check next, in the model's words after it was told the label."""
    opening = [
        Message(role="user", content=AUTHENTICITY_QUESTION),
        Message(role="assistant", content=authenticity_answer(label)),
    ]
    conversations = [[*opening, Message(role="user", content=q)] for q in (LIMITS_PROMPT, NEXT_PROMPT)]
    limits, following = model.generate_batch(image, conversations, max_tokens=MAX_SENTENCE_TOKENS)
    return finish_sentence(limits), finish_sentence(following)


def finish_sentence(text: str) -> str:
    """Drop a last sentence that the token limit cut off; a text of one cut sentence ends with dots."""
    text = " ".join(text.split())
    if not text or text[-1] in ".!?":
        return text
    end = max(text.rfind(". "), text.rfind("! "), text.rfind("? "))
    return text[: end + 1] if end > 0 else text + " ..."
