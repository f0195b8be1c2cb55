"""The store: append records, read them back as a stream.

What was appended is durable against the death of this process: every append is one transaction. Reads are paged,
so that a chain of any length takes flat memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from fakescope.chain.store import schema
from fakescope.chain.store.engine import make_engine, migrate, reason, shown, with_driver
from fakescope.errors import DataError
from fakescope.records import (
    Check,
    Choice,
    Draft,
    Exemplar,
    ImageRef,
    Judgement,
    Label,
    Record,
    Review,
)

R = TypeVar("R", bound=Record)

FILE = "chain.db"
PAGE = 500
_TABLES: dict[type[Record], sa.Table] = {
    Judgement: schema.JUDGEMENTS,
    Exemplar: schema.EXEMPLARS,
    Draft: schema.DRAFTS,
    Check: schema.CHECKS,
    Review: schema.REVIEWS,
    Choice: schema.CHOICES,
}


def question_key(image: str, teacher: str, prompt_hash: str) -> str:
    """What names a question to a teacher: the same question is asked once."""
    return hashlib.sha256("\n".join((prompt_hash, image, teacher)).encode()).hexdigest()[:32]


class Store:
    """A FakeChain in the making.

    Args:
        url: SQLAlchemy URL of the database.
        root: Folder to which relative image paths refer.

    Raises:
        DataError: The database cannot be opened or brought up to date.
    """

    def __init__(self, url: str, root: Path) -> None:
        self.root = root
        self.url = url
        try:
            self.engine = make_engine(url)
            migrate(self.engine)
        except (SQLAlchemyError, ImportError, OSError) as error:
            raise DataError(f"the chain at {shown(url)} cannot be opened: {reason(error)}") from error

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_images(self, refs: Iterable[ImageRef]) -> int:
        """Add images that are not there yet, in one transaction. Returns how many were new.

        Raises:
            DataError: An image is there already with another label: one of the two is wrong.
        """
        added = 0
        with self.engine.begin() as connection:
            for ref in refs:
                row = {"id": ref.id, "label": ref.label, "split": ref.split, "sha256": ref.sha256}
                new = self._insert_new(schema.IMAGES).values(**row, body=ref.model_dump_json())
                done = connection.scalar(new.returning(schema.IMAGES.c.id)) is not None
                added += done
                if not done:
                    known = connection.scalar(
                        sa.select(schema.IMAGES.c.label).where(schema.IMAGES.c.id == ref.id)
                    )
                    if known != ref.label:
                        raise DataError(f"image {ref.id} is in the chain as {known}, not {ref.label}")
        return added

    def place_images(self, paths: Mapping[str, str]) -> int:
        """Say where the files of images lie that are there already. Returns how many were moved.

        Args:
            paths: New path by id.
        """
        table, moved = schema.IMAGES, 0
        with self.engine.begin() as connection:
            for ref in self.images_of(list(paths)):
                if ref.path != paths[ref.id]:
                    body = ref.model_copy(update={"path": paths[ref.id]}).model_dump_json()
                    connection.execute(sa.update(table).where(table.c.id == ref.id).values(body=body))
                    moved += 1
        return moved

    def image(self, id: str) -> ImageRef:
        """One image.

        Raises:
            DataError: There is none of that id.
        """
        found = self._scalar(sa.select(schema.IMAGES.c.body).where(schema.IMAGES.c.id == id))
        if found is None:
            raise DataError(f"the chain has no image {id}")
        return ImageRef.model_validate_json(found)

    def images_of(self, ids: Sequence[str]) -> list[ImageRef]:
        """Those of the images that are there, in the order of their ids."""
        table = schema.IMAGES
        query = sa.select(table.c.body).where(table.c.id.in_(ids)).order_by(table.c.id)
        return [ImageRef.model_validate_json(row[0]) for row in self._rows(query)]

    def image_ids(self, *, split: str | None = None, label: Label | None = None) -> Iterator[str]:
        """Ids of all images in order."""
        return (ref.id for ref in self.images(split=split, label=label))

    def images(self, *, split: str | None = None, label: Label | None = None) -> Iterator[ImageRef]:
        """All images in the order of their ids."""
        for page in self.image_pages(split=split, label=label):
            yield from page

    def image_pages(
        self, *, split: str | None = None, label: Label | None = None, size: int = PAGE
    ) -> Iterator[list[ImageRef]]:
        """All images in the order of their ids, so many at a time; other images may be added meanwhile."""
        table, last = schema.IMAGES, ""
        while True:
            query = sa.select(table.c.id, table.c.body).where(table.c.id > last).order_by(table.c.id)
            if split is not None:
                query = query.where(table.c.split == split)
            if label is not None:
                query = query.where(table.c.label == label)
            page = self._rows(query.limit(size))
            if not page:
                return
            last = page[-1].id
            yield [ImageRef.model_validate_json(body) for body in _bodies(page)]

    def path_of(self, ref: ImageRef) -> Path:
        """Where the image file lies. A relative path may not climb out of the chain's folder.

        Raises:
            DataError: It tries to.
        """
        path = Path(ref.path)
        if path.is_absolute():
            return path
        if ".." in path.parts:
            raise DataError(f"image {ref.id} has the path {ref.path!r}, which leaves the chain's folder")
        return self.root / path

    def append(self, records: Sequence[Record]) -> None:
        """Append records of any kinds in one transaction; all of them are kept or none."""
        with self.engine.begin() as connection:
            for kind, table in _TABLES.items():
                rows = [_row(record, table) for record in records if type(record) is kind]
                if table is schema.DRAFTS and rows:
                    # Two workers may bring the same draft: the first one counts.
                    connection.execute(self._insert_new(table), rows)
                elif rows:
                    connection.execute(table.insert(), rows)

    def read(self, kind: type[R], **where: object) -> Iterator[R]:
        """Records of a kind in the order in which they came; `where` names columns and their values."""
        table = _TABLES[kind]
        last = 0
        while True:
            query = sa.select(table.c.seq, table.c.body).where(table.c.seq > last).order_by(table.c.seq)
            for name, value in where.items():
                column = table.c[name]
                # `== None` becomes IS NULL
                query = query.where(column.in_(value) if isinstance(value, list) else column == value)
            page = self._rows(query.limit(PAGE))
            if not page:
                return
            last = page[-1].seq
            yield from (kind.model_validate_json(body) for body in _bodies(page))

    def draft(self, id: str) -> Draft:
        """One draft.

        Raises:
            DataError: There is none of that id.
        """
        found = next(self.read(Draft, id=id), None)
        if found is None:
            raise DataError(f"the chain has no draft {id}")
        return found

    def asked(self, keys: Sequence[str], *, failed_too: bool = True) -> set[str]:
        """Those of the question keys that have been asked; without `failed_too`, those answered."""
        table = schema.DRAFTS
        query = sa.select(table.c.key).where(table.c.key.in_(keys))
        if not failed_too:
            query = query.where(table.c.fault.is_(None))
        return {row[0] for row in self._rows(query)}

    def described(self, images: Sequence[str], teacher: str, mode: str) -> set[str]:
        """Those of the images of which a teacher has written a draft that can be read."""
        table = schema.DRAFTS
        query = sa.select(table.c.image).where(
            table.c.image.in_(images),
            table.c.teacher == teacher,
            table.c.mode == mode,
            table.c.fault.is_(None),
        )
        return {row[0] for row in self._rows(query)}

    def attempts(self, key: str) -> int:
        """How many drafts, failed ones among them, one question has."""
        table = schema.DRAFTS
        return int(self._scalar(sa.select(sa.func.count()).select_from(table).where(table.c.key == key)) or 0)

    def counts(self) -> dict[str, int]:
        """Number of rows of each kind."""
        tables = {"images": schema.IMAGES, **{table.name: table for table in _TABLES.values()}}
        with self.reading() as connection:
            return {
                name: int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)
                for name, table in tables.items()
            }

    def people(self) -> list[str]:
        """Names of all who judged, reviewed or chose, sorted."""
        names: set[str] = set()
        for table in (schema.JUDGEMENTS, schema.REVIEWS, schema.CHOICES):
            names |= {row.who for row in self._rows(sa.select(table.c.who).distinct())}
        return sorted(names)

    def setting(self, name: str, default: Any = None) -> Any:
        """A setting of the chain."""
        value = self._scalar(sa.select(schema.META.c.value).where(schema.META.c.name == name))
        return default if value is None else json.loads(value)

    def set_setting(self, name: str, value: Any) -> None:
        """Keep a setting of the chain, a JSON value."""
        with self.engine.begin() as connection:
            connection.execute(sa.delete(schema.META).where(schema.META.c.name == name))
            connection.execute(schema.META.insert().values(name=name, value=json.dumps(value)))

    def _insert_new(self, table: sa.Table) -> Any:
        insert = postgresql.insert if self.engine.dialect.name == "postgresql" else sqlite.insert
        return insert(table).on_conflict_do_nothing()

    def reading(self) -> sa.Connection:
        """A connection for reads alone; on SQLite it takes no lock."""
        return self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def _rows(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with self.reading() as connection:
            return connection.execute(query).all()

    def _scalar(self, query: sa.Select[Any]) -> Any:
        with self.reading() as connection:
            return connection.scalar(query)


def open_store(where: str | Path, *, create: bool = False, root: Path | None = None) -> Store:
    """Open a chain.

    Args:
        where: A folder (its database is `chain.db` there) or the URL of a database.
        create: Make the folder and the database if they are missing.
        root: Folder of relative image paths; by default the folder itself, or the current one for a URL.

    Raises:
        DataError: There is no chain, or it cannot be opened.
    """
    text = os.fspath(where)
    if re.match(r"[a-z0-9+]+://", text):
        return Store(with_driver(text), root or Path.cwd())
    folder = Path(text)
    if not create and not (folder / FILE).is_file():
        raise DataError(f"{folder} holds no chain", "make one with `fakescope chain collect`")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder} cannot be made: {error.strerror}") from error
    return Store(f"sqlite:///{folder.absolute() / FILE}", root or folder.absolute())


def _row(record: Record, table: sa.Table) -> dict[str, Any]:
    row = {
        column.name: getattr(record, column.name)
        for column in table.columns
        if column.name not in ("seq", "key", "body")
    }
    if isinstance(record, Draft):
        row["key"] = question_key(record.image, record.teacher, record.prompt_hash)
    return {**row, "body": record.model_dump_json()}


def _bodies(rows: Sequence[sa.Row[Any]]) -> Iterator[str]:
    return (row.body for row in rows)
