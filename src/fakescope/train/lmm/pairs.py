"""Pairs of accepted and rejected descriptions, from a FakeChain release to a folder, and from there to training.

OUT/data/SPLIT-00000.parquet   pairs
OUT/images.parquet             the images, as in a set of instructions
OUT/pairs.json                 list of contents, written last
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fakescope.chain.release.read import read_about, read_release
from fakescope.chain.release.shards import SCHEMA as RELEASE_SCHEMA
from fakescope.chain.release.shards import to_row
from fakescope.errors import DataError, MissingExtraError
from fakescope.files import sha256_of
from fakescope.instruct.build import SPLITS
from fakescope.prompts.product import DESCRIBE_PROMPT
from fakescope.records import JsonObject
from fakescope.train.lmm.pair_rules import Pair, pairs_of

MANIFEST = "pairs.json"
IMAGES = "images.parquet"
SCHEMA_VERSION = 1
COLUMNS = ("id", "image", "kind", "prompt", "chosen", "rejected")
IMAGE_COLUMNS = (
    "id", "split", "label", "path", "sha256", "phash", "generator", "source", "licence", "width_px", "height_px",
)  # fmt: skip
IMAGE_SCHEMA = pa.schema([RELEASE_SCHEMA.field(name) for name in IMAGE_COLUMNS])
PAGE = 5_000
_MESSAGE = pa.struct([pa.field(name, pa.string(), nullable=False) for name in ("role", "content")])
_TEXTS = ("split", "kind", "chosen", "rejected", "chosen_draft", "rejected_draft", "reason")
SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("image", pa.string(), nullable=False),
        pa.field("prompt", pa.list_(_MESSAGE), nullable=False),
        *(pa.field(name, pa.string(), nullable=False) for name in _TEXTS),
    ],
    metadata={b"fakescope_pairs_schema": str(SCHEMA_VERSION).encode()},
)


@dataclass
class Paired:
    """What a set of pairs holds, and what was left out.

    Attributes:
        records: Of the release, in the splits.
        images: That have a pair.
        pairs: By split.
        kinds: By how they came about.
        dropped: Left out, by reason.
    """

    records: int = 0
    images: int = 0
    pairs: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)


def make_pairs(release: Path, out: Path, splits: Sequence[str] = SPLITS) -> Paired:
    """Make the pairs of a release. The same release gives the same bytes.

    Args:
        release: Folder of a FakeChain release.
        out: Must not exist, be empty, or hold an earlier set of pairs, which is replaced.
        splits: train, dev, or both; the test split is refused.

    Raises:
        DataError: The release cannot be read or gives no pair, or the folder holds something else.
    """
    for split in splits:
        if split not in SPLITS:
            raise DataError(f"pairs are not made of the split {split}", f"use {' or '.join(SPLITS)}")
    about = read_about(release)
    _require_free(out, release)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        paired, files = _write(release, part, list(dict.fromkeys(splits)))
        source = {name: about.get(name) for name in ("name", "version", "licence")}
        manifest = _manifest(paired, source | {"sha256": sha256_of(release / "release.json")}, files)
        (part / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        part.chmod(0o755)
        if out.exists():
            shutil.rmtree(out)
        part.replace(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return paired


def read_manifest(folder: Path) -> JsonObject:
    """The list of contents of a set of pairs.

    Raises:
        DataError: The folder holds no finished set, or one of another schema.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{folder} holds no finished pairs: {error}", "make them with `fakescope train pairs`"
        ) from error
    if not isinstance(manifest, dict) or manifest.get("schema_version") != SCHEMA_VERSION:
        raise DataError(
            f"{folder / MANIFEST} is not of schema version {SCHEMA_VERSION}", "make the pairs anew"
        )
    return manifest


