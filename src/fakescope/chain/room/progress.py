"""How far a chain is, in all and for each person."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from fakescope.chain.room.people import Person, list_people
from fakescope.chain.room.rows import Fields
from fakescope.chain.room.settings import read_settings
from fakescope.chain.store import Store
from fakescope.chain.store.schema import CHOICES, DRAFTS, EXEMPLARS, IMAGES, JUDGEMENTS, REVIEWS
from fakescope.records import JsonObject

FRESH_S = 2.0
_TABLES = {"steer": (JUDGEMENTS, "image"), "review": (REVIEWS, "draft"), "compare": (CHOICES, "image")}


class Progress:
    """Counts of a chain, at most two seconds old."""

    def __init__(self, store: Store) -> None:
        self._store, self._fields = store, Fields(store.engine.dialect.name)
        self._lock = threading.Lock()
        self._made_at = 0.0
        self._told: JsonObject = {}

    def overall(self) -> JsonObject:
        """What has been done of everything: {task: {done, total}}; an item counts by the people it still needs."""
        with self._lock:
            if time.monotonic() - self._made_at > FRESH_S:
                self._told, self._made_at = self._count(), time.monotonic()
            return self._told

    def of(self, person: Person) -> JsonObject:
        """How many items a person has done: {task: {total, today}}."""
        today = datetime.now(UTC).date().isoformat()
        told: JsonObject = {}
        with self._store.reading() as connection:
            for task, (table, item) in _TABLES.items():
                own = sa.select(sa.func.count(table.c[item].distinct())).where(table.c.who == person.name)
                at = self._fields.text(table, "at")
                told[task] = {
                    "total": connection.scalar(own) or 0,
                    "today": connection.scalar(own.where(at >= today)) or 0,
                }
        return told

    def everybody(self) -> list[JsonObject]:
        """Each person with role, access and counts."""
        return [
            {"name": p.name, "role": p.role.value, "active": p.active, "done": self.of(p)}
            for p in list_people(self._store)
        ]

    def _count(self) -> JsonObject:
        settings = read_settings(self._store)
        checked = self._fields.text(EXEMPLARS, "checked_by")
        with self._store.reading() as connection:

            def number(query: sa.Select[Any]) -> int:
                return int(connection.scalar(query) or 0)

            images = number(sa.select(sa.func.count()).where(IMAGES.c.label.is_not(None)))
            readable = (DRAFTS.c.fault.is_(None), DRAFTS.c.mode == "acoti")
            drafts = number(sa.select(sa.func.count()).where(*readable))
            compared = number(sa.select(sa.func.count()).select_from(self._fields.to_compare().subquery()))
            counts = {
                "steer": {
                    "done": number(
                        _people_and_items(JUDGEMENTS, "image", self._fields.by_person(JUDGEMENTS))
                    ),
                    "total": images * settings.judges,
                },
                "review": {
                    "done": number(_people_and_items(REVIEWS, "draft", REVIEWS.c.role == "annotator")),
                    "total": drafts * settings.reviewers,
                },
                "compare": {
                    "done": number(_people_and_items(CHOICES, "image", sa.true())),
                    "total": compared * settings.voters,
                },
                "exemplars": {
                    "done": number(
                        sa.select(sa.func.count(EXEMPLARS.c.id.distinct())).where(checked.is_not(None))
                    ),
                    "total": number(sa.select(sa.func.count(EXEMPLARS.c.id.distinct()))),
                },
            }
        # More people than needed may have answered before the number was lowered.
        return {task: {**told, "done": min(told["done"], told["total"])} for task, told in counts.items()}


def _people_and_items(table: sa.Table, item: str, where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """How many different pairs of a person and an item there are."""
    pairs = sa.select(table.c[item], table.c.who).where(where).distinct().subquery()
    return sa.select(sa.func.count()).select_from(pairs)
