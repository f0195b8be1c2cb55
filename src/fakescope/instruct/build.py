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
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fakescope.chain.release.read import read_about
from fakescope.chain.release.shards import from_row
from fakescope.errors import DataError
from fakescope.files import sha256_of
from fakescope.instruct.compose import PAPERS, Composer, Quota
from fakescope.instruct.facts import Facts, facts_of
from fakescope.instruct.read import MANIFEST, read_manifest
from fakescope.instruct.rows import COUNTS_KEY, SCHEMA_VERSION, TASK_KEY, Row, to_batch
from fakescope.instruct.survey import Survey
from fakescope.records import JsonObject

SPLITS = ("train", "dev")
"""The test split is refused."""

WRITER = "grammar"
_TORN = re.compile(r"(train|dev)-\d{5,}\.parquet\.part")
"""What a build leaves that was killed while it wrote."""
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
    _make_room(plan, blocks)
    built = Built()
    files: list[JsonObject] = []
    for counts in run.map(_Maker(plan, found, task), blocks):
        _count(built, counts)
        files.append(
            {name: counts[name] for name in ("name", "records", "instructions", "size_bytes", "sha256")}
        )
        on_shard(counts["records"])
    _write_images(plan, blocks)
    rounds = {label.value: found.rounds(label, plan.even) for label in found.records}
    _write_manifest(plan, built, files, task, rounds)
    return built


def blocks_of(plan: Plan) -> Iterator[Block]:
    """The row groups of a release, in their order.

    Raises:
        DataError: It is no release, or holds none of the splits.
    """
    read_about(plan.release)
    number: Counter[str] = Counter()
    for split in dict.fromkeys(plan.splits):
        if split not in SPLITS:
            raise DataError(f"instructions are not made of the split {split}", f"use {' or '.join(SPLITS)}")
        for path in sorted((plan.release / "data").glob(f"{split}-*.parquet")):
            with _open(path) as shard:
                groups = shard.num_row_groups
            for group in range(groups):
                yield Block(path, group, split, number[split])
                number[split] += 1


def rows_in(blocks: Iterable[Block]) -> int:
    """How many rows of a release the blocks hold; those without a label give nothing."""
    return sum(_open(block.path).metadata.row_group(block.group).num_rows for block in blocks)


def facts_of_block(block: Block) -> list[Facts]:
    """The facts of all labelled records of a row group."""
    rows = _read_group(block, _COLUMNS).to_pylist()
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
            yield from _map_in_processes(function, blocks, self._workers)


def _map_in_processes(
    function: Callable[[Block], Any], blocks: Sequence[Block], workers: int
) -> Iterator[Any]:
    """Results in order. Whatever ends it early, Ctrl-C too, ends the workers; what they were at is not kept."""
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, context, _set_function, (function,))
    try:
        yield from pool.map(_call_function, blocks)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    pool.shutdown()


_function: Callable[[Block], Any] | None = None


def _set_function(function: Callable[[Block], Any]) -> None:
    """In a worker. Ctrl-C reaches all processes of a terminal; the first one alone decides what it means."""
    global _function
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _function = function


def _call_function(block: Block) -> Any:
    assert _function is not None
    return _function(block)


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _read_group(block: Block, columns: Sequence[str]) -> pa.Table:
    with _open(block.path) as shard:
        held = [name for name in columns if name in shard.schema_arrow.names]
        try:
            return shard.read_row_group(block.group, columns=held)
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"{block.path} cannot be read: {error}") from error


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
    return {**counts, "size_bytes": path.stat().st_size, "sha256": sha256_of(path)}


def _count(built: Built, counts: JsonObject) -> None:
    built.records += counts["records"]
    built.instructions += counts["instructions"]
    for name in ("forms", "answers", "dropped"):
        getattr(built, name).update(counts[name])
    built.found += counts["found"]
    built.made += 1 - counts["found"]


