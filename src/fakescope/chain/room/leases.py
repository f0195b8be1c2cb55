"""Who works on what: an item is kept for a person for a while, and then free again."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from fakescope.chain.room.rows import Fields
from fakescope.chain.room.tasks import Task
from fakescope.chain.store.schema import CHOICES, DRAFTS, EXEMPLARS, JUDGEMENTS, LEASES, REVIEWS

Names = dict[str, set[str]]


def take(connection: sa.Connection, task: Task, item: str, who: str, lease_s: float) -> None:
    """Keep an item for a person; what they kept of this task before is free."""
    drop(connection, task, who)
    until = time.time() + lease_s
    connection.execute(LEASES.insert().values(task=task.value, item=item, who=who, until_s=until))


def renew(connection: sa.Connection, task: Task, item: str, who: str, lease_s: float) -> bool:
    """Keep it longer. False if it is not theirs any more, or has run out: somebody else may have it by now."""
    now = time.time()
    theirs = (LEASES.c.task == task.value, LEASES.c.item == item, LEASES.c.who == who, LEASES.c.until_s > now)
    done = connection.execute(sa.update(LEASES).where(*theirs).values(until_s=now + lease_s))
    return bool(done.rowcount)


def drop(connection: sa.Connection, task: Task, who: str) -> None:
    """Free what a person keeps of a task."""
    connection.execute(sa.delete(LEASES).where(LEASES.c.task == task.value, LEASES.c.who == who))


def kept_by(connection: sa.Connection, task: Task, who: str) -> str | None:
    """What a person keeps of a task."""
    query = sa.select(LEASES.c.item).where(
        LEASES.c.task == task.value, LEASES.c.who == who, LEASES.c.until_s > time.time()
    )
    return connection.scalar(query.limit(1))


def keepers(connection: sa.Connection, task: Task, items: Sequence[str]) -> Names:
    """Who keeps each of some items."""
    query = sa.select(LEASES.c.item, LEASES.c.who).where(
        LEASES.c.task == task.value, LEASES.c.item.in_(items), LEASES.c.until_s > time.time()
    )
    return _grouped(connection.execute(query))


def doers(connection: sa.Connection, fields: Fields, task: Task, items: Sequence[str]) -> Names:
    """Who has done each of some items."""
    if task is Task.STEER:
        query = sa.select(JUDGEMENTS.c.image, JUDGEMENTS.c.who).where(
            JUDGEMENTS.c.image.in_(items), fields.by_person(JUDGEMENTS)
        )
    elif task is Task.REVIEW:
        query = sa.select(REVIEWS.c.draft, REVIEWS.c.who).where(REVIEWS.c.draft.in_(items))
    elif task is Task.ADJUDICATE:
        query = sa.select(REVIEWS.c.draft, REVIEWS.c.who).where(
            REVIEWS.c.draft.in_(items), REVIEWS.c.role != "annotator"
        )
    elif task is Task.COMPARE:
        query = sa.select(CHOICES.c.image, CHOICES.c.who).where(CHOICES.c.image.in_(items))
    else:
        checked = fields.text(EXEMPLARS, "checked_by")
        query = sa.select(EXEMPLARS.c.id, checked).where(EXEMPLARS.c.id.in_(items), checked.is_not(None))
    return _grouped(connection.execute(query.distinct()))


def knowers(connection: sa.Connection, images: Sequence[str]) -> Names:
    """Who has seen the label of each of some images: they cannot judge it blind any more."""
    reviewed = sa.select(REVIEWS.c.image, REVIEWS.c.who).where(REVIEWS.c.image.in_(images))
    chose = sa.select(CHOICES.c.image, CHOICES.c.who).where(CHOICES.c.image.in_(images))
    reading = (
        sa.select(DRAFTS.c.image, LEASES.c.who)
        .join(DRAFTS, DRAFTS.c.id == LEASES.c.item)
        .where(DRAFTS.c.image.in_(images))
    )
    comparing = sa.select(LEASES.c.item, LEASES.c.who).where(
        LEASES.c.task == Task.COMPARE.value, LEASES.c.item.in_(images)
    )
    return _grouped(connection.execute(sa.union(reviewed, chose, reading, comparing)))


def _grouped(rows: Iterable[Any]) -> Names:
    found: Names = defaultdict(set)
    for item, who in rows:
        found[item].add(who)
    return found
