"""The server's application: routes, limits, errors in the shape that clients expect."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from fakescope.errors import FakescopeError, ImageError, ImageTooLargeError, ModelError
from fakescope.images.text import clean_text
from fakescope.records import JsonObject
from fakescope.web.openai.picture import RequestError
from fakescope.web.openai.talk import BusyError, Service, Talk, chunks, completion
from fakescope.web.openai.wire import ChatRequest

MOST_BODY_BYTES = 48 << 20
"""A photograph of 32 MB in base64, and words."""

BODY_S = 60.0
"""In which a body has to be here: it holds a place while it comes."""

OWNER = "fakescope"
_LOG = logging.getLogger("fakescope.serve")
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
    app.add_exception_handler(HTTPException, _told_http)
    app.add_exception_handler(Exception, _told_fault)

    @app.get("/health")
    async def health() -> JsonObject:
        """Whether the server runs; the model is loaded before it does."""
        return {"status": "ok"}

    @app.get("/v1/models")
    async def models() -> JsonObject:
        """The one model, with its whole card."""
        return {"object": "list", "data": [_model(service)]}

    @app.get("/v1/models/{name:path}")
    async def model(name: str) -> JsonObject:
        """The model by its name."""
        if name != service.name:
            raise HTTPException(404, f"there is no model {clean_text(name, 80)!r} here")
        return _model(service)

    @app.post("/v1/chat/completions", response_model=None)
    async def chat(request: Request) -> Response:
        """Answer a conversation about an image."""
        give_back = service.take_place(int(request.headers["content-length"]))  # before anything is read
        try:
            talk = Talk(await _asked(request))
            service.check(talk.request)
            made = chunks(service, talk) if talk.request.stream else completion(service, talk)
        except BaseException:
            give_back()
            raise
        work = _Work(made, talk, give_back)
        if talk.request.stream:
            return StreamingResponse(work.events(), media_type="text/event-stream")
        return await work.whole(request)

    return app


async def _asked(request: Request) -> ChatRequest:
    """The request in a body.

    Raises:
        RequestError: It is none, or it is too slow.
    """
    try:
        body = await asyncio.wait_for(request.body(), BODY_S)
        return await run_in_threadpool(ChatRequest.model_validate_json, body)
    except TimeoutError as error:
        raise RequestError(f"the request did not come within {BODY_S:g} s") from error
    except ValidationError as error:
        first: Any = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RequestError(": ".join(part for part in (where, first["msg"]) if part)) from error


def _model(service: Service) -> JsonObject:
    card = asdict(service.model.card)
    return {"id": service.name, "object": "model", "created": 0, "owned_by": OWNER, "fakescope": card}


class _Work:
    """An answer that is made in a thread of its own: only there can it be stopped at any time.

    Args:
        made: The pieces of the answer.
        talk: Is told when the client has left.
        at_end: Called once, when the work is over.
    """

    def __init__(self, made: Iterator[JsonObject], talk: Talk, at_end: Callable[[], None]) -> None:
        self._made, self._talk, self._at_end = made, talk, at_end
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[JsonObject | Exception | None] = asyncio.Queue()
        threading.Thread(target=self._produce, daemon=True).start()

    async def events(self) -> AsyncIterator[str]:
        """Server-sent events; a fault is told in one, too."""
        try:
            while (piece := await self._queue.get()) is not _DONE:
                if isinstance(piece, Exception):
                    yield _event(_body_of(piece)[1])
                    return
                yield _event(piece)
            yield "data: [DONE]\n\n"
        finally:
            self._talk.gone.set()

    async def whole(self, request: Request) -> Response:
        """The one piece of a plain answer; the model stops when the client leaves."""
        told, left = asyncio.ensure_future(self._queue.get()), asyncio.ensure_future(_left(request))
        try:
            await asyncio.wait({told, left}, return_when=asyncio.FIRST_COMPLETED)
            if not told.done():
                return Response(status_code=499)
            piece = told.result()
        finally:
            self._talk.gone.set()
            told.cancel()
            left.cancel()
        if isinstance(piece, Exception):
            return await _told(request, piece)
        return JSONResponse(piece)

    def _produce(self) -> None:
        try:
            for piece in self._made:
                self._tell(piece)
            self._tell(_DONE)
        except FakescopeError as error:
            self._tell(error)
        except Exception as error:  # noqa: BLE001 the client has to be told, whatever it is
            _LOG.exception("a request could not be answered")
            self._tell(error)
        finally:
            self._made.close()  # type: ignore[attr-defined]
            self._at_end()

    def _tell(self, piece: JsonObject | Exception | None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._queue.put_nowait, piece)


async def _left(request: Request) -> None:
    """Returns when the client has left; its body was read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _event(piece: JsonObject) -> str:
    return f"data: {json.dumps(piece)}\n\n"


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
    status, body = _body_of(error)
    return JSONResponse(body, status, {"Retry-After": "5"} if status == 503 else None)


async def _told_fault(request: Request, error: Exception) -> Response:
    """What nobody thought of: the server's log has it, the client is told that it is not its fault."""
    return JSONResponse(_body_of(error)[1], 500)


def _body_of(error: Exception) -> tuple[int, JsonObject]:
    """Status and body of an error. Of a fault nothing is told: it may hold paths and more."""
    if not isinstance(error, FakescopeError):
        return 500, _body("server_error", "the server failed", "its log says why")
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)
    return status, _body(error.code, error.message, error.hint)


async def _told_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, "http", str(error.detail), "")


def _error(status: int, code: str, message: str, hint: str) -> Response:
    return JSONResponse(_body(code, message, hint), status)


def _body(code: str, message: str, hint: str) -> JsonObject:
    said = clean_text(f"{message} ({hint})" if hint else message, 600)
    kind = "server_error" if code in ("model_error", "server_busy", "server_error") else "invalid_request_error"
    return {"error": {"message": said, "type": kind, "param": None, "code": code}}
