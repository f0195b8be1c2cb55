"""Requests to a server and what comes back. The server is not trusted: sizes are limited, and everything is checked."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import httpx
from pydantic import BaseModel, BeforeValidator, Field, ValidationError
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from fakescope.errors import FakescopeError, ModelError
from fakescope.images.text import clean_text
from fakescope.records import JsonObject
from fakescope.servers import retry_after, said_in

MOST_BYTES = 16 << 20
MOST_DETAIL_CHARS = 300
LEAST_NATS = -9999.0
"""What servers write for a token that cannot come."""

LONGEST_S = 600.0
"""For one response from its first to its last byte, whatever trickles in; longer where `timeout_s` is."""

ATTEMPTS = 5
LONGEST_WAIT_S = 30.0
_AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504})


def _finite(value: Any) -> Any:
    """JSON knows no -inf: servers write null."""
    return LEAST_NATS if value is None else value


class Top(BaseModel):
    """A token and its log-probability in nats."""

    token: str
    logprob: Annotated[float, Field(le=1e-3, allow_inf_nan=False), BeforeValidator(_finite)]


class Place(Top):
    """A token of the answer, and those that could have come in its place."""

    top_logprobs: list[Top] = Field(default_factory=list)


class _Content(BaseModel):
    content: list[Place] | None = None


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message = _Message()
    delta: _Message = _Message()
    logprobs: _Content | None = None


class Completion(BaseModel):
    """What is read of an answer, or of a piece of one."""

    choices: list[_Choice] = Field(default_factory=list)

    @property
    def text(self) -> str:
        """The words."""
        return (self.choices[0].message.content or "") if self.choices else ""

    @property
    def piece(self) -> str:
        """The words of a piece."""
        return (self.choices[0].delta.content or "") if self.choices else ""

    @property
    def places(self) -> list[Place]:
        """Its tokens, where the server tells them."""
        told = self.choices[0].logprobs if self.choices else None
        return (told.content or []) if told else []


class RefusedError(ModelError):
    """The server said no to this request."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(
            f"the server refused the request: HTTP {status}: {said}", "see its log, or its limits"
        )
        self.status, self.said = status, said


class _AgainError(Exception):
    """Something that may pass."""

    def __init__(self, said: str, wait_s: float | None = None, status: int | None = None) -> None:
        super().__init__(said)
        self.wait_s, self.status = wait_s, status


