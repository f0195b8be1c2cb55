"""FakeInstruct on disk as rows for training, and the pictures that they are about.

Rows are memory-mapped by the library `datasets`, so two million of them take no memory. Every picture, real or fake,
comes through the project's one path: longer side at most 512 px, one JPEG quality.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fakescope.errors import DataError, MissingExtraError
from fakescope.instruct.pictures import Pictures
from fakescope.instruct.read import read_images, read_manifest
from fakescope.records import JsonObject

if TYPE_CHECKING:
    from PIL import Image

HELD_PICTURES = 2_000
"""Levelled JPEGs kept in memory, about 40 kB each."""

COLUMNS = ("id", "image", "part", "form", "answer", "messages")


def load_rows(
    folder: Path,
    split: str,
    *,
    parts: Sequence[str] = (),
    limit: int | None = None,
    seed: int = 0,
    lengths: bool = False,
) -> Any:
    """Instructions of a split as a `datasets.Dataset` with `COLUMNS`, in an order that the seed settles.

    Args:
        folder: A set that `fakescope instruct build` made.
        split: train or dev.
        parts: Of these parts or forms only; all if empty.
        limit: At most so many.
        seed: Settles the order, and which ones are within the limit.
        lengths: Add the column `length`, in characters.

    Raises:
        DataError: It is no finished set, or has nothing of that.
        MissingExtraError: The library is not installed.
    """
    try:
        from datasets import load_dataset
    except ModuleNotFoundError as error:
        raise MissingExtraError("training on FakeInstruct", "tune") from error
    read_manifest(folder)
    files = sorted(map(str, (folder / "data").glob(f"{split}-*.parquet")))
    if not files:
        raise DataError(f"{folder} has no split {split}")
    rows = load_dataset("parquet", data_files=files, split="train", columns=list(COLUMNS))
    if parts:
        wanted = set(parts)
        rows = rows.filter(
            lambda part, form: part in wanted or form in wanted, input_columns=["part", "form"]
        )
    if not len(rows):
        raise DataError(f"{folder} has no instructions of {', '.join(parts) or split}")
    rows = rows.shuffle(seed=seed)
    rows = rows if limit is None else rows.select(range(min(limit, len(rows))))
    return rows.map(_lengths, batched=True, input_columns=["messages"]) if lengths else rows


def _lengths(talks: Sequence[Sequence[JsonObject]]) -> dict[str, list[int]]:
    return {"length": [sum(len(message["content"]) for message in talk) for talk in talks]}


class PictureBook:
    """Pictures of a set by id, levelled. Use it as a context manager.

    Args:
        folder: The set.
        images: Folder of the images, or the release that holds them.

    Raises:
        DataError: A folder cannot be read.
    """

    def __init__(self, folder: Path, images: Path) -> None:
        self.table = read_images(folder)
        self._pictures = Pictures(self.table, images)
        self._jpeg: Callable[[str], bytes | None] = lru_cache(HELD_PICTURES)(self._pictures.read)

    def __enter__(self) -> PictureBook:
        self._pictures.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._pictures.__exit__(*error)

    def missing(self) -> list[str]:
        """Ids of the table that have no file."""
        return [id for id in self.table if self._pictures.find(id) is None]

    def __call__(self, id: str) -> Image.Image:
        """The RGB picture.

        Raises:
            DataError: There is no readable file.
        """
        from PIL import Image

        held = self._jpeg(id)
        if held is None:
            raise DataError(
                f"the picture of {id} cannot be read", "check with `fakescope instruct sample --html`"
            )
        return Image.open(io.BytesIO(held), formats=["JPEG"]).convert("RGB")
