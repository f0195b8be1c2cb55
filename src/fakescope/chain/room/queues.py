"""What there is to do, as one list of ids for each task, in the order in which it is handed out.

A list is made anew only when the store has changed, and the less often the longer it takes; whether an item of it is
still open is looked up when it is handed out.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field

import sqlalchemy as sa

from fakescope.chain.room.rows import Fields
from fakescope.chain.room.tasks import Task
from fakescope.chain.store import Store
from fakescope.chain.store.schema import CHECKS, DRAFTS, EXEMPLARS, IMAGES, REVIEWS
from fakescope.records import Exemplar

_PATIENCE = 20.0
"""A list is made anew after so many times what making it took."""


@dataclass
class Queue:
    """Items of one task.

    Attributes:
        items: Their ids.
        floor: All items before this place are done.
        places: Where each person is.
    """

    items: list[str] = field(default_factory=list)
    floor: int = 0
    places: dict[str, int] = field(default_factory=dict)


class Queues:
    """The queues of a store."""

    def __init__(self, store: Store) -> None:
        self._store, self._fields = store, Fields(store.engine.dialect.name)
        self._queues: dict[Task, Queue] = {}
        self._made: dict[Task, tuple[tuple[int, ...], float, float]] = {}
        self._lock = threading.Lock()

    def of(self, task: Task) -> Queue:
        """The queue of a task, up to date but for a short while."""
        with self._lock:
            state, made_at, took = self._made.get(task, ((), 0.0, 0.0))
            now = time.monotonic()
            if task not in self._queues or now - made_at > _PATIENCE * took:
                newest = self._state(task)
                if task not in self._queues or newest != state:
                    self._queues[task] = Queue(self._items(task))
                self._made[task] = (newest, time.monotonic(), time.monotonic() - now)
            return self._queues[task]

    def _state(self, task: Task) -> tuple[int, ...]:
        """Changes whenever the list of a task may have changed."""
        tables = {
            Task.STEER: (IMAGES,),
            Task.REVIEW: (DRAFTS, CHECKS),
            Task.ADJUDICATE: (REVIEWS,),
            Task.COMPARE: (DRAFTS,),
            Task.EXEMPLARS: (EXEMPLARS,),
        }[task]
        with self._store.reading() as connection:
            return tuple(
                int(
                    connection.scalar(
                        sa.select(
                            sa.func.count() if table is IMAGES else sa.func.max(table.c.seq)
                        ).select_from(table)
                    )
                    or 0
                )
                for table in tables
            )

    def _items(self, task: Task) -> list[str]:
        return {
            Task.STEER: self._images,
            Task.REVIEW: self._drafts,
            Task.ADJUDICATE: self._conflicts,
            Task.COMPARE: self._pairs,
            Task.EXEMPLARS: self._exemplars,
        }[task]()

    def _images(self) -> list[str]:
        query = sa.select(IMAGES.c.id).where(IMAGES.c.label.is_not(None)).order_by(IMAGES.c.id)
        return self._ids(query)

    def _drafts(self) -> list[str]:
        """Readable ACoTI drafts, the most urgent first."""
        query = sa.select(DRAFTS.c.id).where(DRAFTS.c.fault.is_(None), DRAFTS.c.mode == "acoti")
        ids = self._ids(query.order_by(DRAFTS.c.image, DRAFTS.c.seq))
        value = self._fields.number(CHECKS, "value")
        with self._store.reading() as connection:
            rows = connection.execute(
                sa.select(CHECKS.c.draft, value).where(CHECKS.c.name == "priority").order_by(CHECKS.c.seq)
            )
            urgency = {draft: float(v or 0.0) for draft, v in rows}
        return sorted(ids, key=lambda id: -urgency.get(id, 0.0))

    def _conflicts(self) -> list[str]:
        """Drafts that annotators took and rejected, and nobody above them has decided on."""
        decision = self._fields.text(REVIEWS, "decision")
        last: dict[str, dict[str, bool]] = defaultdict(dict)
        decided: set[str] = set()
        with self._store.reading() as connection:
            rows = sa.select(REVIEWS.c.draft, REVIEWS.c.who, REVIEWS.c.role, decision).order_by(REVIEWS.c.seq)
            for draft, who, role, said in connection.execute(rows):
                if role == "annotator":
                    last[draft][who] = said == "reject"
                else:
                    decided.add(draft)
        return sorted(d for d, said in last.items() if d not in decided and len(set(said.values())) > 1)

    def _pairs(self) -> list[str]:
        return sorted(self._ids(self._fields.to_compare()))

    def _exemplars(self) -> list[str]:
        latest = {exemplar.id: exemplar for exemplar in self._store.read(Exemplar)}
        return sorted(id for id, exemplar in latest.items() if exemplar.checked_by is None)

    def _ids(self, query: sa.Select[tuple[str]]) -> list[str]:
        with self._store.reading() as connection:
            return list(connection.scalars(query))
