"""Encoder features of many augmented views, computed once and kept on disk.

The encoder is frozen, so everything after it trains on these arrays, at a hundredth of the cost.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from rich.progress import track

from fakescope.errors import DataError, ImageError
from fakescope.images.load import load_image
from fakescope.images.preprocess import view
from fakescope.records import ImageRef
from fakescope.train.augment import augment

CLEAN = "clean"
"""The view of an image as it is, without augmentation: what is used in evaluation and in use."""


@dataclass(frozen=True)
class ViewKey:
    """Which image, and which of its variants."""

    image_id: str
    kind: str
    index: int


class FeatureStore:
    """A folder of feature shards: `NNN.npz` with grid [n, 49, 768], stats [n, 12, 384] (float16) and keys.

    Shards are written whole and renamed, so a killed run resumes where it stopped.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def keys(self) -> list[ViewKey]:
        return [key for path in self._shards() for key in _read_keys(path)]

    def load(self) -> tuple[list[ViewKey], NDArray[np.float16], NDArray[np.float16]]:
        """All keys with their grids and stats, in one order.

        Raises:
            DataError: The store is empty.
        """
        keys: list[ViewKey] = []
        grids, stats = [], []
        for path in self._shards():
            with np.load(path, allow_pickle=False) as shard:
                grids.append(shard["grid"])
                stats.append(shard["stats"])
            keys += _read_keys(path)
        if not keys:
            raise DataError(
                f"{self.folder} holds no features", "run `python -m fakescope.train.nano prepare` first"
            )
        return keys, np.concatenate(grids), np.concatenate(stats)

    def write(self, keys: Sequence[ViewKey], grid: NDArray[np.float16], stats: NDArray[np.float16]) -> None:
        number = len(self._shards())
        path = self.folder / f"{number:05d}.npz"
        temporary = path.with_suffix(".part")
        with temporary.open("wb") as file:
            np.savez(file, grid=grid, stats=stats)
        with path.with_suffix(".csv").open("w", newline="") as file:
            csv.writer(file).writerows([k.image_id, k.kind, k.index] for k in keys)
        temporary.rename(path)

    def _shards(self) -> list[Path]:
        return sorted(self.folder.glob("*.npz"))


def _read_keys(shard: Path) -> list[ViewKey]:
    with shard.with_suffix(".csv").open(newline="") as file:
        return [ViewKey(row[0], row[1], int(row[2])) for row in csv.reader(file)]


def encode_views(
    images: Sequence[tuple[ImageRef, ViewKey]],
    encoder: Path,
    store: FeatureStore,
    *,
    threads: int = 2,
    shard_size: int = 512,
    seed: int = 0,
) -> int:
    """Compute the views that the store lacks. Returns how many images could not be read (they are skipped)."""
    have = set(store.keys())
    wanted = [(ref, key) for ref, key in images if key not in have]
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(encoder), options, providers=["CPUExecutionProvider"])
    failed: set[str] = set()

    def one(
        item: tuple[ImageRef, ViewKey],
    ) -> tuple[ViewKey, NDArray[np.float16], NDArray[np.float16]] | None:
        ref, key = item
        try:
            pixels = load_image(ref.path).pixels
        except ImageError:
            return None
        if key.kind != CLEAN:
            pixels = augment(pixels, key.kind, Random(f"{seed}/{key.image_id}/{key.kind}/{key.index}"))
        grid, stats = session.run(None, {"pixels": view(pixels)[None]})
        return key, grid[0].astype(np.float16), stats[0].astype(np.float16)

    with ThreadPoolExecutor(threads) as pool:
        for start in track(range(0, len(wanted), shard_size), description="encoding views"):
            shard = wanted[start : start + shard_size]
            results = list(pool.map(one, shard))
            failed |= {key.image_id for (_, key), r in zip(shard, results, strict=True) if r is None}
            done = [r for r in results if r is not None]
            if done:
                store.write(
                    [d[0] for d in done], np.stack([d[1] for d in done]), np.stack([d[2] for d in done])
                )
    return len(failed)


def plan_views(
    refs: Sequence[ImageRef], kinds: Sequence[tuple[str, int]]
) -> Iterator[tuple[ImageRef, ViewKey]]:
    """Every image in every kind of view, kind by kind: an unfinished run has seen all images first."""
    for kind, index in kinds:
        for ref in refs:
            yield ref, ViewKey(ref.id, kind, index)
