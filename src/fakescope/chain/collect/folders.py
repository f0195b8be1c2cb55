"""Folders of images, tables of files, and data folders (`labels.csv` beside `images/`)."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fakescope.chain.collect.items import (
    Facts,
    FactsError,
    Item,
    Known,
    Original,
    Reading,
    file_identity,
    given_id,
    inside,
    key_of,
)
from fakescope.errors import DataError
from fakescope.images.paths import iter_image_paths
from fakescope.images.text import clean_text

FILE_COLUMNS = ("file", "file_name", "filename")
DATA_TABLES = ("labels.csv", "manifest.csv")
DATA_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


class FolderInput:
    """Image files, folders with their subfolders, and globs, all with the same facts.

    Args:
        name: What it is called in messages; the source, where the facts name none.
        paths: As `iter_image_paths` takes them.
        facts: Of every image.
    """

    def __init__(self, name: str, paths: Sequence[str], facts: Facts) -> None:
        self.name = name
        self._facts = facts
        self._base = Path(paths[0])
        self._paths = [Path(path) for path in iter_image_paths(paths)]

    def total(self) -> int:
        return len(self._paths)

    def items(self, known: Known) -> Iterator[Item]:
        for path in self._paths:
            key = key_of(file_identity(path), self._facts)
            if not known(key):
                yield Item(key, self._shown(path), self._facts, path=path)

    def _shown(self, path: Path) -> str:
        inner = path.is_relative_to(self._base) and path != self._base
        return clean_text(path.relative_to(self._base).as_posix() if inner else path, 300)


class TableInput:
    """A CSV table with a column `file` (or `file_name`), beside the files that it names.

    Raises:
        DataError: It cannot be read, or has no such column.
    """

    def __init__(self, table: Path, reading: Reading) -> None:
        self.name = str(table)
        self._folder, self._reading = table.parent, reading
        self._rows = read_table(table)
        columns = (reading.columns.get("file", ""), *FILE_COLUMNS)
        self._column = next((name for name in columns if self._rows and name in self._rows[0][1]), "")
        if self._rows and not self._column:
            raise DataError(f"{table} has no column file", "name it with --column file=NAME")

    def total(self) -> int:
        return len(self._rows)

    def items(self, known: Known) -> Iterator[Item]:
        for line, row in self._rows:
            named = row[self._column]
            try:
                facts, path, id = self._reading.facts(row), inside(self._folder, named), given_id(row)
            except FactsError as error:
                yield from faulty_row(f"{self.name}, line {line}", error, known)
                continue
            key = key_of(file_identity(path), facts)
            if not known(key):
                yield Item(key, clean_text(named, 300), facts, path=path, id=id)


class DataFolderInput:
    """A folder with `labels.csv` (or `manifest.csv`) and `images/ID.jpg`. Ids and splits are kept.

    Raises:
        DataError: The table cannot be read, or has no column id.
    """

    def __init__(self, folder: Path, reading: Reading) -> None:
        self.name = str(folder)
        self._images, self._reading = folder / "images", reading
        self._rows = read_table(data_table(folder) or folder / DATA_TABLES[0])

    def total(self) -> int:
        return len(self._rows)

    def items(self, known: Known) -> Iterator[Item]:
        for line, row in self._rows:
            try:
                facts, id = self._reading.facts(row), given_id(row)
                if id is None:
                    raise FactsError("no id")
            except FactsError as error:
                yield from faulty_row(f"{self.name}, line {line}", error, known)
                continue
            paths = [self._images / f"{id}{suffix}" for suffix in DATA_SUFFIXES]
            path = next((path for path in paths if path.is_file()), paths[0])
            key = key_of(f"{id}|{file_identity(path)}", facts)
            if not known(key):
                origin = ":".join(part for part in (row.get("commit"), row.get("path")) if part)
                yield Item(
                    key,
                    clean_text(origin, 400) or path.name,
                    facts,
                    path=path,
                    id=id,
                    original=_original(row),
                )


def data_table(folder: Path) -> Path | None:
    """The table of a data folder; None if the folder is none."""
    found = (folder / name for name in DATA_TABLES if (folder / name).is_file())
    return next(found, None) if (folder / "images").is_dir() else None


def read_table(path: Path) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV table with their lines.

    Raises:
        DataError: It cannot be read as a table.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            return [
                (reader.line_num, {key: value or "" for key, value in row.items() if isinstance(key, str)})
                for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a table: {error}") from error


def faulty_row(where: str, error: FactsError, known: Known) -> Iterator[Item]:
    """The item of a row that cannot be used."""
    facts = Facts()
    key = key_of(where, facts)
    if not known(key):
        yield Item(key, where, facts, fault="bad_row", detail=str(error))


def _original(row: Mapping[str, str]) -> Original | None:
    try:
        sides = int(row["original_width"]), int(row["original_height"])
        return Original(row.get("original_format", "").upper(), *sides, int(row["original_bytes"]))
    except (KeyError, ValueError):
        return None
