"""One row of a table with an image column: bytes, a path, or the Hugging Face pair {bytes, path}."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fakescope.chain.collect.items import FactsError, Item, Reading, given_id, inside, key_of
from fakescope.errors import DataError
from fakescope.images.text import clean_text

IMAGE_COLUMNS = ("image", "img", "jpg", "png", "image_bytes", "bytes")


def image_column(columns: Sequence[str], reading: Reading, where: str) -> str:
    """The column of the image; by name, or the first of the usual ones.

    Raises:
        DataError: There is none, or a column that was named is missing.
    """
    if missing := [name for name in reading.columns.values() if name not in columns]:
        raise DataError(f"{where} has no column {', '.join(missing)}", f"it has {_listed(columns)}")
    found = (name for name in (reading.columns.get("image"), *IMAGE_COLUMNS) if name in columns)
    column = next(found, None)
    if column is None:
        raise DataError(
            f"{where} has no image column", f"name one of {_listed(columns)} with --column image="
        )
    return column


def row_key(row: Mapping[str, object], reading: Reading, identity: str) -> str:
    """The key of a row, which its small columns are enough for.

    Args:
        row: All columns but the image.
        identity: Names the table, its state and the row.
    """
    try:
        return key_of(identity, reading.facts(row))
    except FactsError:
        return key_of(identity, reading.default)


def row_item(
    row: Mapping[str, object],
    cell: object,
    reading: Reading,
    *,
    identity: str,
    where: str,
    roots: Sequence[Path],
) -> Item:
    """The item of a row.

    Args:
        row: All columns but the image.
        cell: The image: bytes, a path within one of `roots`, or both in a mapping.
        identity: Names the table, its state and the row.
        where: Names the row to people.
    """
    key = row_key(row, reading, identity)
    facts = reading.default
    try:
        facts, id = reading.facts(row), given_id(row)
        data, path = _content(cell, roots)
    except FactsError as error:
        return Item(key, where, facts, fault="bad_row", detail=str(error))
    return Item(key, where, facts, path=path, data=data, id=id)


def _content(cell: object, roots: Sequence[Path]) -> tuple[bytes | None, Path | None]:
    path = cell
    if isinstance(cell, Mapping):
        content, path = cell.get("bytes"), cell.get("path")
        if isinstance(content, bytes) and content:
            return content, None
    if isinstance(cell, bytes):
        return cell, None
    if not isinstance(path, str) or not path:
        raise FactsError("no image in this row")
    fault = FactsError("a path where only bytes can be read")
    for root in roots:
        try:
            return None, inside(root, path)
        except FactsError as error:
            fault = error
    raise fault


def _listed(columns: Sequence[str]) -> str:
    return clean_text(", ".join(columns), 200)
