"""From what a person names to inputs: the kind of each is told by what lies there."""

from __future__ import annotations

import csv
import glob
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fakescope.chain.collect.folders import DataFolderInput, FolderInput, TableInput, data_table
from fakescope.chain.collect.huggingface import is_saved, open_datasets
from fakescope.chain.collect.items import Facts, Input, Item, Known, Reading, key_of
from fakescope.chain.collect.parquet import ParquetInput
from fakescope.chain.collect.repositories import Places
from fakescope.chain.collect.rules import COLUMNS, read_rules
from fakescope.chain.collect.sources import SourceInput
from fakescope.errors import DataError, FakescopeError, MissingExtraError
from fakescope.images.text import clean_text

HUB = "hf:"


@dataclass(frozen=True)
class FailedInput:
    """An input that cannot be used: one named fault, so that the others are still collected."""

    name: str
    detail: str

    def total(self) -> int:
        return 1

    def items(self, known: Known) -> Iterator[Item]:
        key = key_of(f"failed|{self.name}", Facts())
        if not known(key):
            yield Item(key, self.name, Facts(), fault="input_failed", detail=self.detail)


def open_inputs(names: Sequence[str], reading: Reading, places: Places) -> list[Input]:
    """Open everything that was named. What cannot be used is an input that gives its fault.

    Args:
        names: Folders, files and globs of images; data folders (labels.csv and images/); folders that
            `datasets` saved; Parquet files; CSV tables with a column `file`, or of sources; `hf:NAME` for what
            `datasets` loads.
        reading: How rows are read, and the facts of what has no rows.
        places: Where the repositories of a table of sources lie.

    Raises:
        MissingExtraError: A package that one of them needs is not installed.
    """
    found: list[Input] = []
    for name in names:
        found += _guarded(name, lambda name=name: _open(name, reading, places))  # type: ignore[misc]
    return found


def _guarded(name: str, opening: Callable[[], Sequence[Input]]) -> Sequence[Input]:
    try:
        return opening()
    except MissingExtraError:
        raise
    except FakescopeError as error:
        return [FailedInput(clean_text(name, 200), str(error))]


def _open(name: str, reading: Reading, places: Places) -> Sequence[Input]:
    path = Path(name.removeprefix(HUB))
    if name.startswith(HUB):
        source = path.name if path.is_dir() else str(path)
        return open_datasets(str(path), _named(reading, source))
    if path.suffix.lower() == ".parquet":
        return [ParquetInput(path, _named(reading, path.stem))]
    if path.suffix.lower() == ".csv":
        return _open_table(path, reading, places)
    if path.is_dir() and data_table(path):
        return [DataFolderInput(path, _named(reading, path.name))]
    if path.is_dir() and is_saved(path):
        return open_datasets(name, _named(reading, path.name))
    if not os.path.lexists(name) and not glob.has_magic(name):
        raise DataError(f"{name} does not exist", "check the path")
    return [FolderInput(name, [name], _named(reading, path.resolve().name).default)]


def _open_table(path: Path, reading: Reading, places: Places) -> Sequence[Input]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            header = next(csv.reader(lines), [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a table: {error}") from error
    if header != COLUMNS:
        return [TableInput(path, _named(reading, path.parent.resolve().name))]
    opened: list[Input] = []
    for source, rules in read_rules(path).items():
        opened += _guarded(source, lambda rules=rules: [SourceInput(rules, places, reading.default)])  # type: ignore[misc]
    return opened


def _named(reading: Reading, source: str) -> Reading:
    """The same, where no source was given: what was named is the source."""
    if reading.default.source:
        return reading
    return replace(reading, default=replace(reading.default, source=clean_text(source, 200)))
