"""Images with known labels, from a folder of `labels.csv` (or `manifest.csv`) and `images/ID.jpg`."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakescope.errors import DataError
from fakescope.records import Label
from fakescope.taxonomy import BY_ID

TABLES = ("labels.csv", "manifest.csv")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
SAFE_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
"""An id becomes a file name, so it may not climb out of the folder."""


@dataclass(frozen=True)
class Sample:
    """One labelled image. `row` keeps every column of the table, as text."""

    id: str
    label: Label
    split: str
    path: Path
    source: str = ""
    generator: str = ""
    kind: str = ""
    row: dict[str, str] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class Reference:
    """What the seed of FakeChain says of one image: its description, and the criteria found abnormal."""

    id: str
    label: Label
    description: str
    abnormal: frozenset[str]


def load_samples(folder: Path, splits: Sequence[str] | None = None) -> list[Sample]:
    """Read the table of a data folder, in the order of the table.

    Args:
        folder: Holds `labels.csv` or `manifest.csv`, with the columns id, label and split, and the folder
            `images`.
        splits: Keep these splits only.

    Raises:
        DataError: No table, missing columns, or faulty rows; the first ten faults are named.
    """
    table = next((folder / name for name in TABLES if (folder / name).is_file()), None)
    if table is None:
        raise DataError(
            f"{folder} holds neither {' nor '.join(TABLES)}", "give the folder that holds the table"
        )
    samples, faults = [], []
    seen: set[str] = set()
    for line, row in _rows(table):
        fault = _fault(row, seen)
        if fault:
            faults.append(f"line {line}: {fault}")
        elif splits is None or row["split"] in splits:
            samples.append(_sample(folder, row))
        seen.add(row["id"])
    if faults:
        raise DataError(f"{table} has {len(faults)} faulty rows: {'; '.join(faults[:10])}")
    if not samples:
        raise DataError(f"{table} has no images{f' of the splits {list(splits)}' if splits else ''}")
    return samples


def load_references(folder: Path) -> dict[str, Reference]:
    """Read `chain.jsonl` of a data folder: reference descriptions and criteria, by image id.

    Raises:
        DataError: Missing, or a line that is not a record; the line is named.
    """
    path = folder / "chain.jsonl"
    if not path.is_file():
        raise DataError(f"{path} does not exist", "explanations are measured against reference descriptions")
    references = (_reference(path, number, record) for number, record in read_jsonl(path))
    return {reference.id: reference for reference in references}


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSON Lines file with their line numbers; empty lines are passed over.

    Raises:
        DataError: A line that is not a JSON object.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                raise DataError(f"{path}, line {number}, is not JSON: {error}") from error
            if not isinstance(record, dict):
                raise DataError(f"{path}, line {number}, is not a JSON object")
            yield number, record


def _rows(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with table.open(newline="", encoding="utf-8") as lines:
            reader = csv.DictReader(lines)
            missing = {"id", "label", "split"} - set(reader.fieldnames or ())
            if missing:
                raise DataError(f"{table} lacks the columns {sorted(missing)}")
            for row in reader:
                yield reader.line_num, {key: value or "" for key, value in row.items() if key is not None}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table} cannot be read: {error}") from error


def _fault(row: dict[str, str], seen: set[str]) -> str:
    if not SAFE_ID.fullmatch(row["id"]):
        return f"id {row['id'][:40]!r} is not a plain file name"
    if row["id"] in seen:
        return f"id {row['id']} occurs twice"
    if row["label"] not in list(Label):
        return f"label {row['label'][:40]!r} is neither real nor fake"
    return ""


def _sample(folder: Path, row: dict[str, str]) -> Sample:
    images = folder / "images"
    candidates = [images / f"{row['id']}{suffix}" for suffix in SUFFIXES]
    path = next(
        (c for c in candidates if c.is_file()), candidates[0]
    )  # a missing file is counted when it is read
    return Sample(
        id=row["id"],
        label=Label(row["label"]),
        split=row["split"],
        path=path,
        source=row.get("source", ""),
        generator=row.get("generator", ""),
        kind=row.get("kind", ""),
        row=row,
    )


def _reference(path: Path, number: int, record: dict[str, Any]) -> Reference:
    try:
        abnormal = {name for name, note in record["traces"].items() if note and note["finding"] == "abnormal"}
        reference = Reference(
            str(record["id"]), Label(record["label"]), str(record["description"]), frozenset(abnormal)
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path}, line {number}, is not a chain record: {error!r}") from error
    if unknown := abnormal - set(BY_ID):
        raise DataError(f"{path}, line {number}, names unknown criteria {sorted(unknown)}")
    return reference
