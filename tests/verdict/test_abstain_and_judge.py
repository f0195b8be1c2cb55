"""Abstention and the whole way from logits to a verdict."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescope.errors import DataError
from fakescope.models.base import Band, Calibration, Logits, ModelCard
from fakescope.records import Label
from fakescope.verdict.abstain import choose_band, reason_to_abstain
from fakescope.verdict.judge import judge
from fakescope.verdict.labels import CandidateSets

SETS = CandidateSets(fake=(0,), real=(1,))
CARD = ModelCard("scripted", "1", "Apache-2.0", ("fake",), ("real",))


def logits(fake: float, real: float, other: float = -30.0) -> Logits:
    return Logits(np.array([fake, real, other], np.float32))


def test_the_zone_is_half_open():
    band = Band(0.4, 0.6, 0.5)
    assert reason_to_abstain(0.39, 1.0, band) is None
    assert "inconclusive" in reason_to_abstain(0.4, 1.0, band)
    assert reason_to_abstain(0.6, 1.0, band) is None


def test_little_answer_mass_is_said_first_and_names_what_it_was_taken_over():
    assert "12% of the model's next-token probability is" in reason_to_abstain(0.99, 0.12, Band())
    assert "that the server returned" in reason_to_abstain(0.99, 0.12, Band(), "top_k")


def test_verdicts():
    assert judge(logits(5, 0), SETS, CARD).label is Label.FAKE
    assert judge(logits(0, 5), SETS, CARD).label is Label.REAL
    middle = judge(logits(1, 1), SETS, CARD)
    assert (middle.label, middle.p_fake) == (None, 0.5)
    assert middle.reason
    evasive = judge(logits(5, 0, 20), SETS, CARD)
    assert evasive.label is None
    assert evasive.answer_mass < 0.01


def test_calibration_threshold_and_band_of_the_card_are_used_and_named():
    card = ModelCard(
        "scripted", "1", "Apache-2.0", ("fake",), ("real",),
        calibration=Calibration("mine", 2.0, 1.0), band=Band(0.7, 0.75), threshold=0.72,
    )  # fmt: skip
    got = judge(logits(0, 0), SETS, card)
    assert got.llr == pytest.approx(1.0)
    assert got.p_fake == pytest.approx(0.7311, abs=1e-4)
    assert (got.calibration, got.threshold, got.band, got.label) == ("mine", 0.72, (0.7, 0.75), None)
    assert judge(logits(0.5, 0), SETS, card).label is Label.FAKE


def test_a_top_k_server_is_judged_with_its_own_words():
    got = judge(Logits(np.array([3.0, 0.0], np.float32), np.array([7, 0])), SETS, CARD)
    assert got.label is None
    assert "that the server returned" in got.reason


def test_bounds_are_reported_and_an_open_question_is_not_answered():
    decided = judge(
        Logits(np.log(np.array([0.98, 0.01], np.float32)), np.array([0, 2]), logprobs=True), SETS, CARD
    )
    assert decided.label is Label.FAKE
    assert decided.p_fake_bounds == (pytest.approx(decided.p_fake), 1.0)
    biased = replace(CARD, calibration=Calibration("low", 1.0, -12.0))
    open_ = judge(
        Logits(np.log(np.array([0.98, 0.01], np.float32)), np.array([0, 2]), logprobs=True), SETS, biased
    )
    assert open_.label is None
    assert "too few tokens" in open_.reason
    assert judge(logits(5, 0), SETS, CARD).p_fake_bounds is None


@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_any_logits_give_a_verdict_that_can_be_written_and_read(fake, real, other):
    verdict = judge(logits(fake, real, other), SETS, CARD)
    assert type(verdict).model_validate_json(verdict.model_dump_json()) == verdict
    assert (verdict.label is None) == (verdict.reason is not None)


def noisy(n=400, seed=0):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 2, n)
    return 1 / (1 + np.exp(-rng.normal(np.where(target, 1.2, -1.2), 1.5))), target


@pytest.mark.parametrize("max_share", [0.0, 0.05, 0.2, 0.5])
@pytest.mark.parametrize("threshold", [0.5, 0.3])
def test_the_chosen_zone_keeps_to_its_share_and_helps(max_share, threshold):
    p, y = noisy()
    band = choose_band(p, y, max_share, threshold=threshold)
    inside = (p >= band.low) & (p < band.high)
    assert inside.mean() <= max_share
    assert band.low <= threshold <= band.high

    def accuracy(keep):
        said = p[keep] >= threshold
        return (said[y[keep] == 1].mean() + (~said[y[keep] == 0]).mean()) / 2

    assert accuracy(~inside) >= accuracy(np.ones(len(p), bool))
    if max_share >= 0.2:
        assert accuracy(~inside) > accuracy(np.ones(len(p), bool)) + 0.02


def test_a_perfect_model_gets_the_empty_zone():
    band = choose_band([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1])
    assert band.low == band.high == 0.5


def test_no_zone_is_chosen_from_bad_input():
    with pytest.raises(DataError):
        choose_band([0.1, 0.2], [1, 1])
    with pytest.raises(DataError):
        choose_band([0.1, 0.2], [0, 1], max_share=1.0)
    with pytest.raises(DataError):
        choose_band([0.1, np.nan], [0, 1])
