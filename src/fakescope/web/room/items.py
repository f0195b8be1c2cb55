"""What a person is shown of an item. Before the blind verdict that is the picture, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from fakescope.chain.room.desk import Assignment
from fakescope.chain.room.errors import GoneError
from fakescope.chain.room.people import Person
from fakescope.chain.room.tasks import Task
from fakescope.chain.store import Store
from fakescope.errors import DataError
from fakescope.records import Check, Choice, Draft, Exemplar, JsonObject, Judgement, Review

_SHOWN = ("subject", "description", "limits", "advice")


def shown_item(store: Store, assignment: Assignment, person: Person) -> JsonObject:
    """An item as the page gets it.

    Raises:
        GoneError: It is not there any more.
    """
    make = {
        Task.STEER: _steer,
        Task.REVIEW: _review,
        Task.ADJUDICATE: _adjudicate,
        Task.COMPARE: _compare,
        Task.EXEMPLARS: _exemplar,
    }[assignment.task]
    try:
        return {
            "task": assignment.task.value,
            "item": assignment.item,
            "again": assignment.again,
            **make(store, assignment.item, person),
        }
    except DataError as error:
        raise GoneError(error.message) from error


def _steer(store: Store, item: str, person: Person) -> JsonObject:
    rows = list(store.read(Judgement, image=item, who=person.name))
    told: JsonObject = {"image": item, "step": "verdict"}
    if rows and rows[0].right:
        last = rows[-1]
        told |= {
            "step": "criteria",
            "said": rows[0].said.value,
            "criteria": list(last.criteria),
            "boxes": [box.model_dump(mode="json") for box in last.boxes],
        }
    elif rows:
        told |= {"step": "done"}
    return told


def _review(store: Store, item: str, person: Person) -> JsonObject:
    draft = store.draft(item)
    own = [r for r in store.read(Review, draft=item, who=person.name) if r.role == "annotator"]
    checks = {check.name: check for check in store.read(Check, draft=item)}
    return {
        "image": draft.image,
        "label": _label(store, draft.image),
        "draft": _draft(draft),
        "named": list(draft.criteria),
        "checks": [_check(check) for check in checks.values() if check.name != "priority"],
        "others": _others(store, draft),
        "own": _told_review(own[-1]) if own else None,
    }


def _adjudicate(store: Store, item: str, person: Person) -> JsonObject:
    last = {r.who: r for r in store.read(Review, draft=item) if r.role == "annotator"}
    names = {who: f"reviewer {number}" for number, who in enumerate(sorted(last), 1)}
    reviews = [_told_review(r) | {"who": names[who]} for who, r in sorted(last.items())]
    return _review(store, item, person) | {"reviews": reviews, "own": None}


def _compare(store: Store, item: str, person: Person) -> JsonObject:
    pair = _pair(list(store.read(Draft, image=item, fault=None)))
    if hashlib.sha256(f"{person.name}:{item}".encode()).digest()[0] & 1:
        pair.reverse()
    own = list(store.read(Choice, image=item, who=person.name))
    return {
        "image": item,
        "label": _label(store, item),
        # Only the reasoning: form and length of the rest would tell which is which.
        "left": {"id": pair[0].id, "description": pair[0].description},
        "right": {"id": pair[1].id, "description": pair[1].description},
        "own": own[-1].chosen if own else None,
    }


def _pair(drafts: Sequence[Draft]) -> list[Draft]:
    """The newest two drafts of one teacher, one of each mode, that say different things.

    Raises:
        GoneError: There are none.
    """
    newest = drafts[::-1]
    for first in newest:
        for other in newest:
            comparable = (first.mode, other.mode) == ("acoti", "plain") and first.teacher == other.teacher
            if comparable and first.description != other.description:
                return [first, other]
    raise GoneError("there are not two drafts to compare any more")


def _exemplar(store: Store, item: str, person: Person) -> JsonObject:
    found = list(store.read(Exemplar, id=item))
    if not found:
        raise GoneError("there is no such exemplar")
    there = bool(store.images_of([found[-1].image]))
    return {
        "image": found[-1].image if there else None,
        "label": found[-1].label.value,
        "exemplar": found[-1].model_dump(mode="json"),
    }


def _label(store: Store, image: str) -> str:
    label = store.image(image).label
    return label.value if label else ""


def _draft(draft: Draft) -> JsonObject:
    return {
        "id": draft.id,
        "teacher": draft.teacher,
        **{name: getattr(draft, name) for name in _SHOWN},
        "traces": {c: note.model_dump(mode="json") if note else None for c, note in draft.traces.items()},
    }


def _check(check: Check) -> JsonObject:
    return {"name": check.name, "passed": check.passed, "detail": check.detail, "value": check.value}


def _others(store: Store, draft: Draft) -> list[JsonObject]:
    """What other teachers found on the same image, for a jury's disagreement to be seen."""
    drafts: Sequence[Draft] = list(store.read(Draft, image=draft.image, mode="acoti", fault=None))
    return [
        {"teacher": other.teacher, "findings": {c: note.finding for c, note in other.traces.items() if note}}
        for other in drafts
        if other.id != draft.id and other.teacher != draft.teacher
    ]


def _told_review(review: Review) -> JsonObject:
    return review.model_dump(
        mode="json", include={"decision", "reason", "traces", "description", "limits", "advice"}
    )
