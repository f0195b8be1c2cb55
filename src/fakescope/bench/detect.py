"""`bench detect`: verdicts on labelled images, clean and perturbed, in one report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fakescope.bench.data import Sample, load_samples
from fakescope.bench.detection import by_generator, by_source, group_table, summary_table
from fakescope.bench.robustness import perturbed_scores, robustness_figures, robustness_table
from fakescope.bench.run import Report, model_figures, progress
from fakescope.bench.scoring import CLEAN
from fakescope.bench.tables import Table
from fakescope.models.base import ForensicModel

if TYPE_CHECKING:
    from rich.console import Console


def bench_detect(
    model: ForensicModel,
    folder: Path,
    *,
    splits: Sequence[str] = ("dev", "test"),
    perturbations: Sequence[str] = (),
    draws: int = 1000,
    limit: int | None = None,
    console: Console | None = None,
) -> Report:
    """Measure detection on the splits of a data folder.

    Args:
        model: The model to measure.
        folder: A data folder, as `load_samples` reads it.
        splits: Reported one by one; nothing is fitted here.
        perturbations: Reported beside the clean images.
        draws: Bootstrap resamples; 0 for no intervals.
        limit: At most this many images a split, for a quick look; taken evenly from the table.
        console: Where progress is shown.
    """
    figures: dict[str, Any] = {"model": model_figures(model), "data": str(folder.name), "splits": {}}
    summary: list[tuple[str, dict[str, Any]]] = []
    details: list[Table] = []
    for split in splits:
        samples = thinned(load_samples(folder, [split]), limit)
        with progress(f"detect {split}", len(samples) * (1 + len(perturbations)), console) as tick:
            scores = perturbed_scores(model, samples, perturbations, tick)
        rows = robustness_figures(scores, draws=draws)
        generators, sources = by_generator(scores[CLEAN]), by_source(scores[CLEAN])
        figures["splits"][split] = {"perturbations": rows, "by_generator": generators, "by_source": sources}
        summary.append((split, rows[CLEAN]))
        details.append(group_table(f"{split}: fakes by generator, worst first", generators))
        details.append(group_table(f"{split}: by source, worst first", sources))
        if perturbations:
            details.append(robustness_table(f"{split}: after perturbation", rows))
    tables = [summary_table(f"Detection, {model.card.name} {model.card.revision}", summary), *details]
    return Report("detect", "Detection", figures, tables)


def thinned(samples: list[Sample], limit: int | None) -> list[Sample]:
    """At most `limit` samples, spread evenly over the list."""
    if limit is None or len(samples) <= limit:
        return samples
    return [samples[i * len(samples) // limit] for i in range(limit)]
