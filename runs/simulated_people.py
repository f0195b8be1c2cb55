"""People who are none, at work in a review room over HTTP, for rehearsals: `simulated_people.py TASK ROOM_URL FOLDER`.

FOLDER holds ann.link, bob.link and eve.link as `fakescope chain people add` printed them. They look at no picture: they
draw their answers by a hash, so a rehearsal can be repeated. Nothing they say is worth anything as data.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

CRITERIA = ("texture", "edge", "clarity", "light", "shape", "layout", "anatomy")


class Person:
    """One person with a session."""

    def __init__(self, name: str, url: str, link: str) -> None:
        place = urlparse(url)
        self.name, self.did = name, Counter[str]()
        self._connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
        self._connection.request("GET", f"/enter?{urlparse(link).query}")
        answer = self._connection.getresponse()
        answer.read()
        self._cookie = (answer.getheader("set-cookie") or "").split(";")[0]

    def ask(self, path: str, body: object = None) -> Any:
        """Send a request; anything but success ends the rehearsal."""
        headers = {"Cookie": self._cookie, "Content-Type": "application/json", "X-Fakescope": "room"}
        method = "GET" if body is None else "POST"
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self._connection.getresponse()
        told = json.loads(answer.read())
        if answer.status != 200:
            raise SystemExit(f"{self.name}: {path}: {told}")
        return told

    def draw(self, item: str, what: str) -> float:
        """A number in [0, 1) for this person, item and question."""
        digest = hashlib.sha256(f"{self.name}:{item}:{what}".encode()).hexdigest()
        return int(digest[:8], 16) / 16**8

    def work(self, task: str) -> None:
        """Do everything that there is to do of a task."""
        while (item := self.ask(f"/api/next?task={task}")["item"]) is not None:
            self.did[ACTS[task](self, item)] += 1


def steer(person: Person, item: dict[str, Any]) -> str:
    """Say fake or real by a draw; name about three criteria, mostly the same as everybody."""
    id = item["item"]
    said = "fake" if person.draw(id, "said") < 0.5 else "real"
    verdict = {"item": id, "said": said, "confidence": 0.75, "seconds": 5.0}
    if not person.ask("/api/verdict", verdict)["right"]:
        return "wrong"
    shared = int(hashlib.sha256(id.encode()).hexdigest()[:4], 16)
    named = [c for n, c in enumerate(CRITERIA) if (shared >> n) & 1 and person.draw(id, c) < 0.9][:3]
    left = round(0.6 * person.draw(id, "x"), 3)
    boxes = [{"criterion": c, "region": [left, 0.1, left + 0.3, 0.5]} for c in named[:1]]
    person.ask("/api/criteria", {"item": id, "criteria": named, "boxes": boxes, "seconds": 9.0})
    return "right"


def review(person: Person, item: dict[str, Any], path: str = "/api/review") -> str:
    """Accept most, revise some, reject a few."""
    id, draw = item["item"], person.draw(item["item"], "review")
    if draw < 0.1:
        person.ask(
            path, {"item": id, "decision": "reject", "reason": "does not fit the picture", "seconds": 12.0}
        )
        return "rejected"
    if draw < 0.3:
        text = item["draft"]["description"] + " This was looked at again."
        person.ask(path, {"item": id, "decision": "revise", "description": text, "seconds": 30.0})
        return "revised"
    person.ask(path, {"item": id, "decision": "accept", "seconds": 8.0})
    return "accepted"


def adjudicate(person: Person, item: dict[str, Any]) -> str:
    """As in review, by the one who decides."""
    return review(person, item, "/api/adjudicate")


def compare(person: Person, item: dict[str, Any]) -> str:
    """Prefer the longer text four times in five."""
    longer = "left" if len(item["left"]["description"]) >= len(item["right"]["description"]) else "right"
    other = {"left": "right", "right": "left"}[longer]
    chosen = longer if person.draw(item["item"], "compare") < 0.8 else other
    sent = {"item": item["item"], "left": item["left"]["id"], "right": item["right"]["id"], "chosen": chosen}
    person.ask("/api/compare", sent | {"seconds": 7.0})
    return "compared"


def exemplars(person: Person, item: dict[str, Any]) -> str:
    """Take each as it stands."""
    person.ask("/api/exemplars", {"item": item["item"], "text": item["exemplar"]["text"]})
    return "checked"


ACTS: dict[str, Callable[[Person, dict[str, Any]], str]] = {
    "steer": steer,
    "review": review,
    "adjudicate": adjudicate,
    "compare": compare,
    "exemplars": exemplars,
}
WHO = {"adjudicate": ("eve",), "exemplars": ("eve",)}


def main(task: str, url: str, folder: str) -> None:
    """All who may do a task do it at the same time."""
    names = WHO.get(task, ("ann", "bob"))
    people = [Person(name, url, (Path(folder) / f"{name}.link").read_text().strip()) for name in names]
    threads = [threading.Thread(target=person.work, args=(task,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for person in people:
        print(f"{person.name}: {dict(person.did)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
