"""The formulas against scikit-learn, on random, tied and degenerate inputs."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as sk

from fakescope.bench import metrics
from fakescope.errors import DataError
from fakescope.records import Label

rows = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=2, max_size=60)
"""Scores from nine values only, so that ties are the rule."""


def both_classes(pairs):
    scores = np.array([s for s, _ in pairs]) / 8
    target = np.array([y for _, y in pairs], dtype=int)
    assume(0 < target.sum() < target.size)
    return scores, target


@given(rows)
def test_ranking_metrics_equal_scikit_learn(pairs):
    scores, target = both_classes(pairs)
    assert metrics.auroc(scores, target) == pytest.approx(sk.roc_auc_score(target, scores))
    assert metrics.average_precision(scores, target) == pytest.approx(
        sk.average_precision_score(target, scores)
    )
    false, true, _ = sk.roc_curve(target, scores, drop_intermediate=False)
    ours = metrics.roc_curve(scores, target)
    np.testing.assert_allclose(ours, (false, true))
    for limit in (0.0, 0.05, 0.1, 0.5, 1.0):
        assert metrics.tpr_at_fpr(scores, target, limit) == pytest.approx(true[false <= limit + 1e-12].max())


@given(rows)
def test_decision_metrics_equal_scikit_learn(pairs):
    scores, target = both_classes(pairs)
    said = scores >= 0.5
    assert metrics.balanced_accuracy(said, target) == pytest.approx(sk.balanced_accuracy_score(target, said))
    classes = metrics.per_class_accuracy(said, target)
    assert classes[Label.FAKE] == pytest.approx(sk.recall_score(target, said))
    assert classes[Label.REAL] == pytest.approx(sk.recall_score(target, said, pos_label=0))


@given(rows)
def test_probability_metrics_equal_scikit_learn(pairs):
    scores, target = both_classes(pairs)
    assert metrics.brier(scores, target) == pytest.approx(sk.brier_score_loss(target, scores))
    inner = np.clip(scores, 0.01, 0.99)
    assert metrics.nll(inner, target) == pytest.approx(sk.log_loss(target, inner))


@given(rows)
def test_ece_by_the_definition(pairs):
    scores, target = both_classes(pairs)
    expected = 0.0
    for low in np.arange(10) / 10:
        inside = (scores >= low) & ((scores < low + 0.1) if low < 0.9 else True)
        inside &= np.minimum((scores * 10).astype(int), 9) == round(low * 10)
        if inside.any():
            expected += inside.mean() * abs(scores[inside].mean() - target[inside].mean())
    assert metrics.ece(scores, target) == pytest.approx(expected)


@given(rows)
def test_eer_lies_where_both_errors_meet(pairs):
    scores, target = both_classes(pairs)
    rate = metrics.eer(scores, target)
    false, true = metrics.roc_curve(scores, target)
    assert 0 <= rate <= 1
    # On the piecewise linear ROC curve the point (rate, 1 - rate) lies on a segment.
    on_segment = [
        abs((false[i + 1] - false[i]) * (1 - rate - true[i]) - (true[i + 1] - true[i]) * (rate - false[i]))
        < 1e-9
        and false[i] - 1e-9 <= rate <= false[i + 1] + 1e-9
        for i in range(len(false) - 1)
    ]
    assert any(on_segment)


def test_known_values():
    assert metrics.auroc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]) == 0.75
    assert metrics.auroc([1, 1, 1], [0, 1, 1]) == 0.5
    assert metrics.auroc([-np.inf, 0, np.inf], [0, 1, 1]) == 1.0
    assert metrics.eer([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1]) == 0.0
    assert metrics.eer([0.9, 0.8, 0.2, 0.1], [0, 0, 1, 1]) == 1.0


@pytest.mark.parametrize("metric", [metrics.auroc, metrics.average_precision, metrics.eer])
def test_degenerate_input_is_never_a_number(metric):
    for target in ([1, 1], [0, 0]):
        with pytest.raises(metrics.UnscoredError):
            metric([0.1, 0.2], target)
        assert metrics.scored(metric, [0.1, 0.2], target) is None
    for scores, target in (([np.nan, 0.1], [0, 1]), ([], []), ([0.1], [0, 1]), ([0.1, 0.2], [0, 2])):
        with pytest.raises(DataError) as caught:
            metrics.scored(metric, scores, target)
        assert not isinstance(caught.value, metrics.UnscoredError)


def test_decisions_refuse_abstentions_and_single_classes():
    with pytest.raises(metrics.UnscoredError):
        metrics.balanced_accuracy([1, 0], [1, 1])
    with pytest.raises(DataError):
        metrics.per_class_accuracy([1, np.nan], [1, 0])
    assert metrics.per_class_accuracy([1, 0], [1, 1]) == {Label.REAL: None, Label.FAKE: 0.5}


@given(st.lists(st.tuples(*[st.lists(st.booleans(), min_size=4, max_size=4)] * 2), min_size=1, max_size=20))
def test_micro_f1_equals_scikit_learn(pairs):
    marked = np.array([m for m, _ in pairs])
    wanted = np.array([w for _, w in pairs])
    assume(marked.any() or wanted.any())

    def names(matrix):
        return [{"abcd"[i] for i in np.flatnonzero(row)} for row in matrix]

    expected = sk.f1_score(wanted, marked, average="micro", zero_division=0)
    assert metrics.micro_f1(names(marked), names(wanted)) == pytest.approx(expected)


def test_micro_f1_of_nothing_is_unscored():
    with pytest.raises(metrics.UnscoredError):
        metrics.micro_f1([set()], [set()])
    with pytest.raises(DataError):
        metrics.micro_f1([set()], [])


class TestBootstrap:
    rng = np.random.default_rng(0)
    target = np.repeat([0, 1], 150)
    scores = rng.normal(target * 1.5)

    def interval(self, clusters, **options):
        return metrics.bootstrap_interval(
            metrics.auroc, (self.scores, self.target), clusters, self.target, draws=300, **options
        )

    def test_it_holds_the_estimate_and_is_deterministic(self):
        clusters = [str(i) for i in range(300)]
        got = self.interval(clusters)
        assert got.low < metrics.auroc(self.scores, self.target) < got.high
        assert got == self.interval(clusters)
        assert got != self.interval(clusters, seed=1)

    def test_images_of_one_source_count_as_one(self):
        """When sources shift the scores, resampling sources gives a wider interval than resampling images."""
        source = np.tile(np.repeat(np.arange(5), 30), 2)
        shift = self.rng.normal(0, 2, 10)[source + 5 * self.target]
        scores = self.scores + shift
        by_source = metrics.bootstrap_interval(
            metrics.auroc, (scores, self.target), [str(s) for s in source], self.target, draws=300
        )
        by_image = metrics.bootstrap_interval(
            metrics.auroc, (scores, self.target), [str(i) for i in range(300)], self.target, draws=300
        )
        assert by_source.high - by_source.low > 2 * (by_image.high - by_image.low)

    def test_no_resample_loses_a_class(self):
        got = metrics.bootstrap_interval(
            metrics.auroc, ([0.1, 0.2, 0.3], [0, 1, 1]), list("aab"), [0, 1, 1], draws=50
        )
        assert got.draws == 50

    def test_a_metric_without_value_is_unscored(self):
        with pytest.raises(metrics.UnscoredError):
            metrics.bootstrap_interval(metrics.auroc, ([0.1, 0.2], [1, 1]), list("ab"), draws=20)

    def test_lists_that_do_not_pair_up_are_refused(self):
        with pytest.raises(DataError):
            metrics.bootstrap_interval(metrics.auroc, ([0.1, 0.2], [0, 1]), ["a"])
