"""What every input gives: one item for each image, with what is known of it before it is read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Literal, Protocol, get_args

from fakescope.chain.collect.rules import Rule
from fakescope.chain.seed import SAFE_ID
from fakescope.images.text import clean_text
from fakescope.records import Label

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
_SPLIT_WORDS: dict[str, Split] = {"validation": "dev", "valid": "dev", "val": "dev"}
MAX_FACT_CHARS = 300
FIELDS = ("image", "file", "label", "generator", "source", "licence", "date", "split", "group", "caption")
"""What a column may be named for."""

Known = Callable[[str], bool]
"""Asked once for each item, by its key, before it is read: is it there already? Then it is not given at all."""


@dataclass(frozen=True)
class Facts:
    """What is known of an image besides its bytes. `split` is only set where the input itself gives it."""

    label: Label | None = None
    generator: str | None = None
    source: str = ""
    licence: str = ""
    date: str | None = None
    split: Split | None = None
    group: str = ""
    caption: str = ""


@dataclass(frozen=True)
class Original:
    """The file that an image was made of, where a table still knows it."""

    format: str
    width_px: int
    height_px: int
    size_bytes: int


@dataclass(frozen=True)
class Item:
    """One image to be: a file or bytes. Or a fault, where the input itself knows that there is none.

    Attributes:
        key: Names the file and the facts: with the same key it is not read again.
        origin: Where it lies at its source, for people.
        id: Given by the input; otherwise made of the bytes.
        rule: Of a table of sources: which part of the file is the image, and which ids are left out.
    """

    key: str
    origin: str
    facts: Facts
    path: Path | None = None
    data: bytes | None = None
    fault: str = ""
    detail: str = ""
    id: str | None = None
    rule: Rule | None = None
    original: Original | None = None


class Input(Protocol):
    """Something that images come from."""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        ...

    def total(self) -> int:
        """How many items there are, read or not."""
        ...

    def items(self, known: Known) -> Iterator[Item]:
        """The items that are not known, in a fixed order; `known` is asked once for each of all items.

        A fault that spoils one image is an item with `fault`.

        Raises:
            DataError: The input as a whole cannot be used.
        """
        ...


def key_of(identity: str, facts: Facts) -> str:
    """The key of an item: another file, or other facts about it, make another key."""
    text = "\n".join((identity, *(str(value) for value in astuple(facts))))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def file_identity(path: Path) -> str:
    """Names a file and its state without reading it."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return f"{path.absolute()}|missing"
    return f"{path.absolute()}|{status.st_size}|{status.st_mtime_ns}"


class FactsError(ValueError):
    """A row whose facts cannot be used; the text says why."""


@dataclass(frozen=True)
class Reading:
    """How rows are read: which column holds what, what their labels mean, and what holds where they are silent.

    Attributes:
        columns: Field -> column, where the column is not named like the field.
        label_map: Label as written -> fake or real.
        default: Facts for whatever the rows do not say.
        keep_splits: Whether splits that an input gives are kept.
    """

    columns: Mapping[str, str]
    label_map: Mapping[str, Label]
    default: Facts = Facts()
    keep_splits: bool = True

    def column(self, field: str) -> str:
        """The column of a field."""
        return self.columns.get(field, field)

    def facts(self, row: Mapping[str, object]) -> Facts:
        """The facts of a row.

        Raises:
            FactsError: A label or split that is none.
        """
        told: dict[str, object] = {}
        for field in ("generator", "source", "licence", "date", "group", "caption"):
            if text := _text(row.get(self.column(field))):
                told[field] = text
        if "licence" not in told and (text := _text(row.get("license"))):
            told["licence"] = text
        if written := _text(row.get(self.column("label"))):
            told["label"] = self._label(written)
        if self.keep_splits and (written := _text(row.get(self.column("split")))):
            told["split"] = parse_split(written)
        return replace(self.default, **told)  # type: ignore[arg-type]

    def _label(self, written: str) -> Label:
        if written in self.label_map:
            return self.label_map[written]
        try:
            return Label(written.lower())
        except ValueError:
            raise FactsError(f"label {written!r} is neither fake nor real, and not mapped") from None


def parse_split(written: str) -> Split:
    """train, dev or test, also by the name `validation`.

    Raises:
        FactsError: It is none of them.
    """
    name = written.lower()
    found = _SPLIT_WORDS.get(name) or next((split for split in SPLITS if split == name), None)
    if found is None:
        raise FactsError(f"split {written!r} is none of {', '.join(SPLITS)}")
    return found


def given_id(row: Mapping[str, object]) -> str | None:
    """The id that a row gives to its image.

    Raises:
        FactsError: It could not be a file name.
    """
    text = _text(row.get("id"))
    if text and not SAFE_ID.fullmatch(text):
        raise FactsError(f"id {text[:40]!r} is not a plain name")
    return text or None


def inside(folder: Path, name: str) -> Path:
    """The file of that name in a folder, which may not lead out of it.

    Raises:
        FactsError: It does.
    """
    try:
        path = Path(os.path.realpath(folder / name))
        root = Path(os.path.realpath(folder))
    except (OSError, ValueError) as error:
        raise FactsError(f"{clean_text(name, 100)!r} cannot be a path") from error
    if not path.is_relative_to(root):
        raise FactsError(f"{clean_text(name, 100)!r} leads out of its folder")
    return path


def _text(value: object) -> str:
    return "" if value is None else clean_text(value, MAX_FACT_CHARS)
