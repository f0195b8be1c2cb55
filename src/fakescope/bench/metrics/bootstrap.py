"""Intervals by resampling whole sources: images of one source share their maker, so they are not
independent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fakescope.bench.metrics.errors import UnscoredError
from fakescope.errors import DataError


@dataclass(frozen=True)
class Interval:
    """A percentile interval. `draws` is how many resamples had a value; `clusters` how many sources there
    were."""

    low: float
    high: float
    draws: int
    clusters: int


def bootstrap_interval(
    metric: Callable[..., float],
    arrays: Sequence[Any],
    clusters: Sequence[str],
    strata: Sequence[Any] | None = None,
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The spread of a metric over resampled sources.

    Sources are drawn with replacement within each stratum, so that no resample loses a class. A stratum of a
    single source is resampled by image instead: its between-source spread cannot be known, and the interval
    is too narrow by that much.

    Args:
        metric: Called with the resampled `arrays`.
        arrays: Arrays [n] that belong together (scores, targets).
        clusters: The source of each image [n].
        strata: Usually the targets [n]; None for one stratum.
        draws: Number of resamples.
        level: Coverage in (0, 1).
        seed: The same seed gives the same interval.

    Raises:
        UnscoredError: The metric has no value on nine in ten resamples.
        DataError: Lengths that differ.
    """
    columns = [np.asarray(a) for a in arrays]
    groups = _groups(len(columns[0]), clusters, strata)
    if any(len(c) != len(clusters) for c in columns):
        raise DataError("Values and clusters do not pair up")
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(draws):
        rows = np.concatenate([_resample(members, rng) for members in groups])
        try:
            values.append(metric(*(c[rows] for c in columns)))
        except UnscoredError:
            continue
    if len(values) < 0.1 * draws:
        raise UnscoredError("The metric has no value on most resamples")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), len(values), len(set(clusters)))


def _groups(
    size: int, clusters: Sequence[str], strata: Sequence[Any] | None
) -> list[list[NDArray[np.int64]]]:
    """For each stratum, the rows of each of its clusters; single rows where there is one cluster only."""
    kinds = [0] * size if strata is None else list(strata)
    if not size or len(kinds) != size or len(clusters) != size:
        raise DataError("Values, clusters and strata do not pair up")
    tree: dict[Any, dict[str, list[int]]] = {}
    for row, (kind, cluster) in enumerate(zip(kinds, clusters, strict=True)):
        tree.setdefault(kind, {}).setdefault(cluster, []).append(row)
    groups = []
    for members in tree.values():
        rows = list(members.values())
        split = rows if len(rows) > 1 else [[row] for row in rows[0]]
        groups.append([np.asarray(r, dtype=np.int64) for r in split])
    return groups


def _resample(members: list[NDArray[np.int64]], rng: np.random.Generator) -> NDArray[np.int64]:
    drawn = rng.integers(0, len(members), len(members))
    if all(len(rows) == 1 for rows in members):
        return np.concatenate(members)[drawn]
    return np.concatenate([members[i] for i in drawn])
