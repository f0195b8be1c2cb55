"""What verdicts are worth: ranking, decisions, calibration and abstention, for all images and group by
group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fakescope.bench import metrics
from fakescope.bench.scoring import ScoredImage
from fakescope.bench.tables import Table
from fakescope.errors import DataError
from fakescope.records import Label

FloatArray = NDArray[np.float64]
FALSE_ALARMS = (0.01, 0.05, 0.1)
"""The false positive rates at which the share of fakes found is reported."""


@dataclass(frozen=True)
class Scores:
    """Probabilities and decisions on labelled images; rows of all lists belong together.

    Attributes:
        p_fake: Calibrated probabilities [n].
        target: 1 for fake, 0 for real [n].
        said_fake: Decisions at the threshold, abstention put aside [n].
        abstained: Where no label was given [n].
        source: Source of each image.
        generator: Generator of each image, empty for real ones.
        unread: Images that could not be judged; they are in none of the lists.
    """

    p_fake: FloatArray
    target: FloatArray
    said_fake: NDArray[np.bool_]
    abstained: NDArray[np.bool_]
    source: list[str]
    generator: list[str]
    unread: int = 0

    def where(self, keep: NDArray[np.bool_]) -> Scores:
        """The rows that `keep` marks."""
        rows = np.flatnonzero(keep)
        return Scores(
            self.p_fake[rows], self.target[rows], self.said_fake[rows], self.abstained[rows],
            [self.source[i] for i in rows], [self.generator[i] for i in rows],
        )  # fmt: skip


def scores_of(scored: Sequence[ScoredImage]) -> Scores:
    """Collect verdicts.

    Raises:
        DataError: No image could be judged; the first error is quoted.
    """
    read = [(s.sample, s.verdict) for s in scored if s.verdict is not None]
    if not read:
        raise DataError(
            f"Not one of {len(scored)} images could be judged: {scored[0].error if scored else ''}"
        )
    return Scores(
        p_fake=np.array([v.p_fake for _, v in read]),
        target=np.array([s.label.target for s, _ in read], dtype=np.float64),
        said_fake=np.array([v.p_fake >= v.threshold for _, v in read]),
        abstained=np.array([v.label is None for _, v in read]),
        source=[s.source for s, _ in read],
        generator=[s.generator for s, _ in read],
        unread=len(scored) - len(read),
    )


def detection_figures(scores: Scores, *, draws: int = 1000) -> dict[str, Any]:
    """Every figure of one set of images; None where one is not defined.

    Calibration is reported twice: as the classes come (`ece`), and with both classes weighed to a half
    (`ece_balanced`), the prior at which p_fake is meant.
    """
    p, y, rest = scores.p_fake, scores.target, ~scores.abstained
    classes = metrics.per_class_accuracy(scores.said_fake, y)
    both = 0 < y.sum() < y.size
    return {
        "images": int(y.size),
        "fakes": int(y.sum()),
        "unread": scores.unread,
        "auroc": metrics.scored(metrics.auroc, p, y),
        "auroc_interval": _interval(metrics.auroc, p, scores, draws),
        "average_precision": metrics.scored(metrics.average_precision, p, y),
        **{
            f"tpr_at_fpr_{round(100 * fpr)}": metrics.scored(metrics.tpr_at_fpr, p, y, fpr) for fpr in FALSE_ALARMS
        },
        "eer": metrics.scored(metrics.eer, p, y),
        "balanced_accuracy": metrics.scored(metrics.balanced_accuracy, scores.said_fake, y),
        "balanced_accuracy_interval": _interval(metrics.balanced_accuracy, scores.said_fake, scores, draws),
        "balanced_accuracy_at_half": metrics.scored(metrics.balanced_accuracy, p >= 0.5, y),
        "accuracy_real": classes[Label.REAL],
        "accuracy_fake": classes[Label.FAKE],
        "ece": metrics.ece(p, y),
        "ece_balanced": metrics.ece(p, y, balanced=True) if both else None,
        "brier": metrics.brier(p, y),
        "nll": metrics.nll(p, y),
        "aurc": metrics.aurc(np.abs(p - 0.5), scores.said_fake != (y == 1)),
        "abstained": float(scores.abstained.mean()),
        "accuracy_of_rest": float((scores.said_fake == (y == 1))[rest].mean()) if rest.any() else None,
        "balanced_accuracy_of_rest": metrics.scored(
            metrics.balanced_accuracy, scores.said_fake[rest], y[rest]
        )
        if rest.any()
        else None,
    }


def by_generator(scores: Scores) -> list[dict[str, Any]]:
    """Each generator's fakes against all real images of the set, the least detected first."""
    real = scores.target == 0
    rows = []
    for name in sorted({g for g, y in zip(scores.generator, scores.target, strict=True) if y == 1}):
        own = np.array([g == name for g in scores.generator]) & ~real
        pair = scores.where(own | real)
        rows.append(group_figures(name or "unspecified", scores.where(own)))
        rows[-1]["auroc_against_all_real"] = metrics.scored(metrics.auroc, pair.p_fake, pair.target)
    return sorted(rows, key=lambda row: row["accuracy"])


