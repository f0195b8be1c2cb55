"""What format, size and compression alone would tell of the label, at each stage on the way to a model.

A detector that looks good on files whose metadata give the label away may have learned nothing else. The
probe sees no pixels: only what a file's header says, and how many bytes it takes.

    original   the file as it was found: format, width, height, bytes
    stored     the file in the data folder: width, height, quantisation table, bytes
    levelled   after `images.preprocess.level`: one format and quality; width, height and bytes still differ
    fed        the square that a model is given, re-encoded at a quality drawn alike for both classes

`fed` is reported without and with the number of bytes. Without it, only the drawn quality varies between
images, so chance is the sole outcome of a sound path. With it the probe sees how hard the picture is to
compress, which is content (smooth against busy) and not metadata: a figure over chance there is a difference
of content between the classes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fakescope.bench import metrics
from fakescope.bench.aligned import drawn_quality
from fakescope.bench.data import Sample, load_samples
from fakescope.bench.detect import thinned
from fakescope.bench.run import Report, progress
from fakescope.bench.tables import Table
from fakescope.errors import DataError, ImageError, MissingExtraError
from fakescope.images.load import load_image
from fakescope.images.preprocess import VIEW_PX, level

if TYPE_CHECKING:
    from rich.console import Console

FloatArray = NDArray[np.float64]
Features = dict[str, list[float]]
"""Stage -> feature vector of one image; all images of a stage have vectors of one length."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "MPO", "TIFF", "BMP")
FOLDS, REPEATS = 5, 2


@dataclass(frozen=True)
class Probe:
    """A metadata classifier by name; `build` gives a fresh, unfitted one."""

    name: str
    build: Callable[[], Any]


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


def features_of(sample: Sample, seed: int = 0) -> Features:
    """Metadata of one image at every stage; `original` only where the table has it.

    Raises:
        ImageError: It cannot be read.
    """
    image = load_image(sample.path)
    levelled = level(image.pixels)
    fed = _fed(levelled, drawn_quality(sample.id, seed))
    fixed = [float(FORMATS.index("JPEG")), float(VIEW_PX), float(VIEW_PX), *_table(fed)]
    return {
        **_original(sample),
        "stored": [*_size(image.width_px, image.height_px, image.size_bytes), *_table(image.data)],
        "levelled": [*_size(*_dimensions(levelled), len(levelled)), *_table(levelled)],
        "fed, without bytes": fixed,
        "fed, with bytes": [*fixed, float(np.log(len(fed)))],
    }


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
        for probe in probes(seed):
            for groups in (None, [s.source for s in samples]):
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


def probes(seed: int = 0) -> list[Probe]:
    """A linear and a non-linear probe.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError as error:
        raise MissingExtraError("bench confounds", "bench") from error
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
                max_iter=40, max_depth=3, class_weight="balanced", random_state=seed
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
    splitter = StratifiedGroupKFold(min(FOLDS, len(set(groups))), shuffle=True, random_state=seed)
    return [(a, b) for a, b in splitter.split(y, y, groups) if len(set(y[a])) == 2]


def _fractional_rank(p: FloatArray) -> FloatArray:
    """Mid-ranks in (0, 1), ties alike."""
    _, place, counts = np.unique(p, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - counts / 2)[place] / len(p))


def _original(sample: Sample) -> Features:
    names = ("original_width", "original_height", "original_bytes")
    try:
        width, height, size = (int(sample.row[name]) for name in names)
    except (KeyError, ValueError):
        return {}
    kind = sample.row.get("original_format", "").upper()
    return {"original": [*_size(width, height, size), *(float(kind == f) for f in FORMATS)]}


def _size(width: int, height: int, size_bytes: int) -> list[float]:
    """Width, height, aspect, squareness, pixels and bytes, on scales that a linear probe can use."""
    w, h, b = max(width, 1), max(height, 1), max(size_bytes, 1)
    bits_per_pixel = float(np.log(8 * b / (w * h)))
    return [float(np.log(w)), float(np.log(h)), float(np.log(w / h)), abs(float(np.log(w / h))),
            float(w == h), float(np.log(b)), bits_per_pixel]  # fmt: skip


def _table(data: bytes) -> list[float]:
    """Sums of the luminance and chrominance quantisation tables; zeros for files without."""
    with Image.open(io.BytesIO(data)) as image:
        tables = getattr(image, "quantization", None) or {}
    return [float(sum(tables.get(place, ()))) for place in (0, 1)]


def _fed(levelled: bytes, quality: int) -> bytes:
    """The model's square view of a levelled image, as a JPEG file."""
    with Image.open(io.BytesIO(levelled)) as image:
        square = image.resize((VIEW_PX, VIEW_PX), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    square.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _dimensions(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as image:
        return image.size


def _shown(row: dict[str, Any]) -> str:
    return f"{row['low']:.3f}-{row['high']:.3f}"
