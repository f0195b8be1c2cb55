"""Read a set of instructions: its shards, streamed, and its list of contents; nothing in it is trusted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fakescope.errors import DataError
from fakescope.instruct.rows import SCHEMA_VERSION, VERSION_KEY, from_row
from fakescope.records import Instruction, JsonObject

MANIFEST = "instructions.json"
PAGE = 5_000
_NEEDED: dict[str, type] = {
    "release": dict, "splits": list, "records": int, "instructions": int, "forms": dict, "answers": dict,
    "dropped": dict, "files": list,
}  # fmt: skip


def read_manifest(folder: Path) -> JsonObject:
    """The list of contents.

    Raises:
        DataError: The folder holds no finished set, or one of a later schema.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        hint = (
            "build it with `fakescope instruct build`; a build that was stopped goes on with the same command"
        )
        raise DataError(f"{folder} holds no finished instructions: {error}", hint) from error
    if not isinstance(manifest, dict) or manifest.get("schema_version") != SCHEMA_VERSION:
        raise DataError(
            f"{folder} is not of schema version {SCHEMA_VERSION}", "update fakescope, or build it anew"
        )
    missing = [name for name, kind in _NEEDED.items() if not isinstance(manifest.get(name), kind)]
    if missing:
        raise DataError(f"{folder / MANIFEST} has no usable {', '.join(missing)}", "build the set anew")
    return manifest


def read_rows(
    folder: Path, columns: Sequence[str] | None = None, split: str | None = None
) -> Iterator[JsonObject]:
    """Rows, in order; memory does not grow with the set.

    Raises:
        DataError: The folder holds no finished set, or a shard cannot be read.
    """
    read_manifest(folder)
    for path in sorted((folder / "data").glob(f"{split or '*'}-*.parquet")):
        try:
            with pq.ParquetFile(path) as shard:
                if (shard.schema_arrow.metadata or {}).get(VERSION_KEY) != str(SCHEMA_VERSION).encode():
                    raise DataError(f"{path} is not a shard of instructions")
                for batch in shard.iter_batches(PAGE, columns=list(columns) if columns else None):
                    yield from batch.to_pylist()
        except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
            raise DataError(f"{path} cannot be read: {error}") from error


def read_instructions(folder: Path, split: str | None = None) -> Iterator[Instruction]:
    """Instructions, in order.

    Raises:
        DataError: As `read_rows`, or a row that is no instruction.
    """
    for row in read_rows(folder, split=split):
        try:
            yield from_row(row)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{row.get('id')} is no instruction: {str(error).splitlines()[0]}") from error


def read_images(folder: Path) -> dict[str, JsonObject]:
    """The table of images: id -> row.

    Raises:
        DataError: There is none.
    """
    try:
        rows = pq.read_table(folder / "images.parquet").to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{folder}/images.parquet cannot be read: {error}") from error
    return {row["id"]: row for row in rows}
