"""The review room under many annotators at once: latency of every kind of request.

    python benchmarks/room_load.py --images DIR [--people 50] [--think 2.0] [--seconds 60]

Each person works as the page does: asks for the next picture, loads it, looks at it for a while, sends a verdict, and
when that was right criteria with a box; progress is asked after each. The server is the command, a process of its own.
With a think time of 2 s they are several times as fast as people. Writes bench-results/room-load.json.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from itertools import cycle, islice
from pathlib import Path

from fakescope.chain.room.people import Role, add_person
from fakescope.chain.store import open_store
from fakescope.records import ImageRef, Label

Times = dict[str, list[float]]


class Annotator(threading.Thread):
    """One person, with a connection that stays open."""

    def __init__(self, port: int, token: str, think_s: float, until: float, seed: int) -> None:
        super().__init__(daemon=True)
        self.times: Times = defaultdict(list)
        self.failures: list[str] = []
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._think_s, self._until, self._rng = think_s, until, random.Random(seed)
        self._connection.request("GET", f"/enter?token={token}")
        answer = self._connection.getresponse()
        answer.read()
        self._cookie = (answer.getheader("set-cookie") or "").split(";")[0]

    def run(self) -> None:
        time.sleep(self._rng.uniform(0, self._think_s))
        while time.monotonic() < self._until:
            item = json.loads(self._ask("next", "GET", "/api/next?task=steer"))["item"]
            if item is None:
                return
            self._ask("image", "GET", f"/api/image/{item['image']}")
            time.sleep(self._rng.uniform(0.5, 1.5) * self._think_s)
            verdict = {"item": item["item"], "said": self._rng.choice(["fake", "real"]), "confidence": 0.75}
            if json.loads(self._ask("verdict", "POST", "/api/verdict", verdict))["right"]:
                time.sleep(self._rng.uniform(0.5, 1.5) * self._think_s)
                box = {"region": [0.1, 0.1, 0.5, 0.5], "criterion": "edge"}
                sent = {"item": item["item"], "criteria": ["edge", "tone"], "boxes": [box]}
                self._ask("criteria", "POST", "/api/criteria", sent)
            self._ask("progress", "GET", "/api/progress")

    def _ask(self, name: str, method: str, path: str, body: object = None) -> bytes:
        data = None if body is None else json.dumps(body)
        headers = {"Cookie": self._cookie, "Content-Type": "application/json", "X-Fakescope": "room"}
        started = time.perf_counter()
        self._connection.request(method, path, data, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        self.times[name].append(time.perf_counter() - started)
        if answer.status != 200:
            self.failures.append(f"{answer.status} {content[:200]!r}")
        return content


def percentile(values: list[float], share: float) -> float:
    """A percentile by rank, in milliseconds."""
    ordered = sorted(values)
    return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, required=True, help="folder of JPEG files")
    parser.add_argument("--count", type=int, default=100_000, help="images in the chain")
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--think", type=float, default=2.0, help="mean seconds between requests of a person")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--out", type=Path, default=Path("bench-results"))
    options = parser.parse_args()
    files = sorted(options.images.glob("*.jpg"))
    with tempfile.TemporaryDirectory() as scratch, open_store(Path(scratch), create=True) as store:
        store.add_images(
            ImageRef(
                id=hashlib.sha256(str(number).encode()).hexdigest()[:16],
                path=str(path.absolute()),
                label=Label.FAKE if number % 2 else Label.REAL,
            )
            for number, path in enumerate(islice(cycle(files), options.count))
        )
        tokens = [add_person(store, f"person {n}", Role.ANNOTATOR) for n in range(options.people)]
        command = [sys.executable, "-m", "fakescope", "chain", "review", scratch, "--port", "0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr is not None
            found = next(m for line in server.stderr if (m := re.search(r"http://[^:]+:(\d+)", line)))
            time.sleep(2)
            until = time.monotonic() + options.seconds
            people = [Annotator(int(found[1]), t, options.think, until, n) for n, t in enumerate(tokens)]
            for person in people:
                person.start()
            for person in people:
                person.join()
            server.terminate()
        judged = store.counts()["judgements"]
    times: Times = defaultdict(list)
    for person in people:
        for name, own in person.times.items():
            times[name] += own
            times["all"] += own
    result = {
        "people": options.people,
        "images": options.count,
        "think_s": options.think,
        "seconds": options.seconds,
        "requests_per_s": round(len(times["all"]) / options.seconds, 1),
        "rows_kept": judged,
        "failures": [failure for person in people for failure in person.failures][:5],
        "milliseconds": {
            name: {
                "n": len(v),
                "p50": percentile(v, 0.5),
                "p95": percentile(v, 0.95),
                "max": percentile(v, 1.0),
            }
            for name, v in times.items()
        },
    }
    options.out.mkdir(exist_ok=True)
    (options.out / "room-load.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
