"""Calibration: an affine map of the raw llr, fitted on a dev split, after which p_fake can be read as a
probability.

    llr = raw / temperature + bias,     p_fake = sigmoid(llr)

Both parameters minimise the log loss, found by Newton's method (the loss is convex in 1/temperature and
bias). A small ridge pulls towards the identity, so that a dev split without a single mistake gives no
infinite certainty. By default both classes count a half, whatever their numbers: p_fake then holds at even
prior odds, and a user with other odds adds their logarithm to the llr.

Source: Platt (1999) for the map; Guo et al., ICML 2017, for temperature scaling.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fakescope.errors import DataError
from fakescope.models.base import Calibration
from fakescope.verdict.reliability import brier, class_weights, ece, nll
from fakescope.verdict.soft_score import sigmoid

FloatArray = NDArray[np.float64]
RIDGE = 1e-3
"""Weight of (1/temperature - 1)^2 + bias^2 beside the mean log loss in nats: about one image in a
thousand."""


@dataclass(frozen=True)
class CalibrationFit:
    """A fitted calibration, with what it was fitted on and what it changed.

    `before` and `after` hold ece, brier and nll on the images of the fit, without and with the calibration;
    the ece weighs the classes as the fit did. They are optimistic by what two parameters can overfit.
    """

    calibration: Calibration
    images: int
    balanced: bool
    before: dict[str, float]
    after: dict[str, float]

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def load_calibration(path: Path) -> CalibrationFit:
    """Read what `CalibrationFit.save` wrote.

    Raises:
        DataError: The file is missing, not JSON, or holds other fields.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        calibration = Calibration(**fields.pop("calibration"))
        fit = CalibrationFit(calibration=calibration, **fields)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{path} is not a calibration file: {error}") from error
    temperature, bias = calibration.temperature, calibration.bias
    if (
        not all(isinstance(x, (int, float)) and np.isfinite(x) for x in (temperature, bias))
        or temperature <= 0
    ):
        raise DataError(
            f"{path} holds no usable calibration", "temperature above 0 and a finite bias are needed"
        )
    return fit


def apply_calibration(raw_llr: Any, calibration: Calibration) -> FloatArray:
    """Calibrated llr in nats, same shape as `raw_llr`."""
    return np.asarray(raw_llr, dtype=np.float64) / calibration.temperature + calibration.bias


def fit_calibration(
    raw_llr: Any, target: Any, *, balanced: bool = True, ridge: float = RIDGE, name: str = "affine"
) -> CalibrationFit:
    """Fit temperature and bias.

    Args:
        raw_llr: Soft scores [n] of a dev split, in nats.
        target: 0 for real, 1 for fake [n].
        balanced: Weigh the classes to an even prior; otherwise take the prior of the data.
        ridge: Strength of the pull towards temperature 1 and bias 0.
        name: First part of the calibration's identifier; a hash of parameters and data follows.

    Raises:
        DataError: One class only, a value that is not finite, or scores that fall with fakeness.
    """
    x, y = np.asarray(raw_llr, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or not np.isfinite(x).all():
        raise DataError("Calibration needs one finite llr for each target")
    if not np.isin(y, (0.0, 1.0)).all():
        raise DataError("A target is neither 0 (real) nor 1 (fake)")
    balancing = class_weights(y)  # also refuses a single class
    weight = balancing if balanced else np.full(x.size, 1.0 / x.size)
    slope, bias = _newton(x, y, weight, ridge)
    if slope <= 0:
        raise DataError(
            "The scores fall with fakeness, so they cannot be calibrated", "are the classes swapped?"
        )
    data = np.stack([x, y]).tobytes() + np.array([slope, bias]).tobytes()
    calibration = Calibration(f"{name}-{hashlib.sha256(data).hexdigest()[:8]}", float(1 / slope), float(bias))
    return CalibrationFit(
        calibration=calibration,
        images=int(x.size),
        balanced=balanced,
        before=_figures(sigmoid(x), y, balanced),
        after=_figures(sigmoid(apply_calibration(x, calibration)), y, balanced),
    )


def _figures(p_fake: FloatArray, target: FloatArray, balanced: bool) -> dict[str, float]:
    return {
        "ece": ece(p_fake, target, balanced=balanced),
        "brier": brier(p_fake, target),
        "nll": nll(p_fake, target),
    }


def _newton(x: FloatArray, y: FloatArray, weight: FloatArray, ridge: float) -> tuple[float, float]:
    """Minimise sum(weight * log loss) + ridge * |(slope, bias) - (1, 0)|^2; returns slope and bias.

    x is scaled to unit size first, so that llr of any range leave the Hessian well conditioned.
    """
    scale = max(float(np.sqrt(np.sum(weight * x**2))), 1e-12)
    design = np.stack([x / scale, np.ones_like(x)])
    pull = 2 * ridge * np.array([1 / scale**2, 1.0])  # the ridge, expressed in the scaled slope
    centre = np.array([scale, 0.0])
    theta: FloatArray = np.zeros(2)

    def loss(t: FloatArray) -> float:
        z = t @ design
        return float(np.sum(weight * (np.logaddexp(0.0, z) - y * z)) + 0.5 * np.sum(pull * (t - centre) ** 2))

    for _ in range(100):
        p = sigmoid(theta @ design)
        gradient = design @ (weight * (p - y)) + pull * (theta - centre)
        hessian = (design * (weight * p * (1 - p))) @ design.T + np.diag(pull + 1e-12)
        step = np.linalg.solve(hessian, gradient)
        now, length = loss(theta), 1.0
        while length > 1e-8 and loss(theta - length * step) > now - 1e-4 * length * float(gradient @ step):
            length /= 2
        theta = theta - length * step
        if float(np.abs(length * step).max()) < 1e-10:
            break
    return float(theta[0] / scale), float(theta[1])
