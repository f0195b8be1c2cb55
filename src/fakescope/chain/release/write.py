"""Write a release: Parquet shards by split, JSON Lines for people, images where they may be copied, card and sums.

Everything goes into a folder beside the target, which takes its place when it is complete. Records are streamed.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from fakescope.chain.exemplars import write_exemplars
from fakescope.chain.release.card import data_card
from fakescope.chain.release.licences import may_ship
from fakescope.chain.release.load import EXEMPLARS
from fakescope.chain.release.shards import SCHEMA, SHARD_SCHEMA_VERSION, schema_with_images, to_row
from fakescope.chain.release.stats import Stats
from fakescope.errors import DataError, ImageError
from fakescope.files import sha256_of
from fakescope.images.load import load_image
from fakescope.images.preprocess import level
from fakescope.records import ChainRecord, Exemplar, JsonObject

Images = Literal["reference", "embed", "copy"]
ROWS = 10_000
"""Records in a shard; 500 with images, about 50 MB."""
ROWS_WITH_IMAGES = 500
GROUP = 500
REVIEWED = ("accepted", "revised")
ALL = ("draft", *REVIEWED, "rejected")
SPLITS = ("train", "dev", "test", "all")
"""`all` holds records without a split."""


@dataclass
class Written:
    """What a release holds, and what was left out."""

    records: int = 0
    images: Counter[str] = field(default_factory=Counter)
    passed_over: Counter[str] = field(default_factory=Counter)
    files: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Release:
    """What a release is called and says of itself.

    Attributes:
        name: Letters, digits and dashes.
        version: Any short text.
        parent: Name and version of the release that it follows.
        licence: Of the annotations; each image has its own.
        about: Markdown for the data card: how the data came about, known faults.
    """

    name: str
    version: str
    parent: str | None = None
    licence: str = "Apache-2.0"
    about: str = ""


def write_release(
    records: Iterable[ChainRecord],
    folder: Path,
    release: Release,
    *,
    images: Images = "reference",
    statuses: tuple[str, ...] = REVIEWED,
    path_of: Callable[[ChainRecord], Path] = lambda record: Path(record.image.path),
    exemplars: Sequence[Exemplar] = (),
) -> Written:
    """Write a release.

    Args:
        records: In any order; those of one image at most once.
        folder: Must not exist, or hold the same release, which is replaced.
        release: Its name and the like.
        images: Only refer to them, embed them as bytes, or copy them into the folder. The last two go through the
            path of all images (longer side 512 px, one JPEG quality), and only where the licence allows copies.
        statuses: Records of other statuses are passed over and counted.
        path_of: Where the image file of a record lies.
        exemplars: Demonstrations that teachers were shown, to go on with.

    Raises:
        DataError: There is nothing to release, or the folder is something else.
    """
    _require_free(folder, release)
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        if exemplars:
            write_exemplars(exemplars, part / EXEMPLARS)
        written = _write(records, part, release, images, statuses, path_of)
        part.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return written


def _require_free(folder: Path, release: Release) -> None:
    """Refuse a folder that holds something else.

    Raises:
        DataError: It exists, and does not hold this release.
    """
    if not release.version.strip():
        raise DataError("a release needs a version", "such as --version 1")
    if not folder.exists():
        return
    try:
        held = json.loads((folder / "release.json").read_text(encoding="utf-8"))
        other = f"{held['name']} {held['version']}"
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(f"{folder} exists and is not a release", "name another folder") from None
    if other != f"{release.name} {release.version}":
        raise DataError(f"{folder} holds {other}", "name another folder, or remove it first")


def _write(
    records: Iterable[ChainRecord],
    part: Path,
    release: Release,
    images: Images,
    statuses: tuple[str, ...],
    path_of: Callable[[ChainRecord], Path],
) -> Written:
    written, stats = Written(), Stats()
    shards = _Shards(part, embed=images == "embed")
    with (part / "chain.jsonl").open("w", encoding="utf-8") as lines:
        for record in records:
            if record.status not in statuses:
                written.passed_over[record.status] += 1
                continue
            jpeg = _image(record, images, path_of, written)
            kept = _referring(record, jpeg if images == "copy" else None, part)
            shards.add(kept, jpeg if images == "embed" else None)
            lines.write(kept.model_dump_json() + "\n")
            stats.add(kept)
            written.records += 1
    shards.close()
    if not written.records:
        raise DataError(
            "there is no record to release"
            + "".join(f"; {count} {name}" for name, count in written.passed_over.items()),
            "review drafts first, or release unreviewed ones with --all",
        )
    told = stats.told()
    about: JsonObject = {
        "name": release.name,
        "version": release.version,
        "parent": release.parent,
        "schema_version": SHARD_SCHEMA_VERSION,
        "licence": release.licence,
        "records": written.records,
        "images": {"mode": images, **dict(written.images)},
        "passed_over": dict(written.passed_over),
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "stats": told,
    }
    _dump(part / "release.json", about)
    card = data_card(release.name, release.version, release.licence, release.about, told, shards.splits())
    (part / "README.md").write_text(card, encoding="utf-8")
    _write_sums(part)
    written.files = sorted(str(path.relative_to(part)) for path in part.rglob("*") if path.is_file())
    return written


class _Shards:
    """Parquet files by split, `data/SPLIT-00000.parquet`, written a group of rows at a time."""

    def __init__(self, folder: Path, *, embed: bool) -> None:
        self._folder = folder / "data"
        self._folder.mkdir()
        self._schema = schema_with_images() if embed else SCHEMA
        self._most = ROWS_WITH_IMAGES if embed else ROWS
        self._rows: dict[str, list[JsonObject]] = {}
        self._open: dict[str, pq.ParquetWriter] = {}
        self._in_shard: Counter[str] = Counter()
        self._shards: Counter[str] = Counter()

    def splits(self) -> list[str]:
        """Splits that have records, in the usual order."""
        return [split for split in SPLITS if self._shards[split]]

    def add(self, record: ChainRecord, image: bytes | None) -> None:
        split = record.image.split or "all"
        rows = self._rows.setdefault(split, [])
        rows.append(to_row(record, image))
        if len(rows) >= min(GROUP, self._most):
            self._flush(split)

    def close(self) -> None:
        for split in list(self._rows):
            self._flush(split)
        for writer in self._open.values():
            writer.close()

    def _flush(self, split: str) -> None:
        rows = self._rows[split]
        if not rows:
            return
        if split not in self._open:
            path = self._folder / f"{split}-{self._shards[split]:05}.parquet"
            self._open[split] = pq.ParquetWriter(path, self._schema, compression="zstd")
            self._shards[split] += 1
        self._open[split].write_table(pa.Table.from_pylist(rows, schema=self._schema))
        self._in_shard[split] += len(rows)
        rows.clear()
        if self._in_shard[split] >= self._most:
            self._open.pop(split).close()
            self._in_shard[split] = 0


def _image(
    record: ChainRecord, images: Images, path_of: Callable[[ChainRecord], Path], written: Written
) -> bytes | None:
    """The image through the path of all images, if it is to be in the release and may be."""
    if images == "reference":
        written.images["referred to"] += 1
        return None
    if not may_ship(record.image.licence):
        written.images["referred to, licence does not allow copies"] += 1
        return None
    try:
        jpeg = level(load_image(path_of(record)).pixels)
    except ImageError:
        written.images["referred to, file unreadable"] += 1
        return None
    written.images["included"] += 1
    return jpeg


def _referring(record: ChainRecord, copy: bytes | None, part: Path) -> ChainRecord:
    """The record with a path that means something outside this machine: a copy in the release, or none."""
    path = ""
    if copy is not None:
        path = f"images/{record.image.id}.jpg"
        (part / "images").mkdir(exist_ok=True)
        (part / path).write_bytes(copy)
    return record.model_copy(update={"image": record.image.model_copy(update={"path": path})})


def _dump(path: Path, value: JsonObject) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_sums(part: Path) -> None:
    """SHA-256 of every file, in the form of `sha256sum -c`."""
    paths = sorted(path for path in part.rglob("*") if path.is_file())
    sums = [f"{sha256_of(path)}  {path.relative_to(part).as_posix()}\n" for path in paths]
    (part / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