def _task_of(plan: Plan, blocks: Iterable[Block]) -> str:
    """Names everything that decides what is in a shard: release, seed, quota, and the code that writes."""
    digest = hashlib.sha256(
        json.dumps([asdict(plan.quota), plan.seed, plan.even, sorted(set(plan.splits))]).encode()
    )
    for path in sorted({block.path for block in blocks}):
        digest.update(f"{path.name}\0{sha256_of(path)}\0".encode())
    digest.update(code_hash().encode())
    return digest.hexdigest()


WRITING = (
    "facts", "grammar", "phrasing", "wordings", "trace_words", "survey", "deal", "judgement", "reasoning", "traces",
    "choice", "discussion", "knowledge", "compose", "made", "rows", "build",
)  # fmt: skip
"""Modules of this package that decide what is in a shard."""

BESIDES = ("fakescope.taxonomy", "fakescope.explain.parse", "fakescope.chain.release.shards")
"""Modules elsewhere whose words or numbers go into texts."""


@cache
def code_hash() -> str:
    """Of the code and knowledge that instructions are written with."""
    here, prompts = resources.files("fakescope.instruct"), resources.files("fakescope.prompts")
    root = resources.files("fakescope")
    held = [here.joinpath(f"{name}.py") for name in WRITING]
    held += [root.joinpath(*name.split(".")[1:-1], f"{name.split('.')[-1]}.py") for name in BESIDES]
    held += [one for one in prompts.iterdir() if one.name.endswith(".py")]
    held += [one for one in here.iterdir() if one.name.endswith(".yaml")]
    held += [one for one in here.joinpath("known").iterdir() if one.name.endswith(".yaml")]
    digest = hashlib.sha256()
    for name, content in sorted((one.name, one.read_bytes()) for one in held):
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()[:16]


def _make_room(plan: Plan, blocks: Sequence[Block]) -> None:
    """Make the folder, and take away what earlier builds have left, so that it never holds two sets at once.

    Raises:
        DataError: It cannot be made, is the release or holds it, or holds files that no build has made; then nothing is
            taken away.
    """
    out, release = plan.out.resolve(), plan.release.resolve()
    if out == release or out in release.parents or release in out.parents:
        raise DataError(f"{plan.out} holds the release, or lies in it", "choose another folder")
    names = {block.name for block in blocks}
    try:
        (out / "data").mkdir(parents=True, exist_ok=True)
        held = sorted((out / "data").iterdir())
        ours = {path for path in held if _is_shard(path)}
        finished = bool(ours) or _is_set(out)
        for path in held:
            torn = _TORN.fullmatch(path.name) or (finished and path.name in names)
            if path not in ours and not torn:
                raise DataError(f"{path} is not of a build", "choose an empty folder")
        (out / MANIFEST).unlink(missing_ok=True)
        for path in held:
            if path.name not in names:
                path.unlink()
    except OSError as error:
        raise DataError(
            f"{plan.out} cannot be written to: {error.strerror}", "choose another folder"
        ) from error


def _is_shard(path: Path) -> bool:
    """Whether a build wrote it."""
    try:
        return TASK_KEY in (pq.read_schema(path).metadata or {})
    except (OSError, pa.ArrowException):
        return False


def _is_set(folder: Path) -> bool:
    """Whether a finished set lies there."""
    try:
        read_manifest(folder)
    except DataError:
        return False
    return True


def _write_images(plan: Plan, blocks: Iterable[Block]) -> None:
    """The table of images that the instructions are about."""
    part = plan.out / "images.parquet.part"
    writer: pq.ParquetWriter | None = None
    for block in blocks:
        table = _read_group(block, _IMAGE_COLUMNS).replace_schema_metadata()
        writer = writer or pq.ParquetWriter(part, table.schema, compression="zstd")
        writer.write_table(table)
    if writer:
        writer.close()
        os.replace(part, plan.out / "images.parquet")


def _write_manifest(
    plan: Plan, built: Built, files: list[JsonObject], task: str, rounds: dict[str, float]
) -> None:
    about = read_about(plan.release)
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "release": {name: about.get(name) for name in ("name", "version", "licence")},
        "quota": asdict(plan.quota),
        "seed": plan.seed,
        "even": plan.even,
        "rounds": rounds,
        "splits": list(dict.fromkeys(plan.splits)),
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
