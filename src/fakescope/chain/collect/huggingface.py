"""Hugging Face datasets as an input: a folder that `datasets` saved, a local folder that it can load, or a hub name.

Code that comes with a dataset is never run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fakescope.chain.collect.items import (
    FactsError,
    Item,
    Known,
    Reading,
    Split,
    file_identity,
    parse_split,
)
from fakescope.chain.collect.rows import image_column, row_item, row_key
from fakescope.errors import DataError, MissingExtraError
from fakescope.images.text import clean_text

SAVED = ("state.json", "dataset_dict.json")
"""What `Dataset.save_to_disk` and `DatasetDict.save_to_disk` leave in their folders."""

_LOADING_ERRORS = (OSError, ValueError, TypeError, LookupError, RuntimeError)


class HuggingFaceInput:
    """One split of a dataset.

    Args:
        name: What it is called in messages.
        dataset: A `datasets.Dataset`.
        split: Given by the dataset, where it has several.
        roots: Folders in which files that rows name may lie.

    Raises:
        DataError: It has no image column.
    """

    def __init__(
        self, name: str, dataset: Any, reading: Reading, split: Split | None, roots: list[Path]
    ) -> None:
        from datasets import ClassLabel, Image

        self.name = name
        self._reading = replace(reading, default=replace(reading.default, split=split)) if split else reading
        self._roots = roots
        self._image = image_column(dataset.column_names, reading, name)
        if isinstance(dataset.features[self._image], Image):
            dataset = dataset.cast_column(self._image, Image(decode=False))  # decoded by our own loader
        self._dataset = dataset
        self._classes = {
            column: feature for column, feature in dataset.features.items() if isinstance(feature, ClassLabel)
        }
        self._identity = _identity(dataset)

    def total(self) -> int:
        return len(self._dataset)

    def items(self, known: Known) -> Iterator[Item]:
        others = self._dataset.remove_columns([self._image])
        for number in range(len(self._dataset)):
            row = self._named(others[number]) if others.column_names else {}
            identity = f"{self._identity}|{number}"
            if known(row_key(row, self._reading, identity)):
                continue
            cell = self._dataset[number][self._image]
            where = f"{self.name}, row {number}"
            yield row_item(row, cell, self._reading, identity=identity, where=where, roots=self._roots)

    def _named(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {
            column: self._classes[column].int2str(value)
            if column in self._classes and value is not None and value >= 0
            else value
            for column, value in row.items()
        }


def open_datasets(name: str, reading: Reading) -> list[HuggingFaceInput]:
    """The splits of a dataset.

    Args:
        name: A folder, or the name of a dataset on the hub; `NAME@REVISION` for one revision.
        reading: How its rows are read.

    Raises:
        DataError: It cannot be loaded.
        MissingExtraError: `datasets` is not installed.
    """
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("reading Hugging Face datasets", "datasets") from error
    datasets.disable_progress_bars()  # ours is shown
    folder = Path(name)
    roots = [folder] if folder.is_dir() else []
    roots += [Path(datasets.config.HF_DATASETS_CACHE), Path(datasets.config.HF_CACHE_HOME)]
    loaded = _load(datasets, folder, name)
    if not isinstance(loaded, Mapping):
        return [HuggingFaceInput(name, loaded, reading, None, roots)]
    several = reading.keep_splits and len(loaded) > 1
    return [
        HuggingFaceInput(f"{name}[{key}]", part, reading, _split(str(key)) if several else None, roots)
        for key, part in loaded.items()
    ]


def is_saved(folder: Path) -> bool:
    """Whether `datasets` saved this folder."""
    return any((folder / name).is_file() for name in SAVED)


def _load(datasets: Any, folder: Path, name: str) -> Any:
    try:
        if is_saved(folder):
            return datasets.load_from_disk(os.fspath(folder))
        if folder.is_dir():
            return datasets.load_dataset(os.fspath(folder))
        repository, _, revision = name.partition("@")
        return datasets.load_dataset(repository, revision=revision or None)
    except (*_LOADING_ERRORS, datasets.exceptions.DatasetsError) as error:
        reason = clean_text(error, 200)
        raise DataError(f"the dataset {clean_text(name, 200)} cannot be loaded: {reason}") from error


def _identity(dataset: Any) -> str:
    """The same for the same rows: the state of the files that hold them, or `datasets`' own fingerprint."""
    files = [str(file["filename"]) for file in dataset.cache_files]
    return "|".join(map(file_identity, map(Path, files))) if files else str(dataset._fingerprint)


def _split(key: str) -> Split | None:
    try:
        return parse_split(key)
    except FactsError:
        return None
