"""What an export needs of the set's table of images, and no more: a set may have a million."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fakescope.errors import DataError
from fakescope.records import JsonObject

_COLUMNS = ("id", "split", "path", "source", "licence")


def read_table(folder: Path) -> dict[str, JsonObject]:
    """Id -> path, split, source and licence. Words that come again are held once.

    Raises:
        DataError: There is no such table, or it is none.
    """
    table: dict[str, JsonObject] = {}
    try:
        with pq.ParquetFile(folder / "images.parquet") as held:
            for batch in held.iter_batches(columns=list(_COLUMNS)):
                for row in batch.to_pylist():
                    table[str(row["id"])] = {name: _word(row[name]) for name in _COLUMNS[1:]}
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise DataError(
            f"{folder}/images.parquet cannot be read: {error}", "build the instructions anew"
        ) from error
    return table


def _word(value: object) -> str:
    return sys.intern(str(value or ""))
