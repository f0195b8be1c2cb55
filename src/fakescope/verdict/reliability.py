"""How far probabilities can be believed: log loss, Brier score, expected calibration error.

Inputs everywhere: `p_fake` [n] in [0, 1], and `target` [n] of 0 (real) and 1 (fake). Lower is better.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fakescope.errors import DataError

FloatArray = NDArray[np.float64]
SMALLEST_P = 1e-12
"""Probabilities are kept this far from 0 and 1 in the log loss, so that one sure mistake costs 27.6 nats, not
inf."""


def checked(p_fake: Any, target: Any) -> tuple[FloatArray, FloatArray]:
    """Both inputs as float64 [n].

    Raises:
        DataError: Nothing to measure, lengths that differ, values outside [0, 1] or NaN, targets other than 0
            and 1.
    """
    p, y = np.asarray(p_fake, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if p.ndim != 1 or p.shape != y.shape or p.size == 0:
        raise DataError(
            f"Probabilities {p.shape} and targets {y.shape} are not two lists of one length above 0"
        )
    if not ((p >= 0) & (p <= 1)).all():
        raise DataError("A probability is NaN or lies outside 0 and 1")
    if not np.isin(y, (0.0, 1.0)).all():
        raise DataError("A target is neither 0 (real) nor 1 (fake)")
    return p, y


def class_weights(target: FloatArray) -> FloatArray:
    """Weights [n] that sum to 1 and give each class half: the even prior at which p_fake is meant.

    Raises:
        DataError: Only one class is present.
    """
    fakes = target.sum()
    if fakes in (0, target.size):
        raise DataError("Only one class is present, so the classes cannot be balanced")
    return np.where(target == 1, 0.5 / fakes, 0.5 / (target.size - fakes))


def nll(p_fake: Any, target: Any) -> float:
    """Mean negative log-likelihood in nats."""
    p, y = checked(p_fake, target)
    p = np.clip(p, SMALLEST_P, 1 - SMALLEST_P)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)))


def brier(p_fake: Any, target: Any) -> float:
    """Mean squared error of the probability, in [0, 1]; always saying 0.5 costs 0.25."""
    p, y = checked(p_fake, target)
    return float(np.mean((p - y) ** 2))


def ece(p_fake: Any, target: Any, *, bins: int = 10, balanced: bool = False) -> float:
    """Expected calibration error: mean gap between p_fake and the share of fakes, over equal-width bins.

    Args:
        p_fake: Probabilities [n].
        target: Targets [n].
        bins: Number of bins of p_fake; each is [low, high), the last one closed.
        balanced: Weigh both classes to a half, the prior at which p_fake is meant; otherwise as the data
            come.

    Source: Naeini et al., AAAI 2015; here on p_fake itself and not on the winning class, so that both kinds
        of
    mistake are seen.
    """
    p, y = checked(p_fake, target)
    weight = class_weights(y) if balanced else np.full(p.size, 1.0 / p.size)
    place = np.minimum((p * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, weights=weight * (p - y), minlength=bins)
    return float(np.abs(gaps).sum())
