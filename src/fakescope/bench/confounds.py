"""`bench confounds`: what format, size and compression alone would tell of the label, at each stage to a model.

A detector that looks good on files whose metadata give the label away may have learned nothing else. The probe sees
no pixels: only what a file's header says, and how many bytes it takes. `audit/stages.py` tells what the stages are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fakescope.bench.audit.probe import probe_stages
from fakescope.bench.audit.stages import Features, features_of
from fakescope.bench.data import Sample, load_samples
from fakescope.bench.detect import thinned
from fakescope.bench.run import Report, progress
from fakescope.bench.tables import Table
from fakescope.errors import ImageError

if TYPE_CHECKING:
    from rich.console import Console


def bench_confounds(
    folder: Path,
    *,
    splits: Sequence[str] | None = None,
    draws: int = 1000,
    seed: int = 0,
    limit: int | None = None,
    console: Console | None = None,
) -> Report:
    """AUROC of the metadata probes at every stage, cross-validated.

    Args:
        folder: A data folder; the stage `original` needs the columns original_format, _width, _height and
            _bytes.
        splits: Which images; all by default.
        draws: Bootstrap resamples of images for the intervals.
        seed: Of folds, drawn qualities and resamples.
        limit: At most this many images.
        console: Where progress is shown.
    """
    samples = thinned(load_samples(folder, splits), limit)
    rows: list[tuple[Sample, Features]] = []
    unread = 0
    with progress("metadata", len(samples), console) as tick:
        for sample in samples:
            try:
                rows.append((sample, features_of(sample, seed)))
            except ImageError:
                unread += 1
            tick(1)
    figures = probe_stages(rows, draws=draws, seed=seed)
    table = Table(
        "What metadata alone would tell", ["stage", "probe", "folds", "AUROC", "95%", "features that vary"]
    )
    for row in figures:
        table.add(row["stage"], row["probe"], row["folds"], row["auroc"], _shown(row), row["varying"])
    table.note = (
        "0.5 is chance. `by source` holds out whole sources, and may fall below 0.5 where sources differ. "
        "Bytes of what is fed reflect content: smooth pictures compress better."
    )
    payload = {"data": folder.name, "images": len(rows), "unread": unread, "seed": seed, "stages": figures}
    return Report("confounds", "Confounds", payload, [table])


def _shown(row: dict[str, Any]) -> str:
    return f"{row['low']:.3f}-{row['high']:.3f}"
