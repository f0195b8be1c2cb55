"""Absolute authenticity judgement: the paper's question and answer, and other ways to ask it."""

from __future__ import annotations

from collections.abc import Iterator

from fakescope.instruct.dialogue import conversation
from fakescope.instruct.phrasing import pick, rng_for
from fakescope.prompts import AUTHENTICITY_QUESTION, authenticity_answer
from fakescope.prompts.wordings import AUTHENTICITY_CHOICE, IS_FAKE, IS_REAL
from fakescope.records import ChainRecord, ImageRef, Instruction, Label


def judgements(source: ChainRecord | ImageRef, *, seed: int) -> Iterator[Instruction]:
    """Four conversations about an image of known label: the paper's, a free one, and two yes-or-no questions.

    The answer is `This image is fake.` or `This image is real.`, after `Yes.` or `No.` where that was asked.
    Both yes-or-no questions are put to every image, so that neither yes nor no goes with a label.
    """
    image = source.image if isinstance(source, ChainRecord) else source
    if image.label is None:
        return
    rng = rng_for(seed, "judgement", image.id)
    verdict = authenticity_answer(image.label)
    is_fake, is_real = ("Yes", "No") if image.label is Label.FAKE else ("No", "Yes")
    yield conversation(source, "judgement", (AUTHENTICITY_QUESTION, verdict))
    yield conversation(source, "judgement", (pick(rng, AUTHENTICITY_CHOICE), verdict))
    yield conversation(source, "judgement", (pick(rng, IS_FAKE), f"{is_fake}. {verdict}"))
    yield conversation(source, "judgement", (pick(rng, IS_REAL), f"{is_real}. {verdict}"))
