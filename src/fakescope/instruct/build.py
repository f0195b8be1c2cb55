"""FakeInstruct from a FakeChain release: shard by shard, in any number of processes, resumed after a kill.

A shard is made of one row group of the release (up to 500 records) and depends on nothing but the release, the seed,
the quota and this code, so the same files come out whoever made which, and in whatever order. The list of contents is
written last.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fakescope.chain.release.read import read_about
from fakescope.chain.release.shards import from_row
from fakescope.errors import DataError
from fakescope.instruct.compose import PAPERS, Composer, Quota
from fakescope.instruct.facts import Facts, facts_of
from fakescope.instruct.read import MANIFEST
from fakescope.instruct.rows import COUNTS_KEY, SCHEMA_VERSION, TASK_KEY, Row, to_batch
from fakescope.instruct.survey import Survey
from fakescope.records import JsonObject

SPLITS = ("train", "dev")
"""The test split gives nothing, even when it is asked for."""

WRITER = "grammar"
_COLUMNS = (
    "id", "split", "label", "path", "sha256", "source", "licence", "generator", "subject", "kind", "description",
    "limits", "advice", "blind_p_fake", "traces", "width_px", "height_px",
)  # fmt: skip
_IMAGE_COLUMNS = (
    "id",
    "split",
    "label",
    "path",
    "sha256",
    "phash",
    "generator",
    "source",
    "licence",
    "width_px",
    "height_px",
)


@dataclass(frozen=True)
class Block:
    """One row group of a release, and the shard that is made of it."""

    path: Path
    group: int
    split: str
    number: int

    @property
    def name(self) -> str:
        """Of the shard."""
        return f"{self.split}-{self.number:05d}.parquet"


@dataclass(frozen=True)
class Plan:
    """What is to be made.

    Attributes:
        release: Folder of a FakeChain release.
        out: Folder of the instructions.
        splits: Of `SPLITS`.
        even: Give the rarer class as many instructions as the other one.
    """

    release: Path
    out: Path
    quota: Quota = PAPERS
    seed: int = 0
    even: bool = True
    splits: tuple[str, ...] = SPLITS


@dataclass
class Built:
    """What a build holds, and what it left out."""

    records: int = 0
    instructions: int = 0
    forms: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    made: int = 0
    found: int = 0


def build(
    plan: Plan,
    *,
    workers: int = 1,
    on_ray: bool = False,
    on_shard: Callable[[int], None] = lambda records: None,
) -> Built:
    """Build all shards that are not there yet, then the table of images and the list of contents.

    Args:
        plan: What is to be made.
        workers: Processes.
        on_ray: Use the workers of a Ray cluster, which must reach both folders by the same paths.
        on_shard: Told the records of each shard as it is there.

    Raises:
        DataError: The release cannot be read or has nothing to use, or the folder holds something else.
        MissingExtraError: Ray is asked for and not installed.
    """
    blocks = list(blocks_of(plan))
    run = _Run(plan, workers, on_ray)
    found = Survey()
    for part in run.map(_Surveyor(plan.release), blocks):
        found.merge(part)
    if not found.records:
        raise DataError(f"{plan.release} has no labelled record in {' or '.join(plan.splits)}")
    task = _task_of(plan, blocks)
    (plan.out / "data").mkdir(parents=True, exist_ok=True)
    _clear(plan, blocks)
    built = Built()
    files: list[JsonObject] = []
    for counts in run.map(_Maker(plan, found, task), blocks):
        _count(built, counts)
        files.append(
            {name: counts[name] for name in ("name", "records", "instructions", "size_bytes", "sha256")}
        )
        on_shard(counts["records"])
    _write_images(plan, blocks)
    _write_manifest(plan, built, files, task)
    return built


def blocks_of(plan: Plan) -> Iterator[Block]:
    """The row groups of a release, in their order.

    Raises:
        DataError: It is no release, or holds none of the splits.
    """
    read_about(plan.release)
    number: Counter[str] = Counter()
    for split in plan.splits:
        if split not in SPLITS:
            raise DataError(f"instructions are not made of the split {split}", f"use {' or '.join(SPLITS)}")
        for path in sorted((plan.release / "data").glob(f"{split}-*.parquet")):
            with _open(path) as shard:
                groups = shard.num_row_groups
            for group in range(groups):
                yield Block(path, group, split, number[split])
                number[split] += 1


def facts_of_block(block: Block) -> list[Facts]:
    """The facts of all labelled records of a row group."""
    with _open(block.path) as shard:
        columns = [name for name in _COLUMNS if name in shard.schema_arrow.names]
        rows = shard.read_row_group(block.group, columns=columns).to_pylist()
    try:
        facts = [facts_of(from_row(row)) for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{block.path.name} holds a row that is no record: {str(error).splitlines()[0]}"
        ) from error
    return [one for one in facts if one is not None and one.split == block.split]


class _Surveyor:
    """Looks at a block."""

    def __init__(self, release: Path) -> None:
        self._release = release

    def __call__(self, block: Block) -> Survey:
        found = Survey()
        for facts in facts_of_block(block):
            found.add(facts)
        return found


class _Maker:
    """Makes a shard, or finds it made."""

    def __init__(self, plan: Plan, survey: Survey, task: str) -> None:
        self._plan, self._survey, self._task = plan, survey, task
        self._composer: Composer | None = None

    def __call__(self, block: Block) -> JsonObject:
        path = self._plan.out / "data" / block.name
        known = _counts_in(path, self._task)
        if known is not None:
            return _with_sum(path, {**known, "name": block.name, "found": 1})
        composer = self._composer or Composer(
            self._survey, self._plan.quota, self._plan.seed, self._plan.even
        )
        self._composer = composer
        rows: list[Row] = []
        dropped: Counter[str] = Counter()
        facts = facts_of_block(block)
        for one in facts:
            rows.extend(composer.rows(one, dropped))
        counts: JsonObject = {
            "records": len(facts),
            "instructions": len(rows),
            "forms": Counter(row.made.form for row in rows),
            "answers": Counter(f"{row.made.form}: {row.made.answer}" for row in rows if row.made.answer),
            "dropped": +dropped,
        }
        metadata = {TASK_KEY: self._task.encode(), COUNTS_KEY: json.dumps(counts, sort_keys=True).encode()}
        _write(to_batch(rows, WRITER, metadata), path)
        return _with_sum(path, {**counts, "name": block.name, "found": 0})


class _Run:
    """Maps blocks in this process, in several, or on Ray; results come in the order of the blocks."""

    def __init__(self, plan: Plan, workers: int, on_ray: bool) -> None:
        self._workers, self._on_ray = workers, on_ray

    def map(self, function: Callable[[Block], Any], blocks: Sequence[Block]) -> Iterator[Any]:
        if self._on_ray:
            from fakescope.chain.ray_engine import in_order_on_ray

            yield from in_order_on_ray(function, blocks, workers=self._workers)
        elif self._workers == 1 or len(blocks) == 1:
            yield from map(function, blocks)
        else:
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(self._workers, context, _set_function, (function,)) as pool:
                yield from pool.map(_call_function, blocks)


_function: Callable[[Block], Any] | None = None


def _set_function(function: Callable[[Block], Any]) -> None:
    global _function
    _function = function


def _call_function(block: Block) -> Any:
    assert _function is not None
    return _function(block)


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _write(batch: pa.RecordBatch, path: Path) -> None:
    part = path.with_name(path.name + ".part")
    with pq.ParquetWriter(part, batch.schema, compression="zstd") as writer:
        writer.write_batch(batch)
    os.replace(part, path)


def _counts_in(path: Path, task: str) -> JsonObject | None:
    """The counts of a shard that this very task has made; None where there is none."""
    if not path.exists():
        return None
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException):
        return None
    if metadata.get(TASK_KEY) != task.encode():
        return None
    counts: JsonObject = json.loads(metadata[COUNTS_KEY])
    return counts


def _with_sum(path: Path, counts: JsonObject) -> JsonObject:
    with path.open("rb") as held:
        digest = hashlib.file_digest(held, "sha256").hexdigest()
    return {**counts, "size_bytes": path.stat().st_size, "sha256": digest}


def _count(built: Built, counts: JsonObject) -> None:
    built.records += counts["records"]
    built.instructions += counts["instructions"]
    for name in ("forms", "answers", "dropped"):
        getattr(built, name).update(counts[name])
    built.found += counts["found"]
    built.made += 1 - counts["found"]


def _task_of(plan: Plan, blocks: Iterable[Block]) -> str:
    """Names everything that decides what is in a shard: release, seed, quota, and the code that writes."""
    digest = hashlib.sha256(json.dumps([asdict(plan.quota), plan.seed, plan.even, plan.splits]).encode())
    for path in sorted({block.path for block in blocks}):
        with path.open("rb") as held:
            digest.update(path.name.encode() + hashlib.file_digest(held, "sha256").digest())
    digest.update(code_hash().encode())
    return digest.hexdigest()


def code_hash() -> str:
    """Of the code and knowledge that instructions are written with."""
    digest = hashlib.sha256()
    for package in ("fakescope.instruct", "fakescope.prompts"):
        folder = resources.files(package)
        known = folder.joinpath("known")
        files = [*folder.iterdir(), *(known.iterdir() if known.is_dir() else ())]
        for held in sorted(files, key=lambda entry: entry.name):
            if held.name.endswith((".py", ".yaml")):
                digest.update(held.name.encode() + held.read_bytes())
    return digest.hexdigest()[:16]


def _clear(plan: Plan, blocks: Sequence[Block]) -> None:
    """Take away the list of contents and what other builds have left, so that a folder never holds two at once.

    Raises:
        DataError: The folder holds files that no build has made.
    """
    names = {block.name for block in blocks}
    (plan.out / MANIFEST).unlink(missing_ok=True)
    for path in (plan.out / "data").iterdir():
        if path.name.endswith(".part") or (path.suffix == ".parquet" and path.name not in names):
            path.unlink()
        elif path.suffix != ".parquet":
            raise DataError(f"{path} is not of a build", "choose an empty folder")


def _write_images(plan: Plan, blocks: Iterable[Block]) -> None:
    """The table of images that the instructions are about."""
    part = plan.out / "images.parquet.part"
    writer: pq.ParquetWriter | None = None
    for block in blocks:
        with _open(block.path) as shard:
            table = shard.read_row_group(block.group, columns=list(_IMAGE_COLUMNS)).replace_schema_metadata()
        writer = writer or pq.ParquetWriter(part, table.schema, compression="zstd")
        writer.write_table(table)
    if writer:
        writer.close()
        os.replace(part, plan.out / "images.parquet")


def _write_manifest(plan: Plan, built: Built, files: list[JsonObject], task: str) -> None:
    about = read_about(plan.release)
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "release": {name: about.get(name) for name in ("name", "version", "licence")},
        "quota": asdict(plan.quota),
        "seed": plan.seed,
        "even": plan.even,
        "splits": list(plan.splits),
        "writer": WRITER,
        "code": code_hash(),
        "task": task,
        "records": built.records,
        "instructions": built.instructions,
        "forms": dict(sorted(built.forms.items())),
        "answers": dict(sorted(built.answers.items())),
        "dropped": dict(sorted(built.dropped.items())),
        "files": files,
    }
    part = plan.out / f"{MANIFEST}.part"
    part.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(part, plan.out / MANIFEST)
