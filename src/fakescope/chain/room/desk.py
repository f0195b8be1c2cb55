"""The desk of the review room: hands out what is next, and takes in what people decide.

Every answer is one transaction. An answer that was taken in before, and is sent again because the reply got lost, is
known by its content and kept once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import sqlalchemy as sa

from fakescope.chain.room import leases
from fakescope.chain.room.errors import GoneError, RefusedError
from fakescope.chain.room.locks import exclusive
from fakescope.chain.room.people import Person
from fakescope.chain.room.queues import Queue, Queues
from fakescope.chain.room.rows import Fields, add
from fakescope.chain.room.settings import read_settings
from fakescope.chain.room.tasks import Task, require
from fakescope.chain.store import Store
from fakescope.errors import DataError
from fakescope.records import Box, Choice, Exemplar, Judgement, Label, Review
from fakescope.taxonomy import CRITERION_IDS

CHUNK = 64
MOST_BOXES = 100
MOST_SECONDS = 4 * 3600.0
R = TypeVar("R", Judgement, Review, Choice)


@dataclass(frozen=True)
class Assignment:
    """What a person is to do next.

    Attributes:
        item: Id of an image, draft or exemplar.
        again: Their own earlier answer is to be finished or changed.
    """

    task: Task
    item: str
    again: bool = False


class Room:
    """The review room of one chain."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.queues = Queues(store)
        self._fields = Fields(store.engine.dialect.name)

    def next(self, person: Person, task: Task, *, resume: bool = False) -> Assignment | None:
        """The next item, kept for this person; the one they have already, if it is not done.

        Args:
            person: Who asks.
            task: Of which kind.
            resume: Look also for a right blind verdict of theirs without criteria, from an earlier visit.

        Raises:
            NotAllowedError: The task is not for them.
        """
        require(person, task)
        settings = read_settings(self.store)
        needed = {Task.STEER: settings.judges, Task.REVIEW: settings.reviewers, Task.COMPARE: settings.voters}
        queue = self.queues.of(task)
        with exclusive(self.store, f"next {task}") as connection:
            kept = leases.kept_by(connection, task, person.name)
            if kept is not None:
                done = person.name in leases.doers(connection, self._fields, task, [kept])[kept]
                if not done or (task is Task.STEER and self._unfinished(person, kept)):
                    return Assignment(task, kept, again=done)
            if resume and task is Task.STEER and (open_one := self._any_unfinished(person)):
                leases.take(connection, task, open_one, person.name, settings.lease_s)
                return Assignment(task, open_one, again=True)
            found = self._search(connection, queue, task, person.name, needed.get(task, 1))
            if found is None:
                leases.drop(connection, task, person.name)
                return None
            leases.take(connection, task, found, person.name, settings.lease_s)
            return Assignment(task, found)

    def reopen(self, person: Person, task: Task, item: str) -> Assignment:
        """An item that this person has done, to change the answer.

        Raises:
            GoneError: They have not done it.
            NotAllowedError: The task is not for them.
        """
        require(person, task)
        with exclusive(self.store, f"next {task}") as connection:
            if person.name not in leases.doers(connection, self._fields, task, [item])[item]:
                raise GoneError("this is not an answer of yours")
            leases.take(connection, task, item, person.name, read_settings(self.store).lease_s)
        return Assignment(task, item, again=True)

    def renew(self, person: Person, task: Task, item: str) -> bool:
        """Keep an item longer for a person who is still there. False if it is not theirs any more."""
        with self.store.engine.begin() as connection:
            return leases.renew(connection, task, item, person.name, read_settings(self.store).lease_s)

    def judge(self, person: Person, image: str, said: Label, confidence: float, seconds: float) -> Judgement:
        """Take in a blind verdict. The first one of a person stands; a second one is not taken in.

        Raises:
            GoneError: There is no such image.
            RefusedError: The person has seen its label.
        """
        require(person, Task.STEER)
        label = self._label(image)
        with exclusive(self.store, f"judge {image}") as connection:
            before = self._rows(Judgement, image, person)
            if before:
                return before[0]
            if person.name in leases.knowers(connection, [image])[image]:
                raise RefusedError("you have seen the label of this image, so you cannot judge it blind")
            row = Judgement(
                image=image,
                who=person.name,
                said=said,
                confidence=confidence,
                right=said is label,
                seconds=_bounded(seconds),
                at=_now(),
            )
            add(connection, row)
        return row

    def name_criteria(
        self, person: Person, image: str, criteria: Sequence[str], boxes: Sequence[Box], seconds: float
    ) -> Judgement:
        """Take in the criteria and boxes of somebody whose verdict was right; a later answer replaces the one before.

        Raises:
            RefusedError: There is no right verdict of theirs, or a criterion is not known.
        """
        require(person, Task.STEER)
        if unknown := (set(criteria) | {b.criterion for b in boxes if b.criterion}) - set(CRITERION_IDS):
            raise RefusedError(f"unknown criteria: {', '.join(sorted(unknown))}")
        if len(boxes) > MOST_BOXES:
            raise RefusedError(f"more than {MOST_BOXES} boxes")
        with exclusive(self.store, f"judge {image}") as connection:
            before = self._rows(Judgement, image, person)
            if not before or not before[0].right:
                raise RefusedError("criteria are asked only of those whose verdict was right")
            row = before[0].model_copy(
                update={
                    "criteria": tuple(c for c in CRITERION_IDS if c in criteria),
                    "boxes": tuple(boxes),
                    "seconds": _bounded(seconds),
                    "at": _now(),
                }
            )
            if len(before) < 2 or not _same(row, before[-1]):
                add(connection, row)
            leases.drop(connection, Task.STEER, person.name)
        return row

    def review(self, person: Person, review: Review, task: Task = Task.REVIEW) -> None:
        """Take in a decision on a draft; a later one of the same person replaces the one before.

        Raises:
            GoneError: There is no such draft.
            RefusedError: A rejection without a reason, or a criterion that is not known.
        """
        require(person, task)
        try:
            draft = self.store.draft(review.draft)
        except DataError as error:
            raise GoneError(error.message) from error
        if review.decision == "reject" and not review.reason.strip():
            raise RefusedError("a rejection needs a reason")
        if unknown := set(review.traces or ()) - set(CRITERION_IDS):
            raise RefusedError(f"unknown criteria: {', '.join(sorted(unknown))}")
        if review.decision == "revise":
            _require_whole(review)
        role = person.role.value if task is Task.ADJUDICATE else "annotator"
        row = review.model_copy(
            update={
                "image": draft.image,
                "who": person.name,
                "role": role,
                "seconds": _bounded(review.seconds),
                "at": _now(),
            }
        )
        with exclusive(self.store, f"review {draft.id}") as connection:
            before = [
                r for r in self._rows(Review, draft.image, person) if (r.draft, r.role) == (draft.id, role)
            ]
            if not before or not _same(row, before[-1]):
                add(connection, row)
            leases.drop(connection, task, person.name)

    def choose(self, person: Person, choice: Choice) -> None:
        """Take in a choice between two drafts.

        Raises:
            GoneError: The drafts are not two of this image.
        """
        require(person, Task.COMPARE)
        drafts = {self._draft_image(id) for id in (choice.left, choice.right)}
        if drafts != {choice.image} or choice.left == choice.right:
            raise GoneError("these are not two drafts of this image")
        row = choice.model_copy(
            update={"who": person.name, "seconds": _bounded(choice.seconds), "at": _now()}
        )
        with exclusive(self.store, f"choose {choice.image}") as connection:
            before = self._rows(Choice, choice.image, person)
            if not before or not _same(row, before[-1]):
                add(connection, row)
            leases.drop(connection, Task.COMPARE, person.name)

    def check_exemplar(self, person: Person, id: str, text: str) -> Exemplar:
        """Take in an exemplar as it was read and mended; an empty text takes it out of use.

        Raises:
            GoneError: There is no such exemplar.
        """
        require(person, Task.EXEMPLARS)
        known = list(self.store.read(Exemplar, id=id))
        if not known:
            raise GoneError("there is no such exemplar")
        row = known[-1].model_copy(update={"text": text.strip(), "checked_by": person.name, "at": _now()})
        with exclusive(self.store, f"exemplar {id}") as connection:
            add(connection, row)
            leases.drop(connection, Task.EXEMPLARS, person.name)
        return row

    def _search(
        self, connection: sa.Connection, queue: Queue, task: Task, who: str, needed: int
    ) -> str | None:
        """The first open item: of the first ones that are not done, from where this person is, from the start.

        The first ones are looked at each time, so that what somebody left lying does not wait for the end.
        """
        end = len(queue.items)
        near = min(end, queue.floor + CHUNK)
        start = max(near, queue.places.get(who, 0))
        for place, until in ((queue.floor, near), (start, end), (near, start)):
            while place < until:
                chunk = queue.items[place : min(until, place + CHUNK)]
                found, full = self._open_one(connection, task, chunk, who, needed)
                if place == queue.floor and full:
                    queue.floor += full
                if found is not None:
                    queue.places[who] = place + found
                    return chunk[found]
                place += len(chunk)
        return None

    def _open_one(
        self, connection: sa.Connection, task: Task, items: list[str], who: str, needed: int
    ) -> tuple[int | None, int]:
        """Place of the first item that this person can take; and how many at the beginning nobody can ever take."""
        done = leases.doers(connection, self._fields, task, items)
        kept = leases.keepers(connection, task, items)
        known = leases.knowers(connection, items) if task is Task.STEER else {}
        full = next((n for n, item in enumerate(items) if len(done.get(item, ())) < needed), len(items))
        for place, item in enumerate(items):
            theirs = done.get(item, set())
            others = (theirs | kept.get(item, set())) - {who}
            if who not in theirs and len(others) < needed and who not in known.get(item, ()):
                return place, full
        return None, full

    def _rows(self, kind: type[R], image: str, person: Person) -> list[R]:
        return list(self.store.read(kind, image=image, who=person.name))

    def _unfinished(self, person: Person, image: str) -> bool:
        rows = self._rows(Judgement, image, person)
        return len(rows) == 1 and rows[0].right

    def _any_unfinished(self, person: Person) -> str | None:
        rows: dict[str, list[Judgement]] = {}
        for row in self.store.read(Judgement, who=person.name):
            rows.setdefault(row.image, []).append(row)
        return next((image for image, own in rows.items() if len(own) == 1 and own[0].right), None)

    def _label(self, image: str) -> Label:
        try:
            label = self.store.image(image).label
        except DataError as error:
            raise GoneError(error.message) from error
        if label is None:
            raise GoneError("this image has no label, so nobody can be right about it")
        return label

    def _draft_image(self, id: str) -> str:
        try:
            return self.store.draft(id).image
        except DataError as error:
            raise GoneError(error.message) from error


def _require_whole(review: Review) -> None:
    """Refuse a revision that would leave a hole in the record.

    Raises:
        RefusedError: Its description is empty, or an observation has no words.
    """
    if review.description is not None and not review.description.strip():
        raise RefusedError("a revision needs a description")
    for criterion, note in (review.traces or {}).items():
        if note and not note.observation.strip():
            raise RefusedError(f"the observation on {criterion} has no words")


def _same(one: R, other: R) -> bool:
    """Whether two answers say the same, whenever they were given."""
    without = {"at": "", "seconds": 0.0}
    return one.model_copy(update=without) == other.model_copy(update=without)


def _bounded(seconds: float) -> float:
    return round(min(MOST_SECONDS, max(0.0, seconds)), 2)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
