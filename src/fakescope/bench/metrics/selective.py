"""What abstention buys: the risk on the images that a model is surest of, for each share of them.

Source: El-Yaniv and Wiener, JMLR 2010 (risk-coverage curve); Geifman, Uziel and El-Yaniv, ICLR 2019 (its area).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fakescope.errors import DataError

FloatArray = NDArray[np.float64]


def risk_coverage(certainty: Any, wrong: Any) -> tuple[FloatArray, FloatArray]:
    """Coverage and risk [n], from the surest image alone to all.

    Images that are equally sure stand in the order that is expected of a random one, so that ties do not matter.

    Args:
        certainty: How sure the model is of each image [n]; only the order counts.
        wrong: Whether it is mistaken [n].

    Raises:
        DataError: NaN, no images, or lengths that differ.
    """
    sure, missed = np.asarray(certainty, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
    if sure.ndim != 1 or sure.shape != missed.shape or sure.size == 0:
        raise DataError(f"Certainties {sure.shape} and mistakes {missed.shape} are not two lists of one length above 0")
    if np.isnan(sure).any() or not np.isin(missed, (0.0, 1.0)).all():
        raise DataError("A certainty is NaN, or a mistake neither 0 nor 1")
    _, group, sizes = np.unique(-sure, return_inverse=True, return_counts=True)
    share = np.bincount(group, weights=missed) / sizes
    kept = np.arange(1, sure.size + 1)
    return kept / sure.size, np.cumsum(np.repeat(share, sizes)) / kept


def aurc(certainty: Any, wrong: Any) -> float:
    """Area under the risk-coverage curve: the mean risk over all coverages, in [0, 1]; lower is better.

    Raises:
        DataError: As for `risk_coverage`.
    """
    return float(risk_coverage(certainty, wrong)[1].mean())
