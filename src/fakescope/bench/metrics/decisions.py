"""Metrics of decisions that were made: labels of images, and sets of criteria."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from fakescope.bench.metrics.errors import UnscoredError
from fakescope.errors import DataError
from fakescope.records import Label


def per_class_accuracy(said_fake: Any, target: Any) -> dict[Label, float | None]:
    """Share of each class that was labelled rightly; None for a class without images.

    Args:
        said_fake: Decisions [n], true for fake.
        target: 1 for fake, 0 for real [n].

    Raises:
        DataError: No decisions, lengths that differ, or values other than 0 and 1 (an abstention among them).
    """
    said, y = np.asarray(said_fake, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if said.ndim != 1 or said.shape != y.shape or said.size == 0:
        raise DataError(
            f"Decisions {said.shape} and targets {y.shape} are not two lists of one length above 0"
        )
    if not np.isin(said, (0.0, 1.0)).all() or not np.isin(y, (0.0, 1.0)).all():
        raise DataError("A decision or target is neither 0 (real) nor 1 (fake)")
    return {
        label: float(np.mean(said[y == label.target] == label.target)) if (y == label.target).any() else None
        for label in Label
    }


def balanced_accuracy(said_fake: Any, target: Any) -> float:
    """Mean of the two classes' accuracies; 0.5 for whoever always says the same.

    Raises:
        UnscoredError: Only one class is present.
        DataError: As for `per_class_accuracy`.
    """
    shares = [share for share in per_class_accuracy(said_fake, target).values() if share is not None]
    if len(shares) < len(Label):
        raise UnscoredError("Only one class is present, so there is no balanced accuracy")
    return float(np.mean(shares))


def micro_f1(predicted: Sequence[Collection[str]], reference: Sequence[Collection[str]]) -> float:
    """F1 over all (image, criterion) pairs together: 2 TP / (2 TP + FP + FN).

    Args:
        predicted: The criteria marked for each image.
        reference: The criteria that its reference marks, in the same order.

    Raises:
        UnscoredError: Nothing is marked on either side.
        DataError: Different numbers of images.
    """
    if len(predicted) != len(reference):
        raise DataError(f"{len(predicted)} predictions and {len(reference)} references do not pair up")
    pairs = [(set(p), set(r)) for p, r in zip(predicted, reference, strict=True)]
    hits = sum(len(p & r) for p, r in pairs)
    marks = sum(len(p) + len(r) for p, r in pairs)
    if marks == 0:
        raise UnscoredError("Nothing is marked, neither in the predictions nor in the references")
    return 2 * hits / marks
