"""`bench baselines`: two simple detectors trained on the same data in the same run, to compare a model with.

A logistic probe on frozen EfficientNet-lite0 features, and that network fine-tuned with a plain head. Every
image passes the path of `bench.aligned`. Choices (the probe's strength, both calibrations) are made on dev;
test is measured once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fakescope.bench import metrics
from fakescope.bench.aligned import SIDE_PX, align
from fakescope.bench.data import Sample, load_samples
from fakescope.bench.detect import thinned
from fakescope.bench.detection import (
    Scores,
    by_generator,
    by_source,
    detection_figures,
    group_table,
    summary_table,
)
from fakescope.bench.run import Report, progress
from fakescope.bench.tables import Table
from fakescope.errors import DataError, ImageError, MissingExtraError
from fakescope.verdict.calibrate import apply_calibration, fit_calibration
from fakescope.verdict.soft_score import sigmoid

if TYPE_CHECKING:
    from rich.console import Console

BATCH = 32
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)
"""Inverse regularisation tried for the probe; the one with the best AUROC on dev is kept."""
SPLITS = ("train", "dev", "test")
FloatArray = NDArray[np.float64]


def bench_baselines(
    folder: Path,
    *,
    extra: Sequence[Path] = (),
    epochs: int = 2,
    seed: int = 0,
    draws: int = 1000,
    limit: int | None = None,
    console: Console | None = None,
) -> Report:
    """Train both baselines and measure them on dev and test.

    Args:
        folder: A data folder with the splits train, dev and test.
        extra: Further folders whose train images are added to the training data.
        epochs: Of fine-tuning.
        seed: Of re-encoding, order and initialisation.
        draws: Bootstrap resamples; 0 for no intervals.
        limit: At most this many images a split, for a quick look.
        console: Where progress is shown.
    """
    everything, skipped = gather(folder, extra, limit)
    images = AlignedImages(everything, seed)
    features = frozen_features(images, console)  # the first pass over all images finds the unreadable ones
    keep = [i for i, sample in enumerate(everything) if sample.id not in images.unread]
    samples = [everything[i] for i in keep]
    split = np.array([s.split for s in samples])
    target = np.array([s.label.target for s in samples])
    methods = {
        "logistic probe, frozen": probe_llr(features[keep], target, split),
        f"fine-tuned, {epochs} epochs": finetuned_llr(
            AlignedImages(samples, seed), target, split, epochs, seed, console
        ),
    }
    measured = {
        name: _measured(calibrated_scores(llr, samples, split), draws) for name, llr in methods.items()
    }
    figures: dict[str, Any] = {
        "data": folder.name,
        "extra": [p.name for p in extra],
        "seed": seed,
        "images": {s: int((split == s).sum()) for s in SPLITS},
        "unread": sorted(images.unread),
        "skipped": skipped,
        "methods": measured,
    }
    return Report("baselines", "Baselines", figures, _tables(measured))


def _measured(scores: dict[str, Scores], draws: int) -> dict[str, Any]:
    """Figures of dev and test, and the groups of test."""
    return {
        "splits": {name: detection_figures(scores[name], draws=draws) for name in ("dev", "test")},
        "test": {"by_generator": by_generator(scores["test"]), "by_source": by_source(scores["test"])},
    }


def _tables(measured: dict[str, Any]) -> list[Table]:
    summary = [
        (f"{name}: {s}", row) for name, found in measured.items() for s, row in found["splits"].items()
    ]
    groups = [
        group_table(f"{name}: test, {key.replace('_', ' ')}, worst first", rows)
        for name, found in measured.items()
        for key, rows in found["test"].items()
    ]
    return [summary_table("Baselines", summary), *groups]


def gather(folder: Path, extra: Sequence[Path], limit: int | None) -> tuple[list[Sample], int]:
    """Train, dev and test of a folder, and the train images of the extra ones; ids already seen are skipped.

    Returns:
        The samples, and how many were skipped for an id seen before.

    Raises:
        DataError: A split is missing, or train or dev have one class only.
    """
    samples = [s for split in SPLITS for s in thinned(load_samples(folder, [split]), limit)]
    known = {s.id for s in load_samples(folder)}
    skipped = 0
    for more in extra:
        for sample in thinned(load_samples(more, ["train"]), limit):
            if sample.id in known:
                skipped += 1
            else:
                known.add(sample.id)
                samples.append(sample)
    for split in ("train", "dev"):
        if len({s.label for s in samples if s.split == split}) < 2:
            raise DataError(f"The split {split} lacks a class, so no baseline can be trained")
    return samples, skipped


class AlignedImages:
    """Aligned pixels of samples, loaded when asked for. An unreadable image is grey, and named in
    `unread`."""

    def __init__(self, samples: Sequence[Sample], seed: int) -> None:
        self.samples = samples
        self.seed = seed
        self.unread: set[str] = set()

    def __len__(self) -> int:
        return len(self.samples)

    def load(self, rows: Sequence[int]) -> NDArray[np.uint8]:
        """uint8 [len(rows), side, side, 3]."""
        return np.stack([self._pixels(self.samples[row]) for row in rows])

    def batches(self, tick: Any = lambda count: None) -> Iterator[NDArray[np.uint8]]:
        """All images in order, batch by batch."""
        for start in range(0, len(self), BATCH):
            rows = range(start, min(start + BATCH, len(self)))
            yield self.load(rows)
            tick(len(rows))

    def _pixels(self, sample: Sample) -> NDArray[np.uint8]:
        try:
            return align(sample.path, sample.id, seed=self.seed).pixels
        except ImageError:
            self.unread.add(sample.id)
            return np.full((SIDE_PX, SIDE_PX, 3), 127, np.uint8)


def frozen_features(images: AlignedImages, console: Console | None = None) -> NDArray[np.float32]:
    """Features of the frozen network, float32 [n, 1280]."""
    train_baselines = _torch_side()
    with progress("frozen features", len(images), console) as tick:
        return np.asarray(train_baselines.frozen_features(images.batches(tick)))


def probe_llr(x: NDArray[np.float32], target: NDArray[Any], split: NDArray[Any]) -> FloatArray:
    """Raw llr [n] of the logistic probe; its strength is the one with the best AUROC on dev.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError as error:
        raise MissingExtraError("bench baselines", "bench") from error
    train, dev = split == "train", split == "dev"

    def fitted(strength: float) -> FloatArray:
        model = LogisticRegression(C=strength, max_iter=3000, class_weight="balanced")
        probe = make_pipeline(StandardScaler(), model).fit(x[train], target[train])
        return np.asarray(probe.decision_function(x), dtype=np.float64)

    return max(map(fitted, STRENGTHS), key=lambda llr: metrics.auroc(llr[dev], target[dev]))


