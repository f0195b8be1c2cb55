"""Logits in, verdict out: soft score, calibration, threshold and abstention in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fakescope.errors import ImageError
from fakescope.images.load import LoadedImage
from fakescope.models.base import Calibration, ForensicModel, Logits, ModelCard
from fakescope.records import Label, Verdict
from fakescope.verdict.abstain import reason_to_abstain
from fakescope.verdict.calibrate import apply_calibration
from fakescope.verdict.labels import CandidateSets, candidate_sets
from fakescope.verdict.soft_score import Form, sigmoid, soft_score_logits


@dataclass(frozen=True)
class Reading:
    """What one or several answers amount to.

    Attributes:
        llr: Calibrated, in nats.
        low: The least llr that is possible; `llr` unless a server kept tokens back.
        high: The greatest.
        answer_mass: Mean over the answers.
        mass_over: As of `SoftScore`.
    """

    llr: float
    low: float
    high: float
    answer_mass: float
    mass_over: str


def judge(logits: Logits, sets: CandidateSets, card: ModelCard, form: Form = "paper") -> Verdict:
    """The verdict that a model's logits at the answer slot of the paper's question amount to.

    Args:
        logits: Next-token logits after `ANSWER_PREFIX`.
        sets: The model's label words as token ids.
        card: Brings calibration, threshold and inconclusive zone; all three hold for `form` only.
        form: Form of the soft score; "paper" is what cards are fitted with.

    Raises:
        ModelError: Logits that are not numbers, or that belong to another vocabulary.
    """
    return _verdict(read(logits, sets, card.calibration, form), card)


def judge_images(model: ForensicModel, images: Sequence[LoadedImage]) -> list[Verdict]:
    """A model's verdicts on images: by the paper's question, or by the mean over the wordings of its card.

    Raises:
        ModelError: Label words that the model cannot be asked for.
        ImageError: An image that the model cannot be shown.
    """
    sets, card = candidate_sets(model), model.card
    if not card.wordings:
        return [judge(logits, sets, card) for logits in model.answer_logits_batch(images)]
    return [_verdict(_mean_of(model, image, sets), card) for image in images]


def judge_image(model: ForensicModel, image: LoadedImage) -> Verdict:
    """`judge_images` for one.

    Raises:
        ModelError, ImageError: As there.
    """
    return judge_images(model, [image])[0]


def read(logits: Logits, sets: CandidateSets, calibration: Calibration, form: Form = "paper") -> Reading:
    """One answer's soft score, calibrated, with what it may be at least and at most."""
    raw = soft_score_logits(logits, sets, form)
    llr, low, high = (
        float(apply_calibration(raw.llr if value is None else value, calibration))
        for value in (raw.llr, raw.llr_low, raw.llr_high)
    )
    return Reading(llr, low, high, float(raw.answer_mass), raw.mass_over)


def _mean_of(model: ForensicModel, image: LoadedImage, sets: CandidateSets) -> Reading:
    """The mean of calibrated llr over the wordings, calibrated in turn."""
    wordings = model.card.wordings
    answers = model.answer_logits_questions(image, [w.question for w in wordings])
    if len(answers) != len(wordings):
        raise ImageError("the model did not answer all questions about the image")
    readings = [read(a, sets, w.calibration) for a, w in zip(answers, wordings, strict=True)]
    count = len(readings)
    llr, low, high = (
        float(apply_calibration(sum(getattr(r, part) for r in readings) / count, model.card.calibration))
        for part in ("llr", "low", "high")
    )
    mass = sum(r.answer_mass for r in readings) / count
    return Reading(llr, low, high, mass, readings[0].mass_over)


def _verdict(reading: Reading, card: ModelCard) -> Verdict:
    p_fake, low, high = (float(sigmoid(llr)) for llr in (reading.llr, reading.low, reading.high))
    bounds = None if low == high else (low, high)
    reason = reason_to_abstain(p_fake, reading.answer_mass, card.band, reading.mass_over, bounds)
    label = Label.FAKE if p_fake >= card.threshold else Label.REAL
    return Verdict(
        label=None if reason else label,
        reason=reason,
        p_fake=p_fake,
        p_fake_bounds=bounds,
        llr=reading.llr,
        answer_mass=reading.answer_mass,
        threshold=card.threshold,
        band=(card.band.low, card.band.high),
        calibration=card.calibration.id,
        model=card.name,
    )
