"""Servers of chat models on this machine: this project's own in a thread, and scripted ones that do as others."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[dict[str, Any]], "tuple[int, Any]"]
"""A request's body -> status and what is sent: an object as JSON, or bytes as they are."""


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """The address, up to `/v1`, of an ASGI application that runs meanwhile."""
    import socket

    import uvicorn

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            thread.join(10)


@contextmanager
def scripted(answer: Answer, models: list[str] | None = None) -> Iterator[str]:
    """The address of a server that answers as it is told, and lists these models, or has no list."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if models is None:
                self._send(404, {"error": "no such page"})
            else:
                self._send(200, {"data": [{"id": name, "owned_by": "others"} for name in models]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            body["key"] = self.headers.get("authorization")
            self._send(*answer(body))

        def _send(self, status: int, what: Any) -> None:
            data = what if isinstance(what, bytes) else json.dumps(what).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.send_header("retry-after", "0")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()


def told(chances: dict[str, float], top: int, said: str | None = None) -> dict[str, Any]:
    """A completion of one token, the likeliest unless said otherwise, with the log-probabilities of the likeliest."""
    ranked = sorted(chances, key=lambda token: -chances[token])
    said = said or ranked[0]
    rows = [{"token": t, "logprob": math.log(chances[t])} for t in ranked[:top]]
    place = {"token": said, "logprob": math.log(chances[said]), "top_logprobs": rows}
    return {
        "choices": [
            {"message": {"content": said}, "logprobs": {"content": [place]}, "finish_reason": "length"}
        ]
    }