def finetuned_llr(
    images: AlignedImages,
    target: NDArray[Any],
    split: NDArray[Any],
    epochs: int,
    seed: int,
    console: Console | None = None,
) -> FloatArray:
    """Raw llr [n] of the fine-tuned network."""
    train_baselines = _torch_side()
    rows = np.flatnonzero(split == "train")
    settings = train_baselines.FinetuneSettings(epochs=epochs, seed=seed)
    with progress("fine-tuning", epochs * len(rows), console) as tick:
        model = train_baselines.finetune(
            target[rows].tolist(),
            lambda places: images.load([int(rows[place]) for place in places]),
            settings,
            lambda count, loss: tick(count),
        )
    with progress("fine-tuned scores", len(images), console) as tick:
        return np.asarray(train_baselines.detector_llr(model, images.batches(tick)))


def calibrated_scores(llr: FloatArray, samples: Sequence[Sample], split: NDArray[Any]) -> dict[str, Scores]:
    """Scores of dev and test after a calibration fitted on dev; the threshold is 0.5 and nothing abstains."""
    target = np.array([s.label.target for s in samples], dtype=np.float64)
    dev = split == "dev"
    calibration = fit_calibration(llr[dev], target[dev]).calibration
    p = sigmoid(apply_calibration(llr, calibration))
    scores = Scores(
        p,
        target,
        p >= 0.5,
        np.zeros(len(p), bool),
        [s.source for s in samples],
        [s.generator for s in samples],
    )
    return {name: scores.where(split == name) for name in ("dev", "test")}


def _torch_side() -> Any:
    """The training code, imported only here: benches of finished models need no torch."""
    try:
        from fakescope.train import baselines
    except ImportError as error:
        raise MissingExtraError("bench baselines", "train") from error
    return baselines
