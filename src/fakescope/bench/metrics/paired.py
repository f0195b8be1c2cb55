"""Is one model better than another on the same images: tests for paired answers.

Sources: DeLong, DeLong and Clarke-Pearson, Biometrics 1988, computed as in Sun and Xu, IEEE SPL 2014; McNemar,
Psychometrika 1947, in its exact form.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fakescope.bench.metrics.errors import UnscoredError
from fakescope.errors import DataError

FloatArray = NDArray[np.float64]
FEWEST = 2
"""Images of a class that a variance needs."""


def mcnemar(right_a: Any, right_b: Any) -> float:
    """Two-sided exact p-value that two models are right equally often.

    Args:
        right_a: Whether the first model is right on each image [n].
        right_b: Whether the second is, on the same images.

    Raises:
        DataError: No images, or lengths that differ.
    """
    a, b = np.asarray(right_a, dtype=bool), np.asarray(right_b, dtype=bool)
    if a.ndim != 1 or a.shape != b.shape or a.size == 0:
        raise DataError(f"Answers {a.shape} and {b.shape} are not two lists of one length above 0")
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    return _two_sided_coin(min(only_a, only_b), only_a + only_b)


def delong(scores_a: Any, scores_b: Any, target: Any) -> tuple[float, float]:
    """Difference of two AUROCs on the same images, a minus b, and the two-sided p-value that it is none.

    Images are taken as independent; where sources have many images each, the p-value is too small.

    Args:
        scores_a: Of the first model [n], rising with fakeness.
        scores_b: Of the second.
        target: 1 for fake, 0 for real [n].

    Raises:
        UnscoredError: A class has fewer than two images, or the models order all pairs alike by construction.
        DataError: NaN, or lengths that differ.
    """
    both = np.asarray([scores_a, scores_b], dtype=np.float64)
    y = np.asarray(target)
    if both.ndim != 2 or both.shape[1:] != y.shape or np.isnan(both).any():
        raise DataError("Two lists of scores and one of targets do not pair up, or a score is NaN")
    fakes, reals = both[:, y == 1], both[:, y == 0]
    if min(fakes.shape[1], reals.shape[1]) < FEWEST:
        raise UnscoredError("A class has fewer than two images, so no variance is known")
    above = np.stack([_shares(f, r) for f, r in zip(fakes, reals, strict=True)])
    below = np.stack([1 - _shares(r, f) for f, r in zip(fakes, reals, strict=True)])
    covariance = np.cov(above) / fakes.shape[1] + np.cov(below) / reals.shape[1]
    difference = float(above[0].mean() - above[1].mean())
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    if variance <= 1e-18:  # the same order, or one that chance could not have changed
        return difference, 1.0 if abs(difference) < 1e-12 else 0.0
    return difference, math.erfc(abs(difference) / math.sqrt(2 * variance))


def _shares(scores: FloatArray, others: FloatArray) -> FloatArray:
    """For each score, the share of the others that lie below it, ties counting half."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, scores, side="left")
    upto = np.searchsorted(ordered, scores, side="right")
    return np.asarray((below + upto) / 2 / others.size)


def _two_sided_coin(least: int, throws: int) -> float:
    """The chance that a fair coin gives a result as lopsided as `least` of `throws`."""
    tail = sum(math.comb(throws, k) for k in range(least + 1))
    return min(1.0, 2 * tail / 2**throws) if throws else 1.0
