"""The server's application: routes, limits, errors in the shape that clients expect."""

from __future__ import annotations

import asyncio
import hmac
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

from fakescope.errors import FakescopeError, ImageError, ImageTooLargeError, ModelError
from fakescope.images.text import clean_text
from fakescope.records import JsonObject
from fakescope.web.openai.picture import RequestError
from fakescope.web.openai.talk import BusyError, Service, Talk, chunks, completion
from fakescope.web.openai.wire import ChatRequest

MOST_BODY_BYTES = 48 << 20
"""A photograph of 32 MB in base64, and words."""

OWNER = "fakescope"
_STATUS: dict[type[FakescopeError], int] = {
    BusyError: 503, RequestError: 400, ImageTooLargeError: 413, ImageError: 422, ModelError: 500,
}  # fmt: skip
_DONE = None


def make_app(service: Service, key: str | None = None) -> FastAPI:
    """A model as an ASGI application.

    Args:
        service: The model.
        key: What clients must send as bearer token; None for a server that is open to all who reach it.
    """
    app = FastAPI(title="fakescope", docs_url=None, redoc_url=None, openapi_url=None)
    app.middleware("http")(_guard(key))
    app.add_exception_handler(FakescopeError, _told)
    app.add_exception_handler(RequestValidationError, _told_invalid)
    app.add_exception_handler(HTTPException, _told_http)

    @app.get("/health")
    def health() -> JsonObject:
        """Whether the server runs; the model is loaded before it does."""
        return {"status": "ok"}

    @app.get("/v1/models")
    def models() -> JsonObject:
        """The one model, with its whole card."""
        return {"object": "list", "data": [_model(service)]}

    @app.get("/v1/models/{name:path}")
    def model(name: str) -> JsonObject:
        """The model by its name."""
        if name != service.name:
            raise HTTPException(404, f"there is no model {clean_text(name, 80)!r} here")
        return _model(service)

    @app.post("/v1/chat/completions", response_model=None)
    def chat(request: ChatRequest) -> Response | JsonObject:
        """Answer a conversation about an image."""
        service.check(request)
        talk = Talk(request)
        if not request.stream:
            return completion(service, talk)
        made = chunks(service, talk)
        return StreamingResponse(_events(made), media_type="text/event-stream")

    return app


def _model(service: Service) -> JsonObject:
    card = asdict(service.model.card)
    return {"id": service.name, "object": "model", "created": 0, "owned_by": OWNER, "fakescope": card}


async def _events(made: Iterator[JsonObject]) -> AsyncIterator[str]:
    """Server-sent events; when the client is gone, the model stops at its next token.

    The iterator lives in a thread of its own: only there can it be closed at any time.
    """
    loop, queue, gone = asyncio.get_running_loop(), asyncio.Queue[str | None](), threading.Event()

    def tell(event: str | None) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, event)

    def produce() -> None:
        try:
            for event in made:
                if gone.is_set():
                    break
                tell(json.dumps(event))
            else:
                tell("[DONE]")
        except FakescopeError as error:
            tell(json.dumps(_body(error.code, error.message, error.hint)))
        finally:
            made.close()  # type: ignore[attr-defined]
            if not gone.is_set():
                tell(_DONE)

    threading.Thread(target=produce, daemon=True).start()
    try:
        while (event := await queue.get()) is not _DONE:
            yield f"data: {event}\n\n"
    finally:
        gone.set()


def _guard(
    key: str | None,
) -> Callable[[Request, Callable[[Request], Awaitable[Response]]], Awaitable[Response]]:
    """Refuse bodies unread that are too large, and whoever lacks the key."""

    async def guarded(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        length = request.headers.get("content-length", "")
        if key is not None and request.url.path != "/health" and not _knows(request, key):
            response: Response = _error(
                401, "invalid_api_key", "a key is needed", "Authorization: Bearer KEY"
            )
        elif request.method == "POST" and (not length.isdigit() or "transfer-encoding" in request.headers):
            response = _error(411, "length_required", "the length of the request must be given", "")
        elif request.method == "POST" and int(length) > MOST_BODY_BYTES:
            response = _error(
                413, "too_large", f"a request has at most {MOST_BODY_BYTES} bytes", "a smaller image"
            )
        else:
            response = await go_on(request)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return guarded


def _knows(request: Request, key: str) -> bool:
    given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    return hmac.compare_digest(given.encode(), key.encode())


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, FakescopeError)
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)
    response = _error(status, error.code, error.message, error.hint)
    if status == 503:
        response.headers["Retry-After"] = "5"
    return response


async def _told_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first: Any = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    return _error(400, "invalid_request_error", f"{where}: {first['msg']}", "")


async def _told_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, "http", str(error.detail), "")


def _error(status: int, code: str, message: str, hint: str) -> Response:
    return JSONResponse(_body(code, message, hint), status)


def _body(code: str, message: str, hint: str) -> JsonObject:
    said = clean_text(f"{message} ({hint})" if hint else message, 600)
    kind = "server_error" if code in ("model_error", "server_busy") else "invalid_request_error"
    return {"error": {"message": said, "type": kind, "param": None, "code": code}}