def by_source(scores: Scores) -> list[dict[str, Any]]:
    """Each source's images, the least accurate first."""
    rows = [
        group_figures(name or "unspecified", scores.where(np.array([s == name for s in scores.source])))
        for name in sorted(set(scores.source))
    ]
    return sorted(rows, key=lambda row: row["accuracy"])


SUMMARY: dict[str, str] = {
    "images": "images", "auroc": "AUROC", "balanced_accuracy": "bal. acc.", "accuracy_real": "real right",
    "accuracy_fake": "fake right", "balanced_accuracy_at_half": "bal. acc. at 0.5", "average_precision": "AP",
    "tpr_at_fpr_1": "TPR@1%FPR", "tpr_at_fpr_5": "TPR@5%FPR", "tpr_at_fpr_10": "TPR@10%FPR", "eer": "EER",
    "ece": "ECE", "ece_balanced": "ECE (bal.)", "brier": "Brier", "nll": "NLL", "aurc": "AURC",
    "abstained": "abstained", "accuracy_of_rest": "rest right",
    "balanced_accuracy_of_rest": "rest bal. acc.", "unread": "unread",
}  # fmt: skip
"""Figures shown in the summary table, with their names there."""


def summary_table(title: str, rows: Sequence[tuple[str, dict[str, Any]]]) -> Table:
    """One column of `detection_figures` for each named set."""
    table = Table(title, ["figure", *(name for name, _ in rows)])
    for key, heading in SUMMARY.items():
        table.add(heading, *(figures[key] for _, figures in rows))
    for key in ("auroc_interval", "balanced_accuracy_interval"):
        table.add(SUMMARY[key.removesuffix("_interval")] + " 95%", *(shown_interval(f[key]) for _, f in rows))
    table.note = (
        "Fake is positive. Accuracies force a label at the threshold; `rest` leaves out the images on which "
        "the model abstained. Intervals resample whole sources. `bal.` weighs both classes to a half."
    )
    return table


def group_table(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    """The rows of `by_generator` or `by_source`."""
    extra = "auroc_against_all_real"
    with_auroc = bool(rows) and extra in rows[0]
    table = Table(title, ["group", "images", "label", "right", "mean p_fake", "abstained",
                          *(["AUROC vs all real"] if with_auroc else [])])  # fmt: skip
    for row in rows:
        cells = [
            row["group"],
            row["images"],
            row["label"],
            row["accuracy"],
            row["mean_p_fake"],
            row["abstained"],
        ]
        table.add(*cells, *([row[extra]] if with_auroc else []))
    return table


def shown_interval(interval: dict[str, Any] | None) -> str | None:
    """An interval as text."""
    return None if interval is None else f"{interval['low']:.3f}-{interval['high']:.3f}"


def group_figures(name: str, scores: Scores) -> dict[str, Any]:
    """What is said of a group, which may be of one class: share of right labels, mean probability, abstentions."""
    labels = {Label.FAKE if y else Label.REAL for y in scores.target}
    return {
        "group": name,
        "images": int(scores.target.size),
        "label": "/".join(sorted(labels)),
        "accuracy": float(np.mean(scores.said_fake == (scores.target == 1))),
        "mean_p_fake": float(scores.p_fake.mean()),
        "abstained": float(scores.abstained.mean()),
    }


def _interval(
    metric: Callable[..., float], values: NDArray[Any], scores: Scores, draws: int
) -> dict[str, Any] | None:
    if not draws:
        return None
    try:
        found = metrics.bootstrap_interval(
            metric, (values, scores.target), scores.source, list(scores.target), draws=draws
        )
    except metrics.UnscoredError:
        return None
    return {"low": found.low, "high": found.high, "draws": found.draws, "sources": found.clusters}
