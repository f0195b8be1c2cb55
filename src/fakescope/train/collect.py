"""Gather training images from public repositories and packages, all through one path.

    python -m fakescope.train.collect --sources configs/train/nano-sources.csv --out data/images --labels SEED/labels.csv

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
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from fakescope.errors import DataError, FakescopeError
from fakescope.images.text import clean_text
from fakescope.train.collect_images import Hash, Prepared, image_id, is_near, prepare, reference_hashes
from fakescope.train.collect_rules import Rule, read_rules
from fakescope.train.collect_sources import Places, Source, SourceFile, open_source

COLUMNS = (
    "id split label generator source commit path licence kind caption original_width original_height "
    "original_format group"
).split()
_POINTER = b"version https://git-lfs.github.com/"
_BATCH_BYTES = 64
Row = dict[str, str]
Candidate = tuple[Rule, str, SourceFile]


@dataclass(frozen=True)
class Known:
    """Images that are spoken for: the split of each id, and hashes of dev and test images."""

    split: dict[str, str] = field(default_factory=dict)
    hashes: tuple[Hash, ...] = ()


@dataclass
class Result:
    """What one source gave: rows of the manifest, counts by reason, and broken files with their reasons."""

    rows: list[Row] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[str, str]] = field(default_factory=list)


class Collection:
    """A folder of collected images that is complete for whole sources at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "images").mkdir(parents=True, exist_ok=True)
        self._state: dict[str, Any] = _read_state(folder / "collected.json")
        self._rows = _read_rows(folder / "manifest.csv")

    def has(self, source: str, digest: str) -> bool:
        """Whether the source was collected whole, by the same rules."""
        return bool(self._state.get(source, {}).get("rules") == digest)

    def ids(self, but: str) -> set[str]:
        """First 12 digits of the ids of all sources but one."""
        return {row["id"][:12] for row in self._rows if row["source"] != but}

    def write_image(self, part_id: str, jpeg: bytes) -> None:
        """Store one image; the name is made of the id alone."""
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
        _replace(self.folder / "collected.json", json.dumps(self._state, indent=1, ensure_ascii=False).encode())
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
    """Ids and splits of `labels.csv`, and hashes of its dev and test images in `images/` beside it."""
    try:
        with labels.open(encoding="utf-8", newline="") as file:
            split = {row["id"]: row["split"] for row in csv.DictReader(file)}
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{labels} cannot be read", "it needs the columns id and split") from error
    ids = (name for name, part in split.items() if part != "train")
    return Known(split, tuple(reference_hashes(labels.parent / "images", ids)))


def candidates(rules: Sequence[Rule], source: Source) -> list[Candidate]:
    """Rule, caption-and-generator match and file of all that is wanted, in an order drawn by hash."""

    def order(file: SourceFile) -> str:
        return hashlib.sha256((file.path + file.blob).encode("utf-8", "surrogateescape")).hexdigest()

    found = []
    for file in sorted(source.files(), key=order):
        rule = next((rule for rule in rules if rule.match(file.path)), None)
        if rule:
            found.append((rule, file.path, file))
    return found


def collect_source(
    rules: Sequence[Rule],
    source: Source,
    write: Callable[[str, bytes], None],
    *,
    taken: set[str],
    known: Known = Known(),
    jobs: int = 1,
    step: Callable[[int, int], None] = lambda done, total: None,
) -> Result:
    """Take what the rules of one source ask for, the same for any number of jobs.

    Args:
        rules: Of one source; a file belongs to the first that matches.
        source: Where the files are.
        write: Stores an image, given its id and JPEG bytes.
        taken: Ids of other sources; exact duplicates of them are dropped. Ids of this source are added.
        known: Test images, and near-duplicates of dev and test images, are dropped.
        jobs: Images decoded at a time.
        step: Told how many of how many files have been seen.
    """
    result = Result()
    hashes: list[Hash] = []
    kept: Counter[int] = Counter()
    wanted = candidates(rules, source)
    result.counts["files"] = len(wanted)
    rest = iter(wanted)
    done = 0
    with ThreadPoolExecutor(jobs) as pool:
        while batch := list(islice((c for c in rest if not _is_full(c[0], kept)), 4 * jobs)):
            for (rule, _, file), item in zip(batch, _prepared(batch, source, taken, known, pool, result), strict=True):
                if item is None or item.id in taken or _is_full(rule, kept):
                    result.counts["exact_duplicate"] += item is not None and item.id in taken
                    continue
                kept[id(rule)] += _accept(item, rule, file, hashes, kept, known, write, result)
                taken.add(item.id)
            done += len(batch)
            step(done, len(wanted))
    result.counts["kept"] = len(result.rows)
    return result
