"""How well classifiers that see no pixel, only facts of the files, tell the labels apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fakescope.bench import metrics
from fakescope.bench.audit.stages import Features
from fakescope.bench.data import Sample
from fakescope.errors import DataError, MissingExtraError

FloatArray = NDArray[np.float64]

FOLDS, REPEATS = 5, 2


@dataclass(frozen=True)
class Probe:
    """A metadata classifier by name; `build` gives a fresh, unfitted one."""

    name: str
    build: Callable[[], Any]


def probe_stages(
    rows: Sequence[tuple[Sample, Features]], *, draws: int = 1000, seed: int = 0
) -> list[dict[str, Any]]:
    """Cross-validated AUROC for each stage, probe and way of folding.

    Raises:
        DataError: Too few images of a class.
    """
    samples = [sample for sample, _ in rows]
    target = np.array([s.label.target for s in samples])
    if min(target.sum(), (1 - target).sum(), key=int) < 2 * FOLDS:
        raise DataError(f"The metadata probe needs {2 * FOLDS} readable images of each class")
    figures = []
    for stage in rows[0][1]:
        x = np.array([features[stage] for _, features in rows])
        for probe in probes(seed, len(rows)):
            for groups in (None, [s.source for s in samples]):
                if groups and not _folds(target, groups, seed):
                    continue  # holding out a source would hold out a class: nothing can be measured
                figures.append(
                    {
                        "stage": stage,
                        "probe": probe.name,
                        "folds": "by source" if groups else "by image",
                        "varying": int((x.std(axis=0) > 0).sum()),
                        **_cross_validated(probe, x, target, groups, draws, seed),
                    }
                )
    return figures


def probes(seed: int = 0, rows: int = 1000) -> list[Probe]:
    """A linear and a non-linear probe; `rows` is how many they learn from.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError as error:
        raise MissingExtraError("probing what metadata tells", "bench") from error
    return [
        Probe(
            "logistic",
            lambda: make_pipeline(
                StandardScaler(), LogisticRegression(max_iter=2000, class_weight="balanced")
            ),
        ),
        Probe(
            "boosting",
            lambda: HistGradientBoostingClassifier(
                max_iter=40,
                max_depth=3,
                min_samples_leaf=min(20, max(2, rows // 20)),
                class_weight="balanced",
                random_state=seed,
            ),
        ),
    ]


def _cross_validated(
    probe: Probe, x: FloatArray, y: NDArray[Any], groups: list[str] | None, draws: int, seed: int
) -> dict[str, Any]:
    """AUROC of out-of-fold scores. Scores are ranked within their fold first, since folds are not on one
    scale."""
    from threadpoolctl import threadpool_limits

    ranks = np.zeros(len(y))
    with threadpool_limits(limits=1):  # thousands of rows: more threads only wait for each other
        _fill_ranks(ranks, probe, x, y, groups, seed)
    auroc = metrics.auroc(ranks, y)
    interval = metrics.bootstrap_interval(
        metrics.auroc, (ranks, y), [str(i) for i in range(len(y))], list(y), draws=draws, seed=seed
    )
    return {"auroc": auroc, "low": interval.low, "high": interval.high}


def _fill_ranks(
    ranks: FloatArray, probe: Probe, x: FloatArray, y: NDArray[Any], groups: list[str] | None, seed: int
) -> None:
    """Add to `ranks` [n] the out-of-fold ranks of every repeat."""
    for repeat in range(REPEATS):
        for train, test in _folds(y, groups, seed + repeat):
            fitted = probe.build().fit(x[train], y[train])
            p = fitted.predict_proba(x[test])[:, 1]
            ranks[test] += _fractional_rank(p) / REPEATS


def _folds(y: NDArray[Any], groups: list[str] | None, seed: int) -> list[tuple[Any, Any]]:
    """Stratified folds. Grouped ones whose training half has lost a class are left out."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    if groups is None:
        return list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(y, y))
    if len(set(groups)) < 2:
        return []
    splitter = StratifiedGroupKFold(min(FOLDS, len(set(groups))), shuffle=True, random_state=seed)
    return [(a, b) for a, b in splitter.split(y, y, groups) if len(set(y[a])) == 2 and len(set(y)) == 2]


def _fractional_rank(p: FloatArray) -> FloatArray:
    """Mid-ranks in (0, 1), ties alike."""
    _, place, counts = np.unique(p, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - counts / 2)[place] / len(p))
