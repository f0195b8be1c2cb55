"""`bench explain`: examine the images that have reference descriptions, and hold the words against them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fakescope.bench.data import load_references, load_samples
from fakescope.bench.detect import thinned
from fakescope.bench.explanations import (
    agreement_figures,
    criteria_figures,
    examine_samples,
    nearest_figures,
    pair_up,
)
from fakescope.bench.run import Report, model_figures, progress
from fakescope.bench.sentences import load_sentence_encoder
from fakescope.bench.tables import Table
from fakescope.models.base import ForensicModel
from fakescope.records import Examination

if TYPE_CHECKING:
    from rich.console import Console


def bench_explain(
    model: ForensicModel,
    examine: Callable[[Path], Examination],
    folder: Path,
    cache: Path,
    *,
    split: str = "test",
    draws: int = 1000,
    limit: int | None = None,
    console: Console | None = None,
) -> Report:
    """Measure the explanations of one split.

    Args:
        model: The model that `examine` uses; names it in the report and guards the cache.
        examine: Examines the image at a path with that model.
        folder: A data folder with `chain.jsonl`.
        cache: JSON Lines file that keeps the examinations.
        split: Which images.
        draws: Bootstrap resamples.
        limit: At most this many images.
        console: Where progress is shown.
    """
    references = load_references(folder)
    everything = load_samples(folder)
    samples = thinned([s for s in everything if s.split == split and s.id in references], limit)
    train = [references[s.id] for s in everything if s.split == "train" and s.id in references]
    encoder = load_sentence_encoder()  # before the long part, so that a missing package is said at once
    with progress(f"examine {split}", len(samples), console) as tick:
        found, errors = examine_samples(examine, samples, cache, (model.card.name, model.card.revision), tick)
    items = pair_up(samples, found, references)
    nearest = nearest_figures(items, encoder.encode, draws=draws)
    criteria = criteria_figures(items, train)
    agreement = agreement_figures([(item.sample, item.examination) for item in items])
    figures = {
        "model": model_figures(model),
        "data": folder.name,
        "split": split,
        "images": len(items),
        "errors": errors,
        "nearest": nearest,
        "criteria": criteria,
        "agreement": agreement,
    }
    return Report("explain", "Explanations", figures, [_table(model.card.name, nearest, criteria, agreement)])


def _table(name: str, nearest: dict[str, Any], criteria: dict[str, Any], agreement: dict[str, Any]) -> Table:
    table = Table(f"Explanations, {name}", ["what", "figure", "without looking", "images"])
    table.add("own reference nearest of ten", nearest["share"], nearest["chance"], nearest["images"])
    table.add(
        "criteria on fakes, micro-F1", criteria["micro_f1"], criteria["baseline_micro_f1"], criteria["images"]
    )
    table.add("criteria on fakes, precision", criteria["precision"], "", criteria["images"])
    table.add("criteria on fakes, recall", criteria["recall"], "", criteria["images"])
    table.add("stated label is the verdict's", agreement["decided_agree"], "", agreement["decided"])
    table.add("abstention states no label", agreement["abstained_state_no_label"], "", agreement["abstained"])
    table.note = f"The baseline always marks: {', '.join(criteria['baseline_criteria'])} (chosen on train)."
    return table
