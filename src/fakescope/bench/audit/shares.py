"""Per label: how often each value of a fact occurs, and how its numbers are spread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fakescope.bench.audit.facts import FileFacts
from fakescope.bench.audit.measure import Measured
from fakescope.bench.audit.stages import ORIGINAL, STORED
from fakescope.records import Label

TOP = 8
QUANTILES = {"p05": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95}

NAMES: dict[str, Callable[[FileFacts], str]] = {
    "format": lambda f: f.format or "unknown",
    "exact size": lambda f: f"{f.width_px} x {f.height_px}",
    "shape": lambda f: (
        "square" if f.width_px == f.height_px else "wide" if f.width_px > f.height_px else "tall"
    ),
    "quantisation table": lambda f: f.table or "none",
    "colour subsampling": lambda f: f.subsampling or "none",
    "progressive": lambda f: "yes" if f.progressive else "no",
    "colour profile": lambda f: f.profile,
    "EXIF": lambda f: "yes" if f.exif else "no",
    "XMP": lambda f: "yes" if f.xmp else "no",
}
NUMBERS: dict[str, Callable[[FileFacts], float | None]] = {
    "width_px": lambda f: f.width_px,
    "height_px": lambda f: f.height_px,
    "longer_px": lambda f: f.longer_px,
    "aspect_ratio": lambda f: f.width_px / max(1, f.height_px),
    "size_bytes": lambda f: f.size_bytes,
    "bits_per_pixel": lambda f: f.bits_per_pixel,
    "jpeg_quality": lambda f: f.quality,
}
OF_ORIGINALS = ("format", "exact size", "shape", "width_px", "height_px", "longer_px", "aspect_ratio", "size_bytes",
                "bits_per_pixel")  # fmt: skip
"""What a table tells of original files; the rest can only be read off the files themselves."""


def label_tables(images: Sequence[Measured]) -> dict[str, Any]:
    """Stage -> fact -> label -> counts (the commonest values) or quantiles."""
    stages = [stage for stage in (ORIGINAL, STORED) if all(stage in image.facts for image in images)]
    return {stage: _stage_tables(images, stage) for stage in stages}


def counts_of(images: Sequence[Measured], stage: str, name: str) -> dict[Label, Counter[str]]:
    """How often each value of a fact occurs, by label."""
    read = NAMES[name]
    return {
        label: Counter(read(image.facts[stage]) for image in images if image.sample.label is label)
        for label in Label
    }


def numbers_of(images: Sequence[Measured], stage: str, name: str) -> dict[Label, list[float]]:
    """The values of a fact that has an order, by label; files that it does not apply to are left out."""
    read = NUMBERS[name]
    found: dict[Label, list[float]] = {label: [] for label in Label}
    for image in images:
        value = read(image.facts[stage])
        if value is not None:
            found[image.sample.label].append(float(value))
    return found


def _stage_tables(images: Sequence[Measured], stage: str) -> dict[str, Any]:
    known = OF_ORIGINALS if stage == ORIGINAL else (*NAMES, *NUMBERS)
    tables: dict[str, Any] = {}
    for name in known:
        if name in NAMES:
            tables[name] = {
                label: dict(c.most_common(TOP)) for label, c in counts_of(images, stage, name).items()
            }
        else:
            tables[name] = {label: _quantiles(v) for label, v in numbers_of(images, stage, name).items()}
    return tables


def _quantiles(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {name: round(float(np.quantile(values, q)), 4) for name, q in QUANTILES.items()}
