"""The application of the review room."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from fakescope.chain.room.desk import Room
from fakescope.chain.room.errors import GoneError, NotAllowedError, NotSignedInError, RefusedError
from fakescope.chain.room.people import person_by_token
from fakescope.chain.room.pictures import Pictures
from fakescope.chain.room.progress import Progress
from fakescope.chain.store import Store
from fakescope.errors import FakescopeError, ImageError
from fakescope.web.room.api import changing, router
from fakescope.web.room.session import COOKIE, LASTS_S, Sessions

STATIC = Path(__file__).parent / "static"
FILES = {
    **dict.fromkeys(("room.js", "dom.js", "net.js", "view.js", "steer.js", "review.js"), "text/javascript"),
    "room.css": "text/css",
}
MOST_BODY_BYTES = 256 << 10
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_STATUS = {NotSignedInError: 401, NotAllowedError: 403, RefusedError: 409, GoneError: 404, ImageError: 422}


def make_app(store: Store) -> FastAPI:
    """The review room of a chain, as an ASGI application."""
    app = FastAPI(title="fakescope review room", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.room, app.state.sessions = Room(store), Sessions(store)
    app.state.progress, app.state.pictures = Progress(store), Pictures(store)
    app.include_router(router)
    app.include_router(changing)
    app.middleware("http")(_guarded)
    app.add_exception_handler(FakescopeError, _told)
    app.add_exception_handler(RequestValidationError, _told_invalid)
    app.add_exception_handler(HTTPException, _told_http)

    @app.get("/enter")
    def enter(token: str = "") -> Response:
        """Sign in by a personal link."""
        person = person_by_token(store, token)
        if person is None:
            return RedirectResponse("/?refused=1", 303)
        response = RedirectResponse("/", 303)
        cookie = app.state.sessions.cookie(person)
        response.set_cookie(COOKIE, cookie, max_age=LASTS_S, httponly=True, samesite="strict")
        return response

    @app.get("/")
    def page() -> Response:
        """The page; it asks for everything else."""
        return FileResponse(STATIC / "room.html", media_type="text/html")

    @app.get("/favicon.ico")
    def icon() -> Response:
        """None; browsers ask for it all the same."""
        return Response(status_code=204)

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        """Its scripts and styles, by name: no path of the request reaches the disk."""
        if name not in FILES:
            raise GoneError("there is no such file")
        return FileResponse(STATIC / name, media_type=FILES[name], headers={"Cache-Control": "no-cache"})

    return app


async def _guarded(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    """Refuse large bodies unread, and put the headers on every answer."""
    length = request.headers.get("content-length", "0")
    if request.method == "POST" and not (length.isdigit() and int(length) <= MOST_BODY_BYTES):
        response: Response = _error(413, "too_large", "the request is too large", "")
    else:
        response = await go_on(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, FakescopeError)
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)
    return _error(status, error.code, error.message, error.hint)


async def _told_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    return _error(422, "invalid", f"{where}: {first['msg']}", "reload the page")


async def _told_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, "http", str(error.detail), "")


def _error(status: int, code: str, message: str, hint: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message, "hint": hint}}, status)
