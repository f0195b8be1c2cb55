"""What the page asks the server.

Every request that changes something is JSON with a header of our own: a form of another site can send neither.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from fakescope.chain.exemplars import latest
from fakescope.chain.room.desk import MOST_BOXES, Room
from fakescope.chain.room.errors import GoneError, NotAllowedError
from fakescope.chain.room.people import Person, Role
from fakescope.chain.room.pictures import Pictures
from fakescope.chain.room.progress import Progress
from fakescope.chain.room.settings import read_settings
from fakescope.chain.room.tasks import Task, tasks_of
from fakescope.errors import DataError
from fakescope.records import Box, Choice, JsonObject, Label, Region, Review, TraceNote
from fakescope.taxonomy import CRITERIA, CRITERION_IDS
from fakescope.web.room.items import shown_item
from fakescope.web.room.session import COOKIE, Sessions

EXAMPLES = 2
"""Exemplars shown beside the definition of a criterion."""

Text = Annotated[str, Field(max_length=4000)]
Id = Annotated[str, Field(min_length=1, max_length=128)]
Seconds = Annotated[float, Field(ge=0.0, le=1e6)]


class Sent(BaseModel):
    """Base of what a page sends: nothing unknown in it."""

    model_config = ConfigDict(extra="forbid")
    item: Id
    seconds: Seconds = 0.0


class Verdict(Sent):
    said: Label
    confidence: float = Field(ge=0.5, le=1.0)


class SentBox(BaseModel):
    model_config = ConfigDict(extra="forbid")
    region: Region
    criterion: Id | None = None


class Criteria(Sent):
    criteria: list[Id] = Field(max_length=len(CRITERION_IDS))
    boxes: list[SentBox] = Field(default=[], max_length=MOST_BOXES)


class SentNote(BaseModel):
    model_config = ConfigDict(extra="forbid")
    finding: str = Field(pattern="^(abnormal|natural)$")
    observation: Annotated[str, Field(min_length=1, max_length=4000)]
    region: Region | None = None


class Decision(Sent):
    decision: str = Field(pattern="^(accept|revise|reject)$")
    reason: Text = ""
    traces: dict[str, SentNote | None] | None = None
    description: Text | None = None
    limits: Text | None = None
    advice: Text | None = None


class Preferred(Sent):
    left: Id
    right: Id
    chosen: str = Field(pattern="^(left|right)$")


class Checked(Sent):
    text: Text


class Kept(Sent):
    task: Task


def signed_in(request: Request) -> Person:
    """Who asks.

    Raises:
        NotSignedInError: Nobody.
    """
    sessions: Sessions = request.app.state.sessions
    return sessions.person(request.cookies.get(COOKIE))


def from_our_page(x_fakescope: Annotated[str, Header()] = "") -> None:
    """Refuse what another site's form could send.

    Raises:
        NotAllowedError: The header is not there.
    """
    if x_fakescope != "room":
        raise NotAllowedError("this request does not come from the review room's page")


def room_of(request: Request) -> Room:
    """The room of the application."""
    room: Room = request.app.state.room
    return room


Who = Annotated[Person, Depends(signed_in)]
TheRoom = Annotated[Room, Depends(room_of)]
router = APIRouter(prefix="/api")
changing = APIRouter(prefix="/api", dependencies=[Depends(from_our_page)])


@router.get("/me")
def me(person: Who, room: TheRoom) -> JsonObject:
    """Who I am, what I may do, and the criteria with examples."""
    settings = read_settings(room.store)
    exemplars = [e for e in latest(room.store) if e.checked_by and e.text]
    return {
        "name": person.name,
        "role": person.role.value,
        "tasks": [task.value for task in tasks_of(person)],
        "reveal": settings.reveal,
        "lease_s": settings.lease_s,
        "criteria": [
            {
                "id": c.id,
                "name": c.name,
                "definition": c.definition,
                "examples": [
                    {"label": e.label.value, "text": e.text} for e in exemplars if c.id in e.criteria
                ][:EXAMPLES],
            }
            for c in CRITERIA
        ],
    }


@router.get("/next")
def next_item(person: Who, room: TheRoom, task: Task, resume: bool = False) -> JsonObject:
    """The next item of a task; null when there is none."""
    found = room.next(person, task, resume=resume)
    return {"item": None if found is None else shown_item(room.store, found, person)}


@changing.post("/reopen")
def reopen(person: Who, room: TheRoom, sent: Kept) -> JsonObject:
    """An item that I have done, to change my answer."""
    return {"item": shown_item(room.store, room.reopen(person, sent.task, sent.item), person)}


@changing.post("/renew")
def renew(person: Who, room: TheRoom, sent: Kept) -> JsonObject:
    """I am still here."""
    return {"kept": room.renew(person, sent.task, sent.item)}


@changing.post("/verdict")
def verdict(person: Who, room: TheRoom, sent: Verdict) -> JsonObject:
    """A blind verdict. Told is only whether criteria are asked."""
    row = room.judge(person, sent.item, sent.said, sent.confidence, sent.seconds)
    return {"right": row.right, "said": row.said.value}


@changing.post("/criteria")
def criteria(person: Who, room: TheRoom, sent: Criteria) -> JsonObject:
    """Criteria and boxes, after a right verdict."""
    boxes = [Box(region=box.region, criterion=box.criterion) for box in sent.boxes]
    room.name_criteria(person, sent.item, sent.criteria, boxes, sent.seconds)
    return {"saved": True}


@changing.post("/review")
def review(person: Who, room: TheRoom, sent: Decision) -> JsonObject:
    """A decision on a draft."""
    room.review(person, _review(sent, person))
    return {"saved": True}


@changing.post("/adjudicate")
def adjudicate(person: Who, room: TheRoom, sent: Decision) -> JsonObject:
    """A decision on a draft on which reviewers differ."""
    room.review(person, _review(sent, person), Task.ADJUDICATE)
    return {"saved": True}


@changing.post("/compare")
def compare(person: Who, room: TheRoom, sent: Preferred) -> JsonObject:
    """A choice between two drafts; `item` is the image."""
    choice = Choice.model_validate(
        {
            "image": sent.item,
            "who": person.name,
            **sent.model_dump(include={"left", "right", "chosen", "seconds"}),
        }
    )
    room.choose(person, choice)
    return {"saved": True}


@changing.post("/exemplars")
def exemplars(person: Who, room: TheRoom, sent: Checked) -> JsonObject:
    """An exemplar as it was read and mended; an empty text takes it out of use."""
    room.check_exemplar(person, sent.item, sent.text)
    return {"saved": True}


@router.get("/progress")
def progress(request: Request, person: Who) -> JsonObject:
    """How far the chain is, and what I have done; the owner sees everybody."""
    counts: Progress = request.app.state.progress
    told: JsonObject = {"overall": counts.overall(), "own": counts.of(person)}
    if person.role is Role.OWNER:
        told["people"] = counts.everybody()
    return told


@router.get("/image/{image}")
def image(request: Request, person: Who, image: str) -> Response:
    """A picture, the same for everybody."""
    pictures: Pictures = request.app.state.pictures
    try:
        data = pictures.jpeg(image)
    except DataError as error:
        raise GoneError(error.message) from error
    return Response(data, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


def _review(sent: Decision, person: Person) -> Review:
    values: dict[str, Any] = sent.model_dump(
        include={"decision", "reason", "description", "limits", "advice", "seconds"}
    )
    traces = None
    if sent.traces is not None:
        traces = {c: TraceNote.model_validate(n.model_dump()) if n else None for c, n in sent.traces.items()}
    return Review(draft=sent.item, image="", who=person.name, traces=traces, **values)
