"""A review room as its people meet it: the installed command, and requests over HTTP."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakescope.chain.room.people import Role, add_person
from fakescope.chain.store import Store


@dataclass
class Server:
    """`fakescope chain review` in a process of its own."""

    folder: Path
    more: tuple[str, ...] = ()
    port: int = 0
    process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "fakescope", "chain", "review", str(self.folder)]
        command += ["--port", str(self.port), *self.more]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if found := re.search(r"review room: http://[^:]+:(\d+)", line):
                self.port = int(found[1])
                break
        else:
            raise RuntimeError("the review room did not start")
        for _ in range(200):
            try:
                urllib.request.urlopen(self.url, timeout=1)
                return
            except OSError:
                time.sleep(0.05)

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(20)
            self.process.stderr.close()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)
        self.process.stderr.close()


@dataclass
class Client:
    """A person's requests, without a browser. Every answer's body is kept in `seen`."""

    url: str
    token: str
    cookie: str = ""
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_: object) -> None:
                return None

        self._opener = urllib.request.build_opener(Stay)
        status, headers, _ = self.raw("GET", f"/enter?token={self.token}")
        assert status == 303
        self.cookie = (headers.get("set-cookie") or "").split(";")[0]

    def raw(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, bytes]:
        sent = {
            "Cookie": self.cookie,
            "X-Fakescope": "room",
            "Content-Type": "application/json",
            **(headers or {}),
        }
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {k: v for k, v in sent.items() if v}, method=method
        )
        try:
            with self._opener.open(request, timeout=60) as answer:
                content = answer.read()
                self.seen.append(f"{answer.headers}{content[:100_000].decode('latin-1')}")
                return answer.status, answer.headers, content
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def get(self, path: str) -> Any:
        status, _, content = self.raw("GET", path)
        assert status == 200, content
        return json.loads(content)

    def post(self, path: str, body: object) -> Any:
        status, _, content = self.raw("POST", path, body)
        assert status == 200, content
        return json.loads(content)

    def next(self, task: str, resume: bool = False) -> Any:
        return self.get(f"/api/next?task={task}&resume={str(resume).lower()}")["item"]


def people(store: Store, **roles: str) -> dict[str, str]:
    """Tokens by name."""
    return {name: add_person(store, name, Role(role)) for name, role in roles.items()}
