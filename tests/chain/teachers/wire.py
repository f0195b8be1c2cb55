"""A real HTTP server that answers as a test says, and a request to send to teachers."""

from __future__ import annotations

import importlib.util
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from fakescope.chain.enlighten.answer import ANSWER_SCHEMA
from fakescope.chain.teachers.base import Picture, Request
from fakescope.prompts.acoti import acoti_prompt
from fakescope.records import Label

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples" / "images"
KEY = "sk-secret-0123456789"


def load_fake_teacher() -> Any:
    """The module `benchmarks/fake_teacher.py`."""
    name = "fake_teacher"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / "fake_teacher.py")
        assert spec
        assert spec.loader
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def request(
    label: str = "fake",
    *criteria: str,
    picture: str = "fake-woman-sofa.jpg",
    more: int = 0,
    max_tokens: int = 500,
) -> Request:
    """What the enlightener asks about an example image; `more` pictures stand before it."""
    jpeg = (EXAMPLES / picture).read_bytes()
    before = tuple(
        Picture((EXAMPLES / "real-fallen-leaf.jpg").read_bytes(), f"example {n}") for n in range(more)
    )
    return Request(
        system="You are careful.",
        text=acoti_prompt(Label(label), criteria, ()),
        pictures=(*before, Picture(jpeg, "picture")),
        schema=ANSWER_SCHEMA,
        label=Label(label),
        criteria=criteria,
        max_tokens=max_tokens,
    )


@dataclass(frozen=True)
class Asked:
    """A request as it came over the wire."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(frozen=True)
class Answered:
    """What the server does: a status with a body (JSON, or raw bytes), after a wait; or it breaks off."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    drip_s: float = 0.0
    breaks_off: bool = False


Script = Callable[[Asked, int], Answered]


@contextmanager
def server(script: Script) -> Iterator[tuple[str, list[Asked]]]:
    """Serve in threads; gives the address and the list in which requests are kept."""
    asked: list[Asked] = []
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.append(Asked(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            answered = script(asked[-1], len(asked) - 1)
            over.wait(answered.wait_s)
            try:
                self._answer(answered)
            except OSError:
                self.close_connection = True  # the client gave up

        def _answer(self, answered: Answered) -> None:
            data = answered.body if isinstance(answered.body, bytes) else json.dumps(answered.body).encode()
            self.send_response(answered.status)
            headers = {
                "content-type": "application/json",
                "content-length": str(len(data)),
                **answered.headers,
            }
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if answered.breaks_off:
                self.wfile.write(data[:1])
                self.close_connection = True
                return
            for at in range(0, len(data), 1 if answered.drip_s else len(data)):
                self.wfile.write(data[at : at + 1] if answered.drip_s else data)
                if answered.drip_s and over.wait(answered.drip_s):
                    return

        def log_message(self, format: str, *args: Any) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_address[1]}", asked
    finally:
        over.set()
        httpd.shutdown()
        httpd.server_close()


def http_date(seconds_ahead: float) -> str:
    """A date in the form of HTTP headers."""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + seconds_ahead))
