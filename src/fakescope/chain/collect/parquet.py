"""Parquet files as an input. Only groups of rows that hold something new are read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fakescope.chain.collect.items import Item, Known, Reading, file_identity
from fakescope.chain.collect.rows import image_column, row_item, row_key
from fakescope.errors import DataError, MissingExtraError
from fakescope.images.text import clean_text

BATCH_ROWS = 32


class ParquetInput:
    """A Parquet file with an image column.

    Paths in it are taken relative to its folder and may not lead out of it.

    Raises:
        DataError: It is no Parquet file, or has no image column.
        MissingExtraError: pyarrow is not installed.
    """

    def __init__(self, path: Path, reading: Reading) -> None:
        self.name = str(path)
        self._path, self._reading = path, reading
        with _reading_errors(path):
            file = _open(path)
        self._count = file.metadata.num_rows
        self._image = image_column(file.schema_arrow.names, reading, path.name)
        self._names = class_names(file.schema_arrow.metadata or {})

    def total(self) -> int:
        return self._count

    def items(self, known: Known) -> Iterator[Item]:
        identity = file_identity(self._path)
        first = 0
        with _reading_errors(self._path):
            file = _open(self._path)
            others = [name for name in file.schema_arrow.names if name != self._image]
            for group in range(file.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                # The small columns first: they tell whether the images of the group are needed at all.
                rows = file.read_row_group(group, columns=others).to_pylist() if others else [{}] * count
                named = [{name: self._named(name, value) for name, value in row.items()} for row in rows]
                keys = [
                    row_key(row, self._reading, f"{identity}|{first + at}") for at, row in enumerate(named)
                ]
                wanted = [not known(key) for key in keys]
                if any(wanted):
                    for at, cell in enumerate(self._cells(file, group)):
                        if wanted[at]:
                            yield self._item(named[at], cell.as_py(), identity, first + at)
                first += count

    def _cells(self, file: Any, group: int) -> Iterator[Any]:
        for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], columns=[self._image]):
            yield from batch.column(0)

    def _item(self, row: dict[str, Any], cell: Any, identity: str, number: int) -> Item:
        return row_item(
            row,
            cell,
            self._reading,
            identity=f"{identity}|{number}",
            where=f"{self._path.name}, row {number}",
            roots=[self._path.parent],
        )

    def _named(self, column: str, value: Any) -> Any:
        names = self._names.get(column)
        return names[value] if names and isinstance(value, int) and 0 <= value < len(names) else value


def class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Names of the classes of label columns, as `datasets` writes them into a schema."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {
            column: [str(name) for name in feature["names"]]
            for column, feature in features.items()
            if isinstance(feature, dict) and isinstance(feature.get("names"), list)
        }
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _open(path: Path) -> Any:
    from pyarrow.parquet import ParquetFile

    return ParquetFile(path)


@contextmanager
def _reading_errors(path: Path) -> Iterator[None]:
    """Turns what pyarrow raises on a broken file into one clear error."""
    try:
        from pyarrow import ArrowException
    except ImportError as error:
        raise MissingExtraError("reading Parquet files", "chain") from error
    try:
        yield
    except (ArrowException, OSError, MemoryError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {clean_text(error, 200)}") from error
