"""A teacher that is none: an OpenAI-compatible server with a known latency and known faults, for tests and benchmarks.

    python benchmarks/fake_teacher.py --latency 0.5 --faults "http_500=0.05,wrong_label=0.05" --log asked.jsonl

It reads label and criteria from the prompt and answers something that differs from picture to picture. Faults are drawn
by a hash of seed, picture and attempt, so a run can be repeated. The address is the first line of its output;
`GET /counts` tells what it did. It speaks HTTP/1.1 by itself, on the standard library, so that it costs little beside
what is measured and can break off a connection where a fault asks for it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import binascii
import hashlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TextIO

LABEL = re.compile(r"^\W*(?:true |known )?label\W+(fake|real)\b", re.IGNORECASE | re.MULTILINE)
CRITERIA = re.compile(r"^\W*criteria:\s*(\w+(?:\s*,\s*\w+)*)", re.IGNORECASE | re.MULTILINE)
UNSTEERED = ("texture", "edge")

FAULTS = (
    "http_500", "rate_limit", "timeout", "disconnect", "broken_json", "wrong_schema", "wrong_label", "empty",
    "truncated", "refusal",
)  # fmt: skip
OTHER = {"fake": "real", "real": "fake"}
MAX_HEAD_BYTES, MAX_BODY_BYTES = 1 << 16, 1 << 26

PARTS = (
    "sleeve", "collar", "button", "wheel", "window", "gable", "petal", "finger", "thumb", "tooth", "iris", "strand",
    "brick", "tile", "rope", "buckle", "ladder", "spoon", "letter", "numeral", "shadow", "puddle", "mirror", "glass",
    "rail", "cable", "branch", "leaf", "feather", "paw", "tail", "ear", "brim", "hem", "seam",
)  # fmt: skip
LOOKS = (
    "left",
    "right",
    "upper",
    "lower",
    "pale",
    "dark",
    "narrow",
    "broad",
    "worn",
    "distant",
    "curved",
    "folded",
)
SIGNS = {
    "fake": ("melts into", "repeats", "bends through", "stops short of", "floats before", "merges with"),
    "real": ("casts its shadow on", "is worn where it meets", "hides part of", "hangs from", "blurs behind"),
}


@dataclass
class FakeTeacher:
    """The server.

    Attributes:
        latency_s: From request to answer.
        faults: Probability of each fault.
        seed: Of the draw of faults.
        sticky: A picture meets the same fate at every attempt.
        timeout_s: How long a request with the fault `timeout` is kept waiting, if the client does not give up before.
        log: File to which a line of JSON is added for each request, as it comes.
        refuses: Kinds of `response_format` that are answered with 400, as by servers that do not know them.
        counts: Requests, and how many met each fate; `answered_again` counts questions with a good answer before.
        asked: Attempts by picture (SHA-256 of its bytes).
    """

    latency_s: float = 0.0
    faults: dict[str, float] = field(default_factory=dict)
    seed: int = 0
    sticky: bool = False
    timeout_s: float = 3600.0
    log: Path | None = None
    refuses: tuple[str, ...] = ()
    counts: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    on_the_way: int = 0
    most_on_the_way: int = 0
    _answered: set[bytes] = field(default_factory=set, repr=False)
    _file: TextIO | None = field(default=None, repr=False)

    async def serve(self, port: int, stop: asyncio.Event, ready: Callable[[str], None]) -> None:
        """Serve until `stop` is set; `ready` is told the address."""
        with self.log.open("a", buffering=1, encoding="utf-8") if self.log else nullcontext() as self._file:
            server = await asyncio.start_server(
                self._connection, "127.0.0.1", port, limit=MAX_BODY_BYTES, backlog=2048
            )
            ready(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
            await stop.wait()
            server.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            going_on = True
            while going_on:
                head = await reader.readuntil(b"\r\n\r\n")
                path, length = _head(head)
                if b"expect: 100-continue" in head.lower():
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = await reader.readexactly(length)
                going_on = await self._respond(path, body, reader, writer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client went away
        except ValueError as error:
            _send(writer, 400, {"error": {"message": f"cannot be read: {error}"}})
        finally:
            writer.close()

    async def _respond(
        self, path: str, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request. Returns whether the connection may go on."""
        if path == "/counts":
            _send(writer, 200, self.told())
        elif path.endswith("/chat/completions"):
            return await self._complete(body, reader, writer)
        else:
            _send(writer, 404, {"error": {"message": f"there is nothing at {path}"}})
        return True

    def told(self) -> dict[str, Any]:
        """What `GET /counts` tells."""
        return {
            "counts": dict(self.counts),
            "pictures": len(self.asked),
            "on_the_way": self.on_the_way,
            "most_on_the_way": self.most_on_the_way,
        }

    async def _complete(
        self, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        started = time.monotonic()
        text, picture, form = _prompt(body)
        if form in self.refuses:
            self.counts["refused_format"] += 1
            _send(writer, 400, {"error": {"message": f"response_format {form} is not supported"}})
            return True
        fate = self._fate(picture)
        self._note(text, picture, fate)
        try:
            if fate == "timeout":
                await asyncio.wait({asyncio.ensure_future(reader.read(1))}, timeout=self.timeout_s)
                return False
            await asyncio.sleep(max(0.0, self.latency_s - (time.monotonic() - started)))
            return self._end(fate, text, picture, writer)
        finally:
            self.on_the_way -= 1

    def _fate(self, picture: str) -> str:
        attempt = 0 if self.sticky else self.asked[picture]
        draw = int(hashlib.sha256(f"{self.seed}:{picture}:{attempt}".encode()).hexdigest()[:12], 16) / 16**12
        for name, share in self.faults.items():
            draw -= share
            if draw < 0:
                return name
        return "answered"

    def _note(self, text: str, picture: str, fate: str) -> None:
        prompt = hashlib.sha256(text.encode())
        prompt.update(picture.encode())
        question = prompt.digest()[:12]
        self.asked[picture] += 1
        self.counts["requests"] += 1
        self.counts[fate] += 1
        self.counts["answered_again"] += question in self._answered
        if fate == "answered":
            self._answered.add(question)
        self.on_the_way += 1
        self.most_on_the_way = max(self.most_on_the_way, self.on_the_way)
        if self._file:
            fault = None if fate == "answered" else fate
            line = {
                "image": picture, "prompt": question.hex(), "attempt": self.asked[picture], "fault": fault,
                "in_flight": self.on_the_way,
            }  # fmt: skip
            self._file.write(json.dumps(line) + "\n")

    def _end(self, fate: str, text: str, picture: str, writer: asyncio.StreamWriter) -> bool:
        if fate == "http_500":
            _send(writer, 500, {"error": {"message": "made to fail", "type": "server_error"}})
        elif fate == "rate_limit":
            _send(
                writer,
                429,
                {"error": {"message": "slow down", "type": "rate_limit"}},
                "retry-after: 0.05\r\n",
            )
        elif fate == "disconnect":
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n{"
            )
            return False
        else:
            _send(writer, 200, _completion(fate, text, picture))
        return True


def _completion(fate: str, text: str, picture: str) -> dict[str, Any]:
    found, named = LABEL.search(text), CRITERIA.search(text)
    label = found[1].lower() if found else "fake"
    criteria = [one.strip() for one in named[1].split(",")] if named else list(UNSTEERED)
    content: str | None = json.dumps(
        answer(OTHER[label] if fate == "wrong_label" else label, criteria, picture)
    )
    if fate in ("broken_json", "truncated"):
        content = (content or "")[:-40]
    elif fate == "wrong_schema":
        content = json.dumps({"verdict": label, "why": "I feel it."})
    elif fate == "empty":
        content = ""
    refusal = "I cannot help with that." if fate == "refusal" else None
    message = {"role": "assistant", "content": None if refusal else content, "refusal": refusal}
    choice = {"index": 0, "finish_reason": "length" if fate == "truncated" else "stop", "message": message}
    tokens_in, tokens_out = 500 + len(text) // 4, len(content or "") // 4
    return {
        "id": picture[:12], "object": "chat.completion", "created": 0, "model": "fake-teacher", "choices": [choice],
        "usage": {
            "prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out
        },
    }  # fmt: skip


def answer(label: str, criteria: list[str], picture: str) -> dict[str, Any]:
    """An answer of the right form, in words and places drawn by the picture."""
    draw = Random(f"{picture}:{label}")

    def thing() -> str:
        return f"{draw.choice(LOOKS)} {draw.choice(PARTS)} at {draw.randrange(1000)},{draw.randrange(1000)}"

    def trace(criterion: str) -> dict[str, Any]:
        left, top = round(draw.uniform(0, 0.7), 3), round(draw.uniform(0, 0.7), 3)
        return {
            "criterion": criterion,
            "finding": "abnormal" if label == "fake" else "natural",
            "observation": f"The {thing()} {draw.choice(SIGNS[label])} the {thing()}.",
            "region": [left, top, round(left + 0.25, 3), round(top + 0.25, 3)]
            if draw.random() < 0.7
            else None,
        }

    traces = [trace(criterion) for criterion in criteria]
    seen = " ".join(str(one["observation"]) for one in traces)
    return {
        "label": label,
        "subject": f"A {thing()} beside a {thing()}.",
        "traces": traces,
        "description": f"This image is {label} because of the {thing()} near the {thing()}. {seen}",
        "limits": f"The {thing()} is too small to be sure of.",
        "advice": f"Compare the {thing()} with the {thing()}.",
    }


def _prompt(body: bytes) -> tuple[str, str, str]:
    """The text of the prompt, the SHA-256 of its last picture, and the kind of `response_format`."""
    asked = json.loads(body)
    parts = [p for m in asked["messages"] if isinstance(m["content"], list) for p in m["content"]]
    text = "\n".join(part["text"] for part in parts if part["type"] == "text")
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    data = b""
    with suppress(binascii.Error):
        data = base64.b64decode(urls[-1].partition(",")[2]) if urls else b""
    form = (asked.get("response_format") or {}).get("type", "text")
    return text, hashlib.sha256(data).hexdigest(), form


def _head(head: bytes) -> tuple[str, int]:
    """Path and length of the body of a request.

    Raises:
        ValueError: It cannot be read, or is too long.
    """
    first, *lines = head.decode("latin-1").split("\r\n")
    _, path, _ = first.split(" ")
    length = 0
    for line in lines:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            length = int(value)
    if not 0 <= length <= MAX_BODY_BYTES or len(head) > MAX_HEAD_BYTES:
        raise ValueError("too long")
    return path, length


def _send(writer: asyncio.StreamWriter, status: int, body: dict[str, Any], headers: str = "") -> None:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n{headers}\r\n"
    writer.write(head.encode("latin-1") + data)


@contextmanager
def serving(teacher: FakeTeacher, port: int = 0) -> Iterator[str]:
    """Serve in a thread while the block runs; gives the base address."""
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    address: list[str] = []
    ready = threading.Event()

    def tell(url: str) -> None:
        address.append(url)
        ready.set()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(teacher.serve(port, stop, tell))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    if not ready.wait(10):
        raise RuntimeError(f"the fake teacher does not start on port {port}")
    try:
        yield address[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


def _faults(text: str) -> dict[str, float]:
    pairs = [part.split("=") for part in text.split(",") if part]
    if unknown := {name.strip() for name, _ in pairs} - set(FAULTS):
        raise SystemExit(f"unknown faults: {', '.join(sorted(unknown))}; known: {', '.join(FAULTS)}")
    return {name.strip(): float(share) for name, share in pairs}


def main() -> None:
    """Serve until stopped; the address is the first line on standard output."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument(
        "--faults", default="", help="NAME=PROBABILITY, by commas; names: " + ", ".join(FAULTS)
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sticky", action="store_true", help="the same fault at every attempt")
    parser.add_argument("--log", type=Path, help="JSON Lines, one a request")
    options = parser.parse_args()
    teacher = FakeTeacher(
        options.latency, _faults(options.faults), options.seed, options.sticky, log=options.log
    )
    with suppress(KeyboardInterrupt):
        asyncio.run(teacher.serve(options.port, asyncio.Event(), lambda url: print(url, flush=True)))
    print(json.dumps(teacher.told()), flush=True)


if __name__ == "__main__":
    main()