def load_pairs(folder: Path, split: str, *, limit: int | None = None, seed: int = 0) -> Any:
    """Pairs of a split as a `datasets.Dataset` with `COLUMNS` and `length`, in an order that the seed settles.

    Args:
        folder: A set that `make_pairs` made.
        split: train or dev.
        limit: At most so many.
        seed: Settles the order, and which ones are within the limit.

    Raises:
        DataError: It is no finished set, or has no pair of that split.
        MissingExtraError: The library is not installed.
    """
    try:
        from datasets import load_dataset
    except ModuleNotFoundError as error:
        raise MissingExtraError("training on preferences", "tune") from error
    read_manifest(folder)
    files = sorted(map(str, (folder / "data").glob(f"{split}-*.parquet")))
    if not files:
        raise DataError(f"{folder} has no pairs of the split {split}")
    rows = load_dataset("parquet", data_files=files, split="train", columns=list(COLUMNS)).shuffle(seed=seed)
    rows = rows if limit is None else rows.select(range(min(limit, len(rows))))
    return rows.map(_lengths, batched=True, input_columns=["chosen", "rejected"])


def _lengths(chosen: Sequence[str], rejected: Sequence[str]) -> dict[str, list[int]]:
    """Characters of the longer text, for batches of like length."""
    return {"length": [max(map(len, pair)) for pair in zip(chosen, rejected, strict=True)]}


def _require_free(out: Path, release: Path) -> None:
    here, there = out.resolve(), release.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise DataError(f"{out} holds the release, or lies in it", "choose another folder")
    if out.is_dir() and any(out.iterdir()):
        read_manifest(out)
    elif out.exists() and not out.is_dir():
        raise DataError(f"{out} is a file", "choose another folder")


def _write(release: Path, part: Path, splits: Sequence[str]) -> tuple[Paired, list[JsonObject]]:
    """Data and images; nothing of a split without pairs."""
    paired = Paired()
    (part / "data").mkdir()
    with pq.ParquetWriter(part / IMAGES, IMAGE_SCHEMA, compression="zstd") as images:
        for split in splits:
            pairs = _read_split(release, split, paired, images)
            if pairs:
                table = pa.Table.from_pylist([_to_row(pair) for pair in pairs], schema=SCHEMA)
                pq.write_table(table, part / "data" / f"{split}-00000.parquet", compression="zstd")
    if not paired.pairs.total():
        left = "".join(f"; {count} {reason}" for reason, count in paired.dropped.most_common())
        raise DataError(
            f"{release} gives no pairs{left}",
            "images are needed of which people took one draft and rejected another, or revised one",
        )
    names = [path.relative_to(part).as_posix() for path in sorted((part / "data").iterdir())]
    files = [
        {"name": name, "size_bytes": (part / name).stat().st_size, "sha256": sha256_of(part / name)}
        for name in [*names, IMAGES]
    ]
    return paired, files


def _read_split(release: Path, split: str, paired: Paired, images: pq.ParquetWriter) -> list[Pair]:
    """The pairs of a split. All its labelled images go into the table: dev is looked at whether it has pairs or not."""
    found: list[Pair] = []
    page: list[JsonObject] = []
    for record in read_release(release, split):
        paired.records += 1
        if record.image.split != split:  # a row in a shard of another split
            paired.dropped["record in another split's shard"] += 1
            continue
        pairs = pairs_of(record, paired.dropped)
        paired.images += bool(pairs)
        paired.kinds.update(pair.kind for pair in pairs)
        found += pairs
        if record.image.label is not None:
            row = to_row(record)
            page.append({name: row[name] for name in IMAGE_COLUMNS})
        if len(page) >= PAGE:
            images.write_table(pa.Table.from_pylist(page, schema=IMAGE_SCHEMA))
            page.clear()
    if page:
        images.write_table(pa.Table.from_pylist(page, schema=IMAGE_SCHEMA))
    paired.pairs[split] += len(found)
    return found


def _to_row(pair: Pair) -> JsonObject:
    return {**pair._asdict(), "prompt": [{"role": "user", "content": DESCRIBE_PROMPT}]}


def _manifest(paired: Paired, source: JsonObject, files: list[JsonObject]) -> JsonObject:
    return {
        "schema_version": SCHEMA_VERSION,
        "release": source,
        "records": paired.records,
        "images": paired.images,
        "pairs": dict(+paired.pairs),
        "kinds": dict(sorted(paired.kinds.items())),
        "dropped": dict(sorted((+paired.dropped).items())),
        "files": files,
    }
