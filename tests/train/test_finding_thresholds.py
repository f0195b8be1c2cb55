"""Thresholds of the criteria: marking rates on fakes, few marks on real images."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from fakescope.train.finding_thresholds import MOST_FALSE_MARKS, pick_thresholds  # noqa: E402

RATES = np.linspace(0.9, 0.1, 15)


def test_each_criterion_is_marked_on_its_share_of_fakes():
    rng = np.random.default_rng(0)
    fakes, reals = rng.uniform(0.3, 1.0, (400, 15)), rng.uniform(0.0, 0.2, (400, 15))
    thresholds, factor = pick_thresholds(fakes, reals, RATES)
    assert factor == 1.0
    np.testing.assert_allclose((fakes >= thresholds).mean(axis=0), RATES, atol=0.02)
    assert not (reals >= thresholds).any()


def test_shares_shrink_where_real_images_would_get_many_marks():
    rng = np.random.default_rng(1)
    fakes, reals = rng.uniform(0.0, 1.0, (400, 15)), rng.uniform(0.0, 0.9, (400, 15))
    thresholds, factor = pick_thresholds(fakes, reals, RATES)
    assert 0 < factor < 0.7
    assert (reals >= thresholds).sum(axis=1).mean() <= MOST_FALSE_MARKS


def test_a_criterion_never_marked_by_the_reader_is_marked_on_hardly_any():
    rng = np.random.default_rng(2)
    fakes = rng.uniform(0.0, 1.0, (100, 15))
    thresholds, _ = pick_thresholds(fakes, np.zeros((50, 15)), np.zeros(15))
    assert (fakes >= thresholds).mean() <= 0.01
