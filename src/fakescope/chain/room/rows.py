"""Reading fields of the JSON in `body` within SQL, and appending a record within a transaction."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from fakescope.chain.store.schema import CHOICES, DRAFTS, EXEMPLARS, JUDGEMENTS, REVIEWS
from fakescope.records import Choice, Exemplar, Judgement, Record, Review

_TABLES: dict[type[Record], sa.Table] = {
    Judgement: JUDGEMENTS,
    Review: REVIEWS,
    Choice: CHOICES,
    Exemplar: EXEMPLARS,
}


class Fields:
    """Fields of records in SQL, in the words of one database."""

    def __init__(self, dialect: str) -> None:
        self._cast: Any = sa.cast if dialect == "postgresql" else sa.type_coerce

    def text(self, table: sa.FromClause, name: str) -> sa.ColumnElement[Any]:
        """A field as text; NULL where it is null."""
        return self._cast(table.c.body, sa.JSON)[name].as_string()  # type: ignore[no-any-return]

    def number(self, table: sa.FromClause, name: str) -> sa.ColumnElement[Any]:
        """A field as a number."""
        return self._cast(table.c.body, sa.JSON)[name].as_float()  # type: ignore[no-any-return]

    def by_person(self, judgements: sa.FromClause) -> sa.ColumnElement[bool]:
        """That a judgement is a person's, not a machine's."""
        return self.text(judgements, "kind") == "person"

    def to_compare(self) -> sa.Select[tuple[str]]:
        """Images with readable drafts of one teacher in both modes that do not say the very same."""
        texts = sa.func.count(self.text(DRAFTS, "description").distinct())
        modes = sa.func.count(DRAFTS.c.mode.distinct())
        query = sa.select(DRAFTS.c.image).where(DRAFTS.c.fault.is_(None))
        pairs = query.group_by(DRAFTS.c.image, DRAFTS.c.teacher).having(modes == 2, texts > 1)
        return sa.select(pairs.subquery().c.image).distinct()


def is_last(table: sa.Table, *of: str) -> sa.ColumnElement[bool]:
    """That a row is the last one with the same values in these columns."""
    later = table.alias()
    same = [later.c[name] == table.c[name] for name in of]
    return ~sa.exists().where(*same, later.c.seq > table.c.seq).correlate(table)


def add(connection: sa.Connection, record: Record) -> None:
    """Append a record within a transaction."""
    table = _TABLES[type(record)]
    row = {
        column.name: getattr(record, column.name)
        for column in table.columns
        if column.name not in ("seq", "body")
    }
    connection.execute(table.insert().values(**row, body=record.model_dump_json()))
