"""Two logs of one task on one set: paired differences with intervals, and a test of significance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fakescope.bench import metrics
from fakescope.bench.log import EvalLog, Score
from fakescope.bench.run import Report
from fakescope.bench.tables import Table
from fakescope.errors import DataError
from fakescope.records import Label

FloatArray = NDArray[np.float64]
Metric = Callable[[FloatArray, FloatArray], float]
"""Of p_fake [n] and target [n]."""

SAME = ("task", "version", "options", "prompts")
"""Parts of the heads that have to be the same."""


@dataclass(frozen=True)
class Paired:
    """What two models said of the same images, one variant.

    Attributes:
        p: p_fake of both [2, n].
        right: Whether the label at the threshold is right [2, n].
        target: 1 for fake [n].
        source: Of each image.
    """

    p: FloatArray
    right: NDArray[np.bool_]
    target: FloatArray
    source: list[str]


def compare(a: EvalLog, b: EvalLog, *, draws: int = 1000) -> Report:
    """Differences a minus b, for each variant that both logs have verdicts on.

    Raises:
        DataError: Other tasks, options or prompts, another set, or no verdict in common.
    """
    _check(a, b)
    variants = list(dict.fromkeys(s.variant for s in a.scores))
    rows = {}
    for variant in variants:
        pairs = pair_up(a.scores, b.scores, variant)
        if pairs is not None:
            rows[variant] = _figures(pairs, draws)
    if not rows:
        raise DataError("the logs have no verdict on a common image", "compare logs with p_fake")
    columns = ["", "images", "figure", a.name, b.name, "difference", "95%", "p"]
    table = Table(f"{a.head.task}: {a.name} against {b.name}", columns)
    for variant, row in rows.items():
        for name, found in row["metrics"].items():
            interval = found["interval"]
            shown = f"{interval[0]:+.3f} to {interval[1]:+.3f}" if interval else None
            difference = None if found["difference"] is None else f"{found['difference']:+.3f}"
            p = None if found["p"] is None else f"{found['p']:.2g}"
            table.add(variant or "all", row["images"], name, found["a"], found["b"], difference, shown, p or "-")
    table.note = (
        "Above 0: the first is higher. Intervals resample whole sources, the same for both; p is DeLong's for AUROC "
        "and McNemar's exact for the label, each of which takes images as independent: trust the interval first."
    )
    figures = {"a": a.head.model_dump(mode="json"), "b": b.head.model_dump(mode="json"), "variants": rows}
    return Report("compare", f"{a.name} against {b.name}", figures, [table])


def pair_up(a: Sequence[Score], b: Sequence[Score], variant: str) -> Paired | None:
    """The images on which both have a verdict; None where there is none."""
    other = {s.image: s for s in b if s.variant == variant and s.p_fake is not None}
    both = [
        (s, other[s.image]) for s in a if s.variant == variant and s.p_fake is not None and s.image in other
    ]
    if not both:
        return None
    if any(first.label is not second.label for first, second in both):
        raise DataError("the logs give an image different labels")
    return Paired(
        p=np.array([[s.p_fake for s in side] for side in zip(*both, strict=True)], np.float64),
        right=np.array([[s.said is s.label for s in side] for side in zip(*both, strict=True)]),
        target=np.array([s.label is Label.FAKE for s, _ in both], np.float64),
        source=[s.source for s, _ in both],
    )


def _figures(pairs: Paired, draws: int) -> dict[str, Any]:
    said = np.where(pairs.right, pairs.target == 1, pairs.target != 1)
    measured: dict[str, tuple[FloatArray, Metric, float | None]] = {
        "AUROC": (pairs.p, metrics.auroc, _scored_p(pairs)),
        "balanced accuracy": (
            said.astype(np.float64), metrics.balanced_accuracy, metrics.mcnemar(pairs.right[0], pairs.right[1])
        ),
        "Brier": (pairs.p, metrics.brier, None),
        "NLL": (pairs.p, metrics.nll, None),
    }  # fmt: skip
    return {
        "images": int(pairs.target.size),
        "metrics": {name: _row(pairs, *what, draws) for name, what in measured.items()},
    }


def _scored_p(pairs: Paired) -> float | None:
    try:
        return metrics.delong(pairs.p[0], pairs.p[1], pairs.target)[1]
    except metrics.UnscoredError:
        return None


def _row(pairs: Paired, values: FloatArray, metric: Metric, p: float | None, draws: int) -> dict[str, Any]:
    a, b = (metrics.scored(metric, side, pairs.target) for side in values)
    if a is None or b is None:
        return {"a": a, "b": b, "difference": None, "interval": None, "p": None}
    interval = None
    if draws:
        found = metrics.bootstrap_interval(
            lambda first, second, target: metric(first, target) - metric(second, target),
            (*values, pairs.target), pairs.source, list(pairs.target), draws=draws,
        )  # fmt: skip
        interval = (found.low, found.high)
    return {"a": a, "b": b, "difference": a - b, "interval": interval, "p": p}


def _check(a: EvalLog, b: EvalLog) -> None:
    differing = [name for name in SAME if getattr(a.head, name) != getattr(b.head, name)]
    if a.head.data.get("sha256") != b.head.data.get("sha256"):
        differing.append("data")
    if differing:
        raise DataError(
            f"the logs cannot be compared: {', '.join(differing)} differ", "run both models on the same set"
        )
