"""Logits in, verdict out: soft score, calibration, threshold and abstention in their order."""

from __future__ import annotations

from fakescope.models.base import Logits, ModelCard
from fakescope.records import Label, Verdict
from fakescope.verdict.abstain import reason_to_abstain
from fakescope.verdict.calibrate import apply_calibration
from fakescope.verdict.labels import CandidateSets
from fakescope.verdict.soft_score import Form, sigmoid, soft_score_logits


def judge(logits: Logits, candidate_sets: CandidateSets, card: ModelCard, form: Form = "paper") -> Verdict:
    """The verdict that a model's logits at the answer slot amount to.

    Args:
        logits: Next-token logits after `ANSWER_PREFIX`.
        candidate_sets: The model's label words as token ids.
        card: Brings calibration, threshold and inconclusive zone; all three hold for `form` only.
        form: Form of the soft score; "paper" is what cards are fitted with.

    Raises:
        ModelError: Logits that are not numbers, or that belong to another vocabulary.
    """
    raw = soft_score_logits(logits, candidate_sets, form)
    llr = float(apply_calibration(raw.llr, card.calibration))
    p_fake, mass = float(sigmoid(llr)), float(raw.answer_mass)
    reason = reason_to_abstain(p_fake, mass, card.band, raw.mass_over)
    label = Label.FAKE if p_fake >= card.threshold else Label.REAL
    return Verdict(
        label=None if reason else label,
        reason=reason,
        p_fake=p_fake,
        llr=llr,
        answer_mass=mass,
        threshold=card.threshold,
        band=(card.band.low, card.band.high),
        calibration=card.calibration.id,
        model=card.name,
    )
