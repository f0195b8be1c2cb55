"""Gather training images from public repositories and packages, all through one path.

    python -m fakescope.train.collect --sources configs/train/nano-sources.csv --out DIR --labels SEED/labels.csv

Writes OUT/images/ID.jpg, OUT/manifest.csv and OUT/collected.json (what was dropped and why). Both tables are
replaced whole after each source, so a run that was cut off goes on with the source that it had not finished.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, TaskID

from fakescope.chain.collect.repositories import Places, open_source
from fakescope.chain.collect.rules import Rule, read_rules
from fakescope.errors import DataError, FakescopeError
from fakescope.train.collect_images import reference_hashes
from fakescope.train.collect_take import COLUMNS, Known, Result, Row, take_source


class Collection:
    """A folder of collected images that is complete for whole sources at a time.

    Raises:
        DataError: Its tables cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "images").mkdir(parents=True, exist_ok=True)
        self._state = _read_state(folder / "collected.json")
        self._rows = _read_rows(folder / "manifest.csv")

    def has(self, source: str, digest: str) -> bool:
        """Whether the source was collected whole, by the same rules."""
        return bool(self._state.get(source, {}).get("rules") == digest)

    def ids(self, but: str) -> set[str]:
        """Ids of the files of all sources but one."""
        return {row["id"][:12] for row in self._rows if row["source"] != but}

    def write_image(self, part_id: str, jpeg: bytes) -> None:
        """Store one image; its name is made of the id alone."""
        _replace(self.folder / "images" / f"{part_id}.jpg", jpeg)

    def finish(self, source: str, digest: str, result: Result) -> None:
        """Exchange what the manifest says of a source, and drop images that it no longer names."""
        kept = {row["id"] for row in result.rows}
        old = [row["id"] for row in self._rows if row["source"] == source and row["id"] not in kept]
        self._rows = [row for row in self._rows if row["source"] != source] + result.rows
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        writer.writerows(self._rows)
        _replace(self.folder / "manifest.csv", text.getvalue().encode())
        counts = dict(sorted(result.counts.items()))
        self._state[source] = {"rules": digest, "counts": counts, "broken": result.broken}
        _replace(
            self.folder / "collected.json", json.dumps(self._state, indent=1, ensure_ascii=False).encode()
        )
        for name in old:
            (self.folder / "images" / f"{name}.jpg").unlink(missing_ok=True)


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _read_state(path: Path) -> dict[str, Any]:
    try:
        state = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read", "remove it to collect anew") from error
    if not isinstance(state, dict):
        raise DataError(f"{path} is not a table of sources", "remove it to collect anew")
    return state


def _read_rows(path: Path) -> list[Row]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != COLUMNS:
            raise DataError(f"{path} has other columns", f"needed: {','.join(COLUMNS)}")
        return list(reader)


def read_known(labels: Path) -> Known:
    """Ids and splits of `labels.csv`, and hashes of its dev and test images in `images/` beside it.

    Raises:
        DataError: It cannot be read.
    """
    try:
        with labels.open(encoding="utf-8", newline="") as file:
            split = {row["id"]: row["split"] for row in csv.DictReader(file)}
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{labels} cannot be read", "it needs the columns id and split") from error
    ids = (name for name, part in split.items() if part != "train")
    return Known(split, tuple(reference_hashes(labels.parent / "images", ids)))


def collect(
    rules: dict[str, list[Rule]],
    collection: Collection,
    places: Places,
    known: Known,
    jobs: int,
    console: Console,
) -> list[str]:
    """Collect every source that the folder lacks. Returns those that failed; the others are kept."""
    failed: list[str] = []
    absent = 0
    with Progress(console=console, transient=True) as bar:
        all_sources = bar.add_task("sources", total=len(rules))
        for name, own in rules.items():
            task = bar.add_task(escape(name), total=None)

            def step(done: int, total: int, task: TaskID = task) -> None:
                bar.update(task, completed=done, total=total)

            try:
                result = _collect_one(own, collection, places, known, jobs, step)
                absent += result is None
                if result:
                    console.print(_summary(name, result), highlight=False)
            except FakescopeError as error:
                failed.append(name)
                console.print(f"[red]{escape(name)}: {escape(str(error))}", highlight=False)
            bar.remove_task(task)
            bar.advance(all_sources)
    if absent:
        console.print(f"{absent} sources were there already, or are Debian packages that --debian lacks")
    return failed


def _collect_one(
    rules: Sequence[Rule],
    collection: Collection,
    places: Places,
    known: Known,
    jobs: int,
    step: Callable[[int, int], None],
) -> Result | None:
    name, commits = rules[0].source, rules[0].commits
    digest = hashlib.sha256(repr(rules).encode()).hexdigest()[:16]
    if collection.has(name, digest):
        return None
    source = open_source(name, commits, places)
    if source is None:
        return None
    taken = collection.ids(but=name)
    result = take_source(
        rules, source, collection.write_image, taken=taken, known=known, jobs=jobs, step=step
    )
    collection.finish(name, digest, result)
    return result


def _summary(name: str, result: Result) -> str:
    counts = ", ".join(f"{reason} {number}" for reason, number in sorted(result.counts.items()) if number)
    lines = [f"{escape(name)}: {counts}"]
    lines += [f"  broken: {escape(path)}: {escape(reason)}" for path, reason in result.broken[:10]]
    if len(result.broken) > 10:
        lines.append(f"  and {len(result.broken) - 10} more, see collected.json")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fakescope.train.collect", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--sources", type=Path, required=True, help="table of sources")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of images/, manifest.csv, collected.json"
    )
    parser.add_argument("--mirror", type=Path, help="folder of bare repositories named owner+name")
    parser.add_argument(
        "--debian", type=Path, help="folder of unpacked Debian packages, each named as the package"
    )
    parser.add_argument("--cache", type=Path, help="folder of clones (default: OUT/repositories)")
    parser.add_argument(
        "--labels", type=Path, help="labels.csv beside images/: keep clear of its dev and test images"
    )
    parser.add_argument("--only", action="append", default=[], help="this source alone; may be repeated")
    parser.add_argument("--most", type=int, help="at most so many images of each row of the table")
    parser.add_argument("--jobs", type=int, default=2, help="images decoded at a time")
    return parser


def _chosen(options: argparse.Namespace) -> dict[str, list[Rule]]:
    rules = read_rules(options.sources)
    if missing := [name for name in options.only if name not in rules]:
        raise DataError(f"{options.sources.name} has no source {', '.join(missing)}", "check the spelling")
    chosen = {name: own for name, own in rules.items() if not options.only or name in options.only}
    if options.most is None:
        return chosen
    return {
        name: [replace(r, most=options.most if r.most is None else min(r.most, options.most)) for r in own]
        for name, own in chosen.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; 0 if every source that is there was collected."""
    options = _parser().parse_args(arguments)
    console = Console(stderr=True)
    try:
        rules = _chosen(options)
        collection = Collection(options.out)
        places = Places(options.cache or options.out / "repositories", options.mirror, options.debian)
        known = read_known(options.labels) if options.labels else Known()
        return 1 if collect(rules, collection, places, known, max(1, options.jobs), console) else 0
    except FakescopeError as error:
        console.print(f"[red]{escape(str(error))}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
