"""What changed between two releases: records by image, field by field. Memory holds one hash a field and record."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fakescope.chain.release.read import read_release
from fakescope.records import ChainRecord, JsonObject

Hashes = dict[str, dict[str, bytes]]


@dataclass
class Diff:
    """Ids of records that came, went or changed.

    Attributes:
        changed: By record: names of its changed fields, such as `description`, `traces.edge`, `image.split`.
        fields: How many records each field changed in.
    """

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    changed: dict[str, list[str]] = field(default_factory=dict)
    unchanged: int = 0
    fields: Counter[str] = field(default_factory=Counter)


def diff_releases(old: Path, new: Path) -> Diff:
    """Compare two releases.

    Raises:
        DataError: One of them cannot be read.
    """
    before = {record.image.id: _hashes(record) for record in read_release(old)}
    return _compare(before, read_release(new))


def changed_texts(
    old: Path, new: Path, id: str, names: Iterable[str]
) -> Iterator[tuple[str, object, object]]:
    """Name, old and new value of some fields of one record."""
    before, after = (_flat(_find(folder, id)) for folder in (old, new))
    for name in names:
        yield name, before.get(name), after.get(name)


def _compare(before: Hashes, after: Iterable[ChainRecord]) -> Diff:
    found, seen = Diff(), set()
    for record in after:
        id = record.image.id
        seen.add(id)
        if id not in before:
            found.added.append(id)
            continue
        now = _hashes(record)
        names = sorted(n for n in before[id].keys() | now.keys() if before[id].get(n) != now.get(n))
        if names:
            found.changed[id] = names
            found.fields.update(names)
        else:
            found.unchanged += 1
    found.removed = sorted(before.keys() - seen)
    return found


def _hashes(record: ChainRecord) -> dict[str, bytes]:
    return {
        name: hashlib.blake2b(repr(v).encode(), digest_size=8).digest() for name, v in _flat(record).items()
    }


def _flat(record: ChainRecord) -> JsonObject:
    """Fields of a record by dotted name; image and traces one level down."""
    values = record.model_dump(mode="json")
    flat = {name: value for name, value in values.items() if name not in ("image", "traces")}
    flat |= {f"image.{name}": value for name, value in values["image"].items()}
    return flat | {f"traces.{name}": value for name, value in values["traces"].items()}


def _find(folder: Path, id: str) -> ChainRecord:
    return next(record for record in read_release(folder) if record.image.id == id)
