"""A set and its replies become another set. It depends on nothing else, so no interruption changes what comes out."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fakescope.errors import DataError
from fakescope.files import sha256_of
from fakescope.instruct.read import MANIFEST, PAGE
from fakescope.instruct.rewrite.ask import PROMPT_VERSION
from fakescope.instruct.rewrite.cache import Cache
from fakescope.instruct.rewrite.faithful import reworded
from fakescope.instruct.rewrite.pieces import Piece, pieces_of
from fakescope.instruct.rows import SCHEMA, TASK_KEY, VERSION_KEY
from fakescope.records import JsonObject

NOT_ASKED = "not_asked"


@dataclass
class Tally:
    """What became of a set.

    Attributes:
        chosen: Instructions that were to be reworded.
        reworded: Instructions of which questions or answers are in new words, by form.
        taken: Pieces in new words, by role.
        kept: Pieces that stay as they were, by the name of the reason.
        writers: Instructions by who wrote them.
    """

    instructions: int = 0
    chosen: int = 0
    reworded: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    writers: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Assembly:
    """How a set is put together.

    Attributes:
        folder: The set.
        out: The other one.
        writer: Name of the model, such as `openai:mistral-small`.
        task: Names everything that decides what is in the shards, but for the replies.
        chosen: Fresh for every pass: whether an instruction is to be reworded, asked in the order of the set.
    """

    folder: Path
    out: Path
    writer: str
    task: str
    chosen: Callable[[JsonObject], bool]

    def run(self, cache: Cache, manifest: JsonObject, about: JsonObject) -> Tally:
        """Write shards, images, and last the list of contents.

        Args:
            cache: The replies.
            manifest: Of the set.
            about: What the list of contents is to say of the rewording.

        Raises:
            DataError: A file of the set cannot be read.
        """
        tally = Tally()
        sources = shards_of(self.folder)
        data = self.out / "data"
        data.mkdir(parents=True, exist_ok=True)
        for path in data.glob("*.parquet*"):
            if path.name not in {source.name for source in sources}:
                path.unlink()
        records = {file["name"]: file.get("records") for file in manifest.get("files", ())}
        files = []
        for source in sources:
            count = self._shard(source, data / source.name, cache, tally)
            files.append(_file(data / source.name, records.get(source.name), count))
        _copy(self.folder / "images.parquet", self.out / "images.parquet")
        told = {
            "chosen": tally.chosen,
            "reworded": dict(sorted(tally.reworded.items())),
            "taken": dict(sorted(tally.taken.items())),
            "kept": dict(sorted(tally.kept.items())),
        }
        contents = {
            **manifest,
            "task": self.task,
            "writers": dict(sorted(tally.writers.items())),
            "rewrite": {**about, **told},
            "files": files,
        }
        _write_text(self.out / MANIFEST, json.dumps(contents, indent=2, ensure_ascii=False) + "\n")
        return tally

    def _shard(self, source: Path, path: Path, cache: Cache, tally: Tally) -> int:
        part = path.with_name(path.name + ".part")
        count = 0
        with open_shard(source) as shard:
            metadata = {**(shard.schema_arrow.metadata or {}), TASK_KEY: self.task.encode()}
            schema = SCHEMA.with_metadata(metadata)
            with pq.ParquetWriter(part, schema, compression="zstd") as writer:
                for rows in rows_of(shard, source):
                    for row in rows:
                        self._row(row, cache, tally)
                    writer.write_table(pa.Table.from_pylist(rows, schema=schema))
                    count += len(rows)
        os.replace(part, path)
        return count

    def _row(self, row: JsonObject, cache: Cache, tally: Tally) -> None:
        """Put what may be taken into a row."""
        tally.instructions += 1
        if self.chosen(row):
            tally.chosen += 1
            before = list(row["messages"])
            # Judged by the old words of the whole row, whichever piece is taken first.
            found = [
                (piece, self._find({**row, "messages": before}, piece, cache)) for piece in pieces_of(row)
            ]
            for piece, texts in found:
                if isinstance(texts, str):
                    tally.kept[texts] += 1
                    continue
                tally.taken[piece.role] += 1
                for place, text in zip(piece.places, texts, strict=True):
                    row["messages"][place] = {"role": piece.role, "content": text}
            if row["messages"] != before:
                tally.reworded[row["form"]] += 1
                row["writer"] = self.writer
        tally.writers[row["writer"]] += 1

    def _find(self, row: JsonObject, piece: Piece, cache: Cache) -> tuple[str, ...] | str:
        kept = cache.find(piece.key(self.writer, PROMPT_VERSION))
        if kept is None:
            return NOT_ASKED
        if kept.said is None:
            return kept.fault or NOT_ASKED
        return reworded(piece, kept.said, row)


def shards_of(folder: Path) -> list[Path]:
    """The shards of a set, in order."""
    return sorted((folder / "data").glob("*-*.parquet"))


def open_shard(path: Path) -> pq.ParquetFile:
    """A shard.

    Raises:
        DataError: It is none.
    """
    try:
        shard = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if VERSION_KEY not in (shard.schema_arrow.metadata or {}):
        shard.close()
        raise DataError(f"{path} is not a shard of instructions")
    return shard


def rows_of(
    shard: pq.ParquetFile, path: Path, columns: Sequence[str] = tuple(SCHEMA.names), size: int = PAGE
) -> Iterator[list[JsonObject]]:
    """Its rows, some at a time.

    Raises:
        DataError: They cannot be read, or are no instructions.
    """
    try:
        for batch in shard.iter_batches(size, columns=list(columns)):
            rows = batch.to_pylist()
            for row in rows:
                if not _sound(row, columns):
                    raise DataError(
                        f"{path} holds a row that is no instruction: {str(row.get('id'))[:100]!r}"
                    )
            yield rows
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _sound(row: JsonObject, columns: Sequence[str]) -> bool:
    """Whether everything is there, and text where text has to be."""
    texts = [row.get(name) for name in columns if name not in ("criterion", "messages", "rests_on")]
    if not isinstance(messages := row.get("messages"), list) or not all(
        isinstance(m, dict) for m in messages
    ):
        return False
    texts += [message.get(name) for message in messages for name in ("role", "content")]
    return all(isinstance(text, str) for text in texts)


def _file(path: Path, records: Any, count: int) -> JsonObject:
    return {
        "name": path.name,
        "records": records,
        "instructions": count,
        "size_bytes": path.stat().st_size,
        "sha256": sha256_of(path),
    }


def _copy(source: Path, path: Path) -> None:
    part = path.with_name(path.name + ".part")
    try:
        shutil.copyfile(source, part)
    except OSError as error:
        raise DataError(f"{source} cannot be copied: {error}") from error
    os.replace(part, path)


def _write_text(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