class Server:
    """A server's `/models` and `/chat/completions`. Safe for several threads.

    Args:
        url: Up to and with `/v1`.
        key: Sent as bearer token; hidden wherever it comes back.
        timeout_s: Longest time without a byte.
    """

    def __init__(self, url: str, key: str | None, timeout_s: float) -> None:
        # Nothing compressed: some bytes could become gigabytes.
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self.url, self._key, self._longest_s = url, key, max(LONGEST_S, timeout_s)
        self._client = httpx.Client(timeout=timeout_s, headers=headers, follow_redirects=False)

    def models(self) -> list[JsonObject] | None:
        """What the server says of its models; None when it has no list of them."""
        try:
            found = self._retried("GET", "/models", None)
        except RefusedError as error:
            if error.status in (404, 405, 501):
                return None
            raise
        rows = found.get("data")
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else None

    def complete(self, body: JsonObject) -> Completion:
        """A whole answer.

        Raises:
            RefusedError: The server said no.
            ModelError: It cannot be reached, or does not speak the format.
        """
        try:
            return Completion.model_validate(self._retried("POST", "/chat/completions", body))
        except ValidationError as error:
            raise self._unreadable(error) from None

    def stream(self, body: JsonObject) -> Iterator[str]:
        """Pieces of an answer as they come; not tried again once begun.

        Raises:
            RefusedError, ModelError: As for `complete`.
        """
        path = self._path("/chat/completions")
        with self._told(), self._client.stream("POST", path, json=body | {"stream": True}) as r:
            if r.status_code != 200:
                raise RefusedError(r.status_code, self._said(self._read(r)))
            for line in self._lines(r):
                data = line.removeprefix("data:").strip()
                if not line.startswith("data:") or not data:
                    continue
                if data == "[DONE]":
                    return
                yield self._piece(data)

    def _lines(self, response: httpx.Response) -> Iterator[str]:
        """Lines as they come, without their ends."""
        held = b""
        for chunk in self._chunks(response):
            *whole, held = (held + chunk).split(b"\n")
            yield from (line.decode("utf-8", "replace").rstrip("\r") for line in whole)
        if held:
            yield held.decode("utf-8", "replace")

    def _read(self, response: httpx.Response) -> bytes:
        return b"".join(self._chunks(response))

    def _chunks(self, response: httpx.Response) -> Iterator[bytes]:
        """The body, within its limits of bytes and seconds."""
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise self._unreadable("it is compressed, which was not asked for")
        size, end = 0, time.monotonic() + self._longest_s
        for chunk in response.iter_raw():
            size += len(chunk)
            if size > MOST_BYTES:
                raise self._unreadable(f"over {MOST_BYTES} bytes")
            if time.monotonic() > end:
                raise self._unreadable(f"no end after {self._longest_s:g} s")
            yield chunk

    def _piece(self, data: str) -> str:
        try:
            event = json.loads(data)
            if isinstance(event, dict) and "error" in event:
                raise ModelError(f"the server broke off: {self._clean(said_in(event, ''))}", "try again")
            return Completion.model_validate(event).piece
        except (ValueError, RecursionError) as error:  # pydantic's errors are values, too
            raise self._unreadable(error) from None

    def _retried(self, method: str, path: str, body: JsonObject | None) -> JsonObject:
        waiting = wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT_S)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.wait_s if isinstance(error, _AgainError) else None
            return waiting(state) if asked is None else min(asked, LONGEST_WAIT_S)

        tries = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            retry=retry_if_exception_type(_AgainError),
            wait=wait,
            reraise=True,
        )
        try:
            found: JsonObject = tries(self._once, method, path, body)
            return found
        except _AgainError as error:
            if error.status == 500:  # how some servers say that they do not know a field
                raise RefusedError(500, f"{str(error).partition(': ')[2]} ({ATTEMPTS} times)") from None
            raise ModelError(
                f"{self.url} gave no answer after {ATTEMPTS} attempts: {error}", "is the server running?"
            ) from None

    def _once(self, method: str, path: str, body: JsonObject | None) -> JsonObject:
        with self._told(again=True), self._client.stream(method, self._path(path), json=body) as response:
            data = self._read(response)
        if response.status_code in _AGAIN:
            raise _AgainError(
                f"HTTP {response.status_code}: {self._said(data)}", retry_after(response.headers), response.status_code
            )
        if response.status_code != 200:
            raise RefusedError(response.status_code, self._said(data))
        try:
            found = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise self._unreadable(error) from None
        if not isinstance(found, dict):
            raise self._unreadable("no object")
        return found

    @contextmanager
    def _told(self, *, again: bool = False) -> Iterator[None]:
        try:
            yield
        except httpx.InvalidURL as error:
            raise ModelError(f"{self.url} is no address: {self._clean(str(error))}", "http://host:8000/v1") from None
        except httpx.HTTPError as error:
            said = self._clean(f"{type(error).__name__}: {error}")
            if again:
                raise _AgainError(said) from None
            raise ModelError(f"{self.url} broke off: {said}", "is the server running?") from None

    def _path(self, path: str) -> str:
        return f"{self.url}{path}"

    def _said(self, data: bytes) -> str:
        text = data.decode("utf-8", "replace")
        try:
            body: Any = json.loads(text)
        except (ValueError, RecursionError):
            body = text
        return self._clean(said_in(body, text))

    def _unreadable(self, what: object) -> FakescopeError:
        said = self._clean(f"{self.url} does not answer in the format of chat completions: {what}")
        return ModelError(said, "is the address right, with /v1 at its end?")

    def _clean(self, text: str) -> str:
        return clean_text(text.replace(self._key, "[key]") if self._key else text, MOST_DETAIL_CHARS)
