"""Read a release: its records from the shards, streamed; nothing in it is trusted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fakescope.chain.release.shards import SHARD_SCHEMA_VERSION, VERSION_KEY, from_row
from fakescope.errors import DataError
from fakescope.records import ChainRecord, JsonObject

PAGE = 500
PICTURES = 50
IMAGE_COLUMN = "image"


def read_about(folder: Path) -> JsonObject:
    """`release.json`.

    Raises:
        DataError: The folder is not a release.
    """
    try:
        about = json.loads((folder / "release.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{folder} is not a release: {error}", "it needs release.json and data/") from error
    if not isinstance(about, dict):
        raise DataError(f"{folder}/release.json is not an object")
    return about


def read_release(folder: Path, split: str | None = None) -> Iterator[ChainRecord]:
    """Records of a release, shard by shard.

    Raises:
        DataError: Not a release, of a later schema, or a row that is no record; the row is named.
    """
    for where, row in read_rows(folder, split):
        try:
            yield from_row(row)
        except (ValueError, KeyError, TypeError) as error:
            first = str(error).splitlines()[0]
            raise DataError(f"{where} is not a chain record: {first}") from error


def read_rows(folder: Path, split: str | None = None) -> Iterator[tuple[str, JsonObject]]:
    """Rows of a release without image bytes, each with the words that name it.

    Raises:
        DataError: Not a release, or a shard that cannot be read.
    """
    read_about(folder)
    for path in sorted((folder / "data").glob(f"{split or '*'}-*.parquet")):
        try:
            with pq.ParquetFile(path) as shard:
                _check_version(path, shard.schema_arrow.metadata or {})
                columns = [name for name in shard.schema_arrow.names if name != IMAGE_COLUMN]
                number = 0
                for batch in shard.iter_batches(PAGE, columns=columns):
                    for row in batch.to_pylist():
                        yield f"{path.name}, row {number}", row
                        number += 1
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"{path} cannot be read: {error}") from error


def read_pictures(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Embedded pictures as (id, bytes of a file); records without one are passed over.

    Raises:
        DataError: Not a release, or a shard that cannot be read.
    """
    read_about(folder)
    for path in sorted((folder / "data").glob("*.parquet")):
        try:
            with pq.ParquetFile(path) as shard:
                _check_version(path, shard.schema_arrow.metadata or {})
                if IMAGE_COLUMN not in shard.schema_arrow.names:
                    continue
                for batch in shard.iter_batches(PICTURES, columns=["id", IMAGE_COLUMN]):
                    for row in batch.to_pylist():
                        if row[IMAGE_COLUMN] and row[IMAGE_COLUMN]["bytes"]:
                            yield row["id"], row[IMAGE_COLUMN]["bytes"]
        except (OSError, pa.ArrowException, KeyError, TypeError) as error:
            raise DataError(f"{path} cannot be read: {error}") from error


def _check_version(path: Path, metadata: dict[bytes, bytes]) -> None:
    version = metadata.get(VERSION_KEY, b"none").decode("utf-8", "replace")
    if version != str(SHARD_SCHEMA_VERSION):
        raise DataError(
            f"{path} has schema version {version}, this fakescope reads {SHARD_SCHEMA_VERSION}",
            "update fakescope, or make the release anew",
        )
