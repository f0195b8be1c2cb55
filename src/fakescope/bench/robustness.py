"""The same images after what happens to images on their way: how much of the ranking is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fakescope.bench.data import Sample
from fakescope.bench.detection import Scores, detection_figures, scores_of
from fakescope.bench.scoring import CLEAN, score_samples
from fakescope.bench.tables import Table
from fakescope.models.base import ForensicModel

STANDARD = ("jpeg:70", "resize:0.5", "webp:60")
"""The perturbations that a model card quotes."""


def perturbed_scores(
    model: ForensicModel,
    samples: Sequence[Sample],
    perturbations: Sequence[str],
    on_done: Callable[[int], None] = lambda count: None,
) -> dict[str, Scores]:
    """Scores of the clean images and of each perturbation, by its name."""
    return {
        name: scores_of(score_samples(model, samples, name, on_done=on_done))
        for name in (CLEAN, *perturbations)
    }


def robustness_figures(scores: dict[str, Scores], *, draws: int = 1000) -> dict[str, dict[str, Any]]:
    """`detection_figures` of each perturbation, with `auroc_lost` against the clean images."""
    figures = {name: detection_figures(s, draws=draws) for name, s in scores.items()}
    clean = figures[CLEAN]["auroc"]
    for row in figures.values():
        row["auroc_lost"] = None if clean is None or row["auroc"] is None else clean - row["auroc"]
    return figures


def robustness_table(title: str, figures: dict[str, dict[str, Any]]) -> Table:
    """One row a perturbation."""
    table = Table(
        title, ["perturbation", "AUROC", "lost", "bal. acc.", "real right", "fake right", "abstained"]
    )
    keys = ("auroc", "auroc_lost", "balanced_accuracy", "accuracy_real", "accuracy_fake", "abstained")
    for name, row in figures.items():
        table.add(name, *(row[key] for key in keys))
    return table
