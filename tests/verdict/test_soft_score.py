"""The soft score: the paper's equation by hand, its symmetries, and logits that try to break it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fakescope.errors import ModelError
from fakescope.models.base import Logits
from fakescope.verdict.labels import CandidateSets
from fakescope.verdict.soft_score import sigmoid, soft_score, soft_score_logits

VOCABULARY = 12
ONE = CandidateSets(fake=(3,), real=(7,))
TWO = CandidateSets(fake=(3, 4), real=(7, 8))
FORMS = ("paper", "mean", "logsumexp")

moderate = arrays(np.float64, VOCABULARY, elements=st.floats(-50, 50))
extreme = arrays(
    np.float64,
    VOCABULARY,
    elements=st.one_of(st.floats(-1e4, 1e4), st.just(-np.inf), st.sampled_from([1e4, -1e4])),
).filter(lambda z: np.isfinite(z).any())
sets = st.sampled_from([ONE, TWO])
forms = st.sampled_from(FORMS)


def by_the_paper(z: np.ndarray, candidates: CandidateSets) -> float:
    """The equation as printed, without any care for overflow."""
    fake = np.exp(sum(z[i] for i in candidates.fake))
    real = np.exp(sum(z[i] for i in candidates.real))
    return float(fake / (fake + real))


@given(moderate, sets)
def test_the_paper_form_is_the_equation_as_printed(z, candidates):
    assert soft_score(z, candidates).p_fake == pytest.approx(by_the_paper(z, candidates), abs=1e-12)


def test_worked_example():
    z = np.full(VOCABULARY, -1e9)
    z[[3, 4, 7, 8]] = np.log([0.4, 0.2, 0.3, 0.1])
    one, two = soft_score(z, ONE), soft_score(z, TWO)
    assert one.p_fake == pytest.approx(0.4 / 0.7)
    assert one.answer_mass == pytest.approx(0.7)
    assert two.p_fake == pytest.approx(0.08 / 0.11)  # products: the paper sums logits
    assert two.llr == pytest.approx(np.log(0.08 / 0.03))
    assert soft_score(z, TWO, "mean").llr == pytest.approx(np.log(0.08 / 0.03) / 2)
    assert soft_score(z, TWO, "logsumexp").p_fake == pytest.approx(0.6)
    assert two.answer_mass == pytest.approx(1.0)


@given(moderate, sets, forms)
def test_swapping_the_classes_gives_the_complement(z, candidates, form):
    one, other = soft_score(z, candidates, form), soft_score(z, candidates.swapped(), form)
    assert other.p_fake == pytest.approx(1 - one.p_fake, abs=1e-12)
    assert other.llr == pytest.approx(-one.llr)
    assert other.answer_mass == pytest.approx(one.answer_mass)


@given(moderate, sets, forms, st.floats(-1e4, 1e4))
def test_adding_a_constant_changes_nothing(z, candidates, form, constant):
    one, other = soft_score(z, candidates, form), soft_score(z + constant, candidates, form)
    assert other.llr == pytest.approx(one.llr, abs=1e-8)
    assert other.answer_mass == pytest.approx(one.answer_mass, abs=1e-8)


@given(extreme, sets, forms)
def test_extreme_logits_stay_finite(z, candidates, form):
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        got = soft_score(z, candidates, form)
    assert np.isfinite(got.llr)
    assert 0 <= got.p_fake <= 1
    assert 0 <= got.answer_mass <= 1


@given(arrays(np.float64, (2, 3, VOCABULARY), elements=st.floats(-100, 100)), sets, forms)
def test_a_batch_equals_its_rows(z, candidates, form):
    batch = soft_score(z, candidates, form)
    assert batch.llr.shape == (2, 3)
    for i in np.ndindex(2, 3):
        row = soft_score(z[i], candidates, form)
        assert batch.llr[i] == pytest.approx(row.llr, abs=1e-12)
        assert batch.p_fake[i] == row.p_fake
        assert batch.answer_mass[i] == pytest.approx(row.answer_mass, abs=1e-15)


@given(moderate)
def test_with_one_word_a_class_all_forms_agree(z):
    scores = [soft_score(z, ONE, form).llr for form in FORMS]
    np.testing.assert_allclose(scores, scores[0], atol=1e-12)


def test_both_words_masked_is_no_evidence_and_no_answer():
    z = np.zeros(VOCABULARY)
    z[[3, 7]] = -np.inf
    got = soft_score(z, ONE)
    assert (got.llr, got.p_fake, got.answer_mass) == (0.0, 0.5, 0.0)


def test_half_precision_logits_are_scored_in_double():
    z = np.full(VOCABULARY, -60000, dtype=np.float16)
    z[3], z[7] = 60000, 59968
    assert soft_score(z, ONE).llr == 32


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_logits_that_are_not_numbers_are_refused(bad):
    z = np.zeros(VOCABULARY)
    z[0] = bad
    with pytest.raises(ModelError, match="not numbers"):
        soft_score(z, ONE)


def test_a_row_masked_entirely_is_refused():
    with pytest.raises(ModelError):
        soft_score(np.full(VOCABULARY, -np.inf), ONE)


def test_another_tokenizers_ids_are_refused():
    with pytest.raises(ModelError, match="outside the vocabulary"):
        soft_score(np.zeros(5), ONE)
    with pytest.raises(ModelError):
        soft_score(np.zeros(0), ONE)


def test_an_empty_batch_gives_an_empty_score():
    assert soft_score(np.zeros((0, VOCABULARY)), ONE).llr.shape == (0,)


class TestTopK:
    """A server that returns only its most probable tokens."""

    full = np.random.default_rng(0).normal(size=VOCABULARY)

    def top(self, k: int) -> Logits:
        ids = np.argsort(-self.full)[:k]
        return Logits(self.full[ids].astype(np.float32), ids.astype(np.int64))

    def test_all_tokens_returned_equals_the_whole_vocabulary(self):
        got, whole = soft_score_logits(self.top(VOCABULARY), TWO), soft_score(self.full, TWO)
        assert got.llr == pytest.approx(whole.llr, abs=1e-5)
        assert got.answer_mass == pytest.approx(whole.answer_mass, abs=1e-5)
        assert (got.mass_over, whole.mass_over, got.missing) == ("top_k", "vocabulary", 0)

    def test_mass_over_the_top_k_bounds_the_true_mass_from_above(self):
        whole = soft_score(self.full, ONE).answer_mass
        rank = np.argsort(np.argsort(-self.full))
        enough = int(max(rank[3], rank[7])) + 1
        for k in range(enough, VOCABULARY):
            assert soft_score_logits(self.top(k), ONE).answer_mass >= whole - 1e-6

    def test_a_missing_word_errs_towards_no_evidence(self):
        logits = Logits(np.array([2.0, 1.0], np.float32), np.array([3, 5]))
        got = soft_score_logits(logits, ONE)
        assert (got.llr, got.missing) == (1.0, 1)
        assert got.answer_mass == pytest.approx(sigmoid(1.0))

    def test_all_words_missing_is_no_evidence_and_no_answer(self):
        got = soft_score_logits(Logits(np.array([2.0, 1.0], np.float32), np.array([0, 5])), ONE)
        assert (got.llr, got.answer_mass, got.missing) == (0.0, 0.0, 2)

    def test_a_missing_word_leaves_one_side_without_a_bound(self):
        no_fake = soft_score_logits(Logits(np.array([2.0, 1.0], np.float32), np.array([7, 5])), ONE)
        assert (no_fake.llr_low, no_fake.llr_high) == (-np.inf, no_fake.llr)
        no_real = soft_score_logits(Logits(np.array([2.0, 1.0], np.float32), np.array([3, 5])), ONE)
        assert (no_real.llr_low, no_real.llr_high) == (no_real.llr, np.inf)

    def test_log_probabilities_tell_the_mass_and_a_tighter_stand_in(self):
        kept = np.log(np.array([0.9, 0.06], np.float32))
        got = soft_score_logits(Logits(kept, np.array([3, 5]), logprobs=True), ONE)
        assert got.answer_mass == pytest.approx(0.9, abs=1e-6)
        assert got.llr == pytest.approx(np.log(0.9 / 0.04), abs=1e-5)
        assert got.mass_over == "vocabulary"

    def test_the_true_value_lies_within_the_bounds_for_any_k(self):
        logprobs = self.full - np.log(np.exp(self.full).sum())
        whole = soft_score(self.full, ONE)
        for k in range(1, VOCABULARY):
            ids = np.argsort(-self.full)[:k]
            got = soft_score_logits(Logits(logprobs[ids].astype(np.float32), ids, logprobs=True), ONE)
            assert got.llr_low - 1e-5 <= whole.llr <= got.llr_high + 1e-5
            assert got.answer_mass <= whole.answer_mass + 1e-6

    def test_ids_that_do_not_match_are_refused(self):
        with pytest.raises(ModelError):
            soft_score_logits(Logits(np.zeros(2, np.float32), np.array([3])), ONE)
        with pytest.raises(ModelError):
            soft_score_logits(Logits(np.zeros(2, np.float32), np.array([3, 3])), ONE)
