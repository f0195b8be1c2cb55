"""A teacher that follows a script, and exemplars."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from fakescope.chain.teachers.base import Reply, Request, TeacherError
from fakescope.records import Exemplar, Label


def answer_of(request: Request, **changes: object) -> str:
    """A right answer, different for each picture."""
    mark = hashlib.sha256(request.pictures[-1].jpeg).hexdigest()[:8]
    body = {
        "label": request.label.value,
        "subject": f"Picture {mark}.",
        "traces": [
            {
                "criterion": c,
                "finding": "abnormal",
                "observation": f"The {c} at {mark} is off.",
                "region": None,
            }
            for c in request.criteria or ("texture",)
        ],
        "description": f"This image is {request.label.value} because {mark} shows it in more words than "
        "are needed, so that no check of length complains about it.",
        "limits": "None.",
        "advice": "Look again.",
    }
    return json.dumps(body | changes)


@dataclass
class ScriptedTeacher:
    """Answers by a function of the request and of how often this picture was asked about."""

    script: Callable[[Request, int], str | TeacherError] = lambda request, nth: answer_of(request)
    name: str = "test:scripted"
    wait_s: float = 0.0
    requests: list[Request] = field(default_factory=list)
    on_the_way: int = 0
    most_on_the_way: int = 0
    closed: int = 0

    async def ask(self, request: Request) -> Reply:
        nth = sum(r.pictures == request.pictures for r in self.requests)
        self.requests.append(request)
        self.on_the_way += 1
        self.most_on_the_way = max(self.most_on_the_way, self.on_the_way)
        await asyncio.sleep(self.wait_s)
        self.on_the_way -= 1
        said = self.script(request, nth)
        if isinstance(said, TeacherError):
            raise said
        return Reply(said, tokens_in=100, tokens_out=40)

    async def close(self) -> None:
        self.closed += 1


def exemplar(label: str, *criteria: str, id: str = "", by: str | None = "ann") -> Exemplar:
    """An exemplar of a picture that is in no chain."""
    name = id or f"{label}-0"
    return Exemplar(
        id=name,
        image=f"of-{name}",
        label=Label(label),
        criteria=criteria,
        text=f"Reasoning of {name}.",
        checked_by=by,
    )
