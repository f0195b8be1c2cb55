"""Metrics of the order alone: they ask no threshold and no calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fakescope.bench.metrics.errors import UnscoredError
from fakescope.errors import DataError

FloatArray = NDArray[np.float64]


def auroc(scores: Any, target: Any) -> float:
    """Area under the ROC curve: how often a fake scores above a real image, ties counting half.

    Args:
        scores: Any scores [n] that rise with fakeness; infinite ones are allowed.
        target: 1 for fake, 0 for real [n].

    Raises:
        UnscoredError: Only one class is present.
        DataError: NaN, no images, or lengths that differ.
    """
    s, y = _checked(scores, target)
    _, place, counts = np.unique(s, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[place]  # tied scores share the mean of their ranks
    fakes = int(y.sum())
    return float((rank[y].sum() - fakes * (fakes + 1) / 2) / (fakes * (y.size - fakes)))


def average_precision(scores: Any, target: Any) -> float:
    """Precision averaged over the recall steps, without interpolation; a blind model gets the share of fakes.

    Raises:
        UnscoredError, DataError: As for `auroc`.
    """
    true, false = _cumulative(*_checked(scores, target))
    precision = true / (true + false)
    return float(np.sum(np.diff(true, prepend=0) / true[-1] * precision))


def roc_curve(scores: Any, target: Any) -> tuple[FloatArray, FloatArray]:
    """False and true positive rates, each rising from 0 to 1, one point for each distinct score."""
    true, false = _cumulative(*_checked(scores, target))
    return np.append(0.0, false / false[-1]), np.append(0.0, true / true[-1])


def tpr_at_fpr(scores: Any, target: Any, fpr: float) -> float:
    """The largest share of fakes found by a threshold that accuses at most `fpr` of the real images.

    Not interpolated: it is what a threshold that exists would reach.
    """
    false, true = roc_curve(scores, target)
    return float(true[false <= fpr + 1e-12].max())


def eer(scores: Any, target: Any) -> float:
    """Equal error rate: where missed fakes and accused reals are the same share, interpolated on the ROC
    curve."""
    false, true = roc_curve(scores, target)
    gap = false - (1 - true)  # rises from -1 to 1
    after = int(np.argmax(gap >= 0))
    before = after - 1
    part = -gap[before] / (gap[after] - gap[before])
    return float(false[before] + part * (false[after] - false[before]))


def _checked(scores: Any, target: Any) -> tuple[FloatArray, NDArray[np.bool_]]:
    s, y = np.asarray(scores, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if s.ndim != 1 or s.shape != y.shape or s.size == 0:
        raise DataError(f"Scores {s.shape} and targets {y.shape} are not two lists of one length above 0")
    if np.isnan(s).any():
        raise DataError("A score is NaN")
    if not np.isin(y, (0.0, 1.0)).all():
        raise DataError("A target is neither 0 (real) nor 1 (fake)")
    if y.min() == y.max():
        raise UnscoredError("Only one class is present, so there is nothing to rank against")
    return s, y == 1


def _cumulative(s: FloatArray, y: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """Fakes and reals at or above each distinct score, from the highest score down."""
    values, place = np.unique(-s, return_inverse=True)
    true = np.bincount(place, weights=y, minlength=values.size)
    false = np.bincount(place, weights=~y, minlength=values.size)
    return np.cumsum(true), np.cumsum(false)
