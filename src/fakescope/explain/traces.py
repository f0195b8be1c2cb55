"""Findings on the 15 criteria: what the model's logits call each, and what its words observe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fakescope.explain.parse import parse_trace_answer
from fakescope.images.load import LoadedImage
from fakescope.models.base import ForensicModel
from fakescope.prompts.product import TRACE_TAGS, given_trace_question, trace_question
from fakescope.records import Evidence, Finding, Label, Message, Region
from fakescope.taxonomy import CRITERION_IDS

MAX_OBSERVATION_TOKENS = 48
_LARGEST_REGION = 0.9  # the whole picture is no place
_FINDING: dict[str, Finding | None] = {"Abnormal": "abnormal", "Natural": "natural", "Unclear": None}


@dataclass(frozen=True)
class Judged:
    """One criterion as the model's logits have it: its finding, or None when it cannot be judged here."""

    criterion: str
    finding: Finding | None
    p_finding: float
    p_abnormal: float


def judge_criteria(model: ForensicModel, image: LoadedImage, p_fake: float) -> list[Judged]:
    """Ask for every criterion under both verdicts, and weigh the first words of the answers by the verdict.

    A criterion is abnormal from the card's threshold on; else it is what the remaining words make likelier.

    Args:
        model: Is asked.
        image: What it is asked about.
        p_fake: The calibrated probability of fake, in [0, 1].
    """
    if_fake, if_real = given_chances(model, image)
    chances = p_fake * if_fake + (1 - p_fake) * if_real
    threshold = model.card.finding_threshold
    return [_pick(c, row, threshold) for c, row in zip(CRITERION_IDS, chances, strict=True)]


def given_chances(
    model: ForensicModel, image: LoadedImage
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Probabilities [15, 3] of `TRACE_TAGS` were the image fake, and were it real."""
    conversations = [
        [Message(role="user", content=given_trace_question(c, label))]
        for label in Label
        for c in CRITERION_IDS
    ]
    chances = _softmax(model.choice_logits(image, conversations, TRACE_TAGS))
    parts = dict(zip(Label, np.split(chances, len(Label)), strict=True))
    return parts[Label.FAKE], parts[Label.REAL]


def _pick(criterion: str, chances: NDArray[np.float64], threshold: float) -> Judged:
    abnormal = TRACE_TAGS.index("Abnormal")
    if chances[abnormal] >= threshold:
        chosen = abnormal
    else:
        chosen = int(np.where(np.arange(len(chances)) == abnormal, -1.0, chances).argmax())
    return Judged(criterion, _FINDING[TRACE_TAGS[chosen]], float(chances[chosen]), float(chances[abnormal]))


def observe(model: ForensicModel, image: LoadedImage, judged: Sequence[Judged]) -> list[Evidence]:
    """What the model says it sees for each criterion that can be judged. An empty answer is no evidence."""
    wanted = [j for j in judged if j.finding is not None]
    conversations = [
        [
            Message(role="user", content=trace_question(j.criterion)),
            Message(role="assistant", content=f"{(j.finding or '').capitalize()}."),
        ]
        for j in wanted
    ]
    answers = model.generate_batch(image, conversations, max_tokens=MAX_OBSERVATION_TOKENS)
    found = [_evidence(j, answer) for j, answer in zip(wanted, answers, strict=True)]
    return [e for e in found if e is not None]


def _evidence(judged: Judged, answer: str) -> Evidence | None:
    assert judged.finding is not None
    read = parse_trace_answer(f"{judged.finding.capitalize()}. {answer}")
    if not read.observation:
        return None
    region = read.region if read.region and _area(read.region) <= _LARGEST_REGION else None
    return Evidence(
        criterion=judged.criterion,
        finding=judged.finding,
        observation=read.observation,
        region=region,
        region_from="model" if region else None,
        p_finding=judged.p_finding,
        sentence=answer,
    )


def _area(region: Region) -> float:
    return (region[2] - region[0]) * (region[3] - region[1])


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    shifted = np.exp((logits - logits.max(axis=-1, keepdims=True)).astype(np.float64))
    result: NDArray[np.float64] = shifted / shifted.sum(axis=-1, keepdims=True)
    return result
