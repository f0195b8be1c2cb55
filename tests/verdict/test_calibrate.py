"""Calibration: recovers a known map, refuses what cannot be calibrated, survives the disk."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from fakescope.errors import DataError
from fakescope.models.base import Calibration
from fakescope.verdict.calibrate import apply_calibration, fit_calibration, load_calibration
from fakescope.verdict.reliability import brier, ece, nll


def drawn(n=4000, slope=0.4, bias=-1.0, prior=0.5, seed=0):
    """Raw llr whose true calibrated llr is slope * raw + bias."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(scale=4, size=n) + np.log(prior / (1 - prior))
    return raw, (rng.random(n) < 1 / (1 + np.exp(-(slope * raw + bias)))).astype(int)


def test_it_recovers_the_map_that_made_the_data():
    raw, target = drawn(20000)
    found = fit_calibration(raw, target, balanced=False).calibration
    assert 1 / found.temperature == pytest.approx(0.4, abs=0.02)
    assert found.bias == pytest.approx(-1.0, abs=0.1)


@pytest.mark.parametrize("balanced", [True, False])
def test_it_agrees_with_logistic_regression(balanced):
    raw, target = drawn(600)
    found = fit_calibration(raw, target, ridge=0.0, balanced=balanced).calibration
    weight = "balanced" if balanced else None
    other = LogisticRegression(C=np.inf, class_weight=weight, tol=1e-8).fit(raw[:, None], target)
    assert 1 / found.temperature == pytest.approx(other.coef_[0, 0], rel=1e-3)
    assert found.bias == pytest.approx(other.intercept_[0], abs=1e-3)


def test_it_lowers_ece_brier_and_nll():
    raw, target = drawn()
    fit = fit_calibration(raw, target, balanced=False)
    assert all(fit.after[name] < fit.before[name] for name in ("ece", "brier", "nll"))
    assert fit.after["ece"] < 0.03


def test_balancing_moves_to_an_even_prior():
    rng = np.random.default_rng(3)
    target = (rng.random(20000) < 0.1).astype(int)
    raw = rng.normal(loc=np.where(target == 1, 1.0, -1.0), scale=np.sqrt(2))  # the true llr is the raw one
    found = fit_calibration(raw, target).calibration
    assert found.bias == pytest.approx(0.0, abs=0.1)
    assert found.temperature == pytest.approx(1.0, abs=0.1)
    skewed = fit_calibration(raw, target, balanced=False).calibration
    assert skewed.bias == pytest.approx(np.log(0.1 / 0.9), abs=0.15)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e2])
def test_perfect_separation_stays_finite(scale):
    raw = np.array([-2.0, -1.0, 1.0, 2.0]) * scale
    fit = fit_calibration(raw, [0, 0, 1, 1])
    assert np.isfinite(fit.calibration.temperature)
    assert fit.calibration.temperature > 0
    assert np.abs(apply_calibration(raw, fit.calibration)).max() <= max(10.0, 2 * scale)


def test_what_cannot_be_calibrated_is_refused():
    with pytest.raises(DataError, match="Only one class"):
        fit_calibration([0.1, 0.2], [1, 1])
    with pytest.raises(DataError, match="fall with fakeness"):
        fit_calibration(-np.arange(-50, 50) / 5, np.arange(-50, 50) > 0)
    with pytest.raises(DataError, match="finite"):
        fit_calibration([0.1, np.nan], [0, 1])
    with pytest.raises(DataError, match="neither"):
        fit_calibration([0.1, 0.2, 0.3], [0, 1, 2])


def test_the_disk_keeps_it(tmp_path):
    fit = fit_calibration(*drawn(200))
    fit.save(tmp_path / "calibration.json")
    assert load_calibration(tmp_path / "calibration.json") == fit
    assert fit.calibration.id.startswith("affine-")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"calibration": 3}', '{"calibration": {"id": "x"}, "more": 1}']
)
def test_a_broken_file_is_one_clear_error(tmp_path, text):
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(DataError, match="not a calibration file"):
        load_calibration(path)


def test_a_file_with_a_senseless_temperature_is_refused(tmp_path):
    fit = fit_calibration(*drawn(200))
    fit.save(tmp_path / "c.json")
    fields = json.loads((tmp_path / "c.json").read_text())
    fields["calibration"]["temperature"] = 0
    (tmp_path / "c.json").write_text(json.dumps(fields))
    with pytest.raises(DataError, match="no usable calibration"):
        load_calibration(tmp_path / "c.json")


def test_apply_is_affine():
    np.testing.assert_allclose(apply_calibration([0.0, 2.0], Calibration("c", 2.0, -1.0)), [-1.0, 0.0])


class TestReliability:
    def test_by_hand(self):
        p, y = [0.9, 0.6, 0.4, 0.1], [1, 0, 1, 0]
        assert brier(p, y) == pytest.approx((0.01 + 0.36 + 0.36 + 0.01) / 4)
        assert nll(p, y) == pytest.approx(-np.mean(np.log([0.9, 0.4, 0.4, 0.9])))
        assert ece(p, y, bins=2) == pytest.approx((abs(1.5 - 1) + abs(0.5 - 1)) / 4)

    def test_ends_of_the_scale(self):
        assert ece([0.0, 1.0], [0, 1]) == 0
        assert nll([0.0], [1]) == pytest.approx(27.6, abs=0.1)

    def test_balanced_ece_does_not_see_the_prior(self):
        p, y = [0.8, 0.8, 0.2], [1, 1, 0]
        assert ece(p + p[:2], y + y[:2], balanced=True) == pytest.approx(ece(p, y, balanced=True))

    @pytest.mark.parametrize(
        ("p", "y"), [([], []), ([0.5], [0, 1]), ([np.nan], [1]), ([1.1], [1]), ([0.5], [2])]
    )
    def test_bad_input_is_refused(self, p, y):
        for metric in (nll, brier, ece):
            with pytest.raises(DataError):
                metric(p, y)
