"""Reword a set of instructions: ask for what was not asked yet, then write the set that the replies give.

    set -> chosen instructions -> pieces -> requests not made yet -> writer -> cache
    set + cache -> checks -> another set, of the same schema

Both walk through the set once; memory does not grow with it. A run that is killed goes on with the same command, asks
for nothing twice but what was on its way, and writes the same files as one that was not.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from fakescope.chain.enlighten.ask import Patience
from fakescope.chain.enlighten.budget import Budget
from fakescope.chain.teachers.base import Teacher
from fakescope.chain.teachers.open import open_teacher
from fakescope.errors import DataError
from fakescope.instruct.read import MANIFEST, read_manifest
from fakescope.instruct.rewrite.ask import PROMPT_VERSION, Asker, Outcome
from fakescope.instruct.rewrite.assemble import Assembly, Tally, open_shard, rows_of, shards_of
from fakescope.instruct.rewrite.cache import Cache
from fakescope.instruct.rewrite.flow import Asking
from fakescope.instruct.rewrite.pieces import Piece, pieces_of
from fakescope.records import JsonObject, Part

CACHE = "replies.sqlite3"
ROWS = 100
"""Instructions that are looked at in one go."""

WRITES_ALL_THE_SAME = (None, "budget")
"""After any other stop, the set is not written: the same command goes on."""


@dataclass(frozen=True)
class Writer:
    """Who rewords: a model behind a server.

    Attributes:
        spec: `openai:MODEL` for any OpenAI-compatible server, or another hosted teacher.
        url: The server's address, where it is not the provider's own. The provider's own key is not sent there.
        key_env: Environment variable that holds the key; by default the provider's own. Keys are never written.
        timeout_s: Longest time for one request.
    """

    spec: str
    url: str | None = None
    key_env: str | None = None
    timeout_s: float = 120.0

    def open(self) -> Teacher:
        """Ready to be asked.

        Raises:
            ModelError: The specification cannot be read, or the key is missing.
            DataError: It is a model on this machine, which rewords nothing.
            MissingExtraError: Its packages are not installed.
        """
        if self.spec.partition(":")[0] in ("nano", "hf"):
            raise DataError(
                f"{self.spec} cannot reword texts", "use openai:MODEL, with --url for a server of your own"
            )
        return open_teacher(self.spec, url=self.url, key_env=self.key_env, timeout_s=self.timeout_s)


@dataclass(frozen=True)
class Choice:
    """Which instructions are reworded.

    Attributes:
        share: Of them, in (0, 1]; settled by the id of each, whatever its class.
        parts: Parts or forms, such as `traces` or `traces.free`; empty for all.
        limit: The first so many of those.
    """

    share: float = 1.0
    parts: tuple[str, ...] = ()
    limit: int | None = None

    def begin(self) -> Callable[[JsonObject], bool]:
        """For one pass through a set: whether an instruction is chosen, asked in order."""
        left = self.limit

        def chosen(row: JsonObject) -> bool:
            nonlocal left
            if left == 0 or (self.parts and not {row["part"], row["form"]} & set(self.parts)):
                return False
            if _fraction(row["id"]) >= self.share or not pieces_of(row):
                return False
            left = None if left is None else left - 1
            return True

        return chosen


@dataclass
class Rewritten:
    """Counts of a run.

    Attributes:
        asked: Requests in this run, but for attempts after the first.
        known: Pieces that were asked for before, `known_failed` of them in vain. A text that stands in several
            instructions counts in each.
        failed: Requests given up, by the last fault.
        faults: All failed attempts, by name.
        cost: Of this run.
        stopped: Why it ended early: `budget`, `interrupted`, `not_allowed`, `unreachable`.
        tally: What became of the set; None where it was not written.
    """

    asked: int = 0
    known: int = 0
    known_failed: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    stopped: str | None = None
    tally: Tally | None = None

    def add(self, outcome: Outcome) -> None:
        """Count one request."""
        self.asked += 1
        self.faults.update(outcome.faults)
        if outcome.kept.fault:
            self.failed[outcome.kept.fault] += 1
        self.tokens_in += outcome.kept.tokens_in
        self.tokens_out += outcome.kept.tokens_out
        self.cost += outcome.cost

    def add_known(self, fault: str | None) -> None:
        """Count a piece that was asked for before."""
        self.known += 1
        self.known_failed += fault is not None


def rewrite_set(
    folder: Path,
    out: Path,
    writer: Writer | Teacher,
    *,
    share: float = 1.0,
    parts: tuple[str, ...] = (),
    limit: int | None = None,
    patience: Patience | None = None,
    budget: Budget | None = None,
    concurrency: int = 8,
    retry_failed: bool = False,
    on_done: Callable[[int], None] = lambda instructions: None,
    on_stop: Callable[[], None] = lambda: None,
) -> Rewritten:
    """Reword a set of instructions.

    A rewording is taken only if it passes `faithful`: a guard, no proof. What does not pass, and what no reply came
    for, stays as it was and is counted by name; an instruction without anything new keeps its writer. Questions and
    answers are taken or left apart, so that a question never tells what its answer is.

    Args:
        folder: The set.
        out: Where the other one goes, with the file of replies beside it.
        writer: Who rewords.
        share: Of the instructions, settled by their ids.
        parts: Only these parts or forms.
        limit: At most so many instructions, the first.
        patience: How often and how fast is asked.
        budget: Limits. When they are reached, the set is written with what is there.
        concurrency: Requests on their way at a time.
        retry_failed: Ask those again that failed in an earlier run.
        on_done: Told how many more instructions were looked at.
        on_stop: Called at the first Ctrl-C, which ends the run in order: what was sent is awaited and kept, and the
            set is not written; the same call goes on. A second one aborts.

    Raises:
        DataError: The set cannot be read, or `out` holds something else.
        ModelError: The writer cannot be opened.
        MissingExtraError: Its packages are not installed.
    """
    choice = Choice(share, parts, limit)
    manifest = read_manifest(folder)
    _prepare(folder, out, manifest, choice)
    teacher = writer.open() if isinstance(writer, Writer) else writer
    summary = Rewritten()
    with Cache(out / CACHE) as cache:

        async def ask() -> str | None:
            asker = Asker(teacher, patience or Patience(), budget or Budget())
            asking = Asking(asker, cache, concurrency, retry_failed, summary.add_known, summary.add, on_stop)
            try:
                return await asking.run(_pages(folder, choice, on_done))
            finally:
                await teacher.close()

        summary.stopped = asyncio.run(ask())
        if summary.stopped in WRITES_ALL_THE_SAME:
            about: JsonObject = {
                "of": manifest.get("task"),
                "writer": teacher.name,
                "prompt": PROMPT_VERSION,
                "share": share,
                "parts": list(parts),
                "limit": limit,
            }
            task = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
            assembly = Assembly(folder, out, teacher.name, task, choice.begin())
            summary.tally = assembly.run(cache, manifest, about)
    return summary


def _pages(folder: Path, choice: Choice, on_done: Callable[[int], None]) -> Iterator[list[Piece]]:
    chosen = choice.begin()
    columns = ["id", "part", "form", "answer", "messages"]
    for path in shards_of(folder):
        with open_shard(path) as shard:
            for rows in rows_of(shard, path, columns, ROWS):
                yield [piece for row in rows if chosen(row) for piece in pieces_of(row)]
                on_done(len(rows))


def _prepare(folder: Path, out: Path, manifest: JsonObject, choice: Choice) -> None:
    if not 0.0 < choice.share <= 1.0:
        raise DataError(f"a share of {choice.share} is none", "more than 0, at most 1")
    known = {*get_args(Part), *manifest.get("forms", {})}
    if unknown := sorted(set(choice.parts) - known):
        raise DataError(f"the set has no {unknown[0]}", f"it has {', '.join(sorted(known))}")
    if out.resolve() == folder.resolve():
        raise DataError("a set cannot be reworded in its own folder", "choose another one")
    if (out / MANIFEST).exists() and "rewrite" not in read_manifest(out):
        raise DataError(f"{out} holds another set", "choose another folder")
    if not (out / CACHE).exists() and (out / "data").is_dir() and any((out / "data").iterdir()):
        raise DataError(f"{out} holds something else", "choose another folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{out} cannot be made: {error}") from error
    # A folder never holds a list of contents beside shards that are not of it.
    (out / MANIFEST).unlink(missing_ok=True)


def _fraction(id: str) -> float:
    digest = hashlib.blake2b(f"rewrite:{id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
