"""From a request to the tokens of its answer, one model behind one lock."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fakescope.models.base import OpenModel, Step
from fakescope.records import JsonObject, Message
from fakescope.verdict.soft_score import logsumexp
from fakescope.web.openai.picture import RequestError, split
from fakescope.web.openai.wire import ChatRequest, TokenLogprob, TopLogprob, Usage

DEFAULT_TOKENS = 256
MOST_WAITING = 64
"""Requests that are worked on or wait; more are turned away at once."""

MOST_WAITING_BYTES = 512 << 20
"""Of their bodies together."""

DECODING = 2
"""Images that are decoded at a time."""

_LOOK_S = 0.2
"""How often who waits looks whether its client is still there."""


class BusyError(RequestError):
    """Too many requests wait already."""

    code = "server_busy"


@dataclass(frozen=True)
class Spoken:
    """One token as it is told.

    Attributes:
        text: New characters.
        entry: Its log-probability, where asked for.
        ends: Whether it ends the answer; it then has neither.
    """

    text: str = ""
    entry: TokenLogprob | None = None
    ends: bool = False


@dataclass
class Talk:
    """A request on its way, and what its answer came to."""

    request: ChatRequest
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))
    asked: int = 0
    said: int = 0
    finished: bool = False
    gone: threading.Event = field(default_factory=threading.Event)
    """Set when the client has left: the model stops at its next token."""

    @property
    def reason(self) -> str:
        """Why the answer ended."""
        return "stop" if self.finished else "length"

    @property
    def usage(self) -> Usage:
        """What was counted."""
        return Usage(
            prompt_tokens=self.asked, completion_tokens=self.said, total_tokens=self.asked + self.said
        )


class Service:
    """A model that answers one request at a time; others wait.

    Args:
        model: Loaded with `level=False`: pictures are levelled here, unless they come levelled.
        name: What clients call it.
    """

    def __init__(self, model: OpenModel, name: str) -> None:
        self.model, self.name = model, name
        self._turn = threading.Lock()
        self._decoding = threading.BoundedSemaphore(DECODING)
        self._places = threading.Lock()
        self._held: list[int] = []

    def take_place(self, size: int) -> Callable[[], None]:
        """A place among those that wait; what is returned gives it back, once.

        Args:
            size: Bytes of the request's body, which is still to be read.

        Raises:
            BusyError: Too many wait, or they hold too much.
        """
        with self._places:
            if len(self._held) >= MOST_WAITING or sum(self._held) + size > MOST_WAITING_BYTES:
                raise BusyError("too many requests are waiting", "try again in some seconds")
            self._held.append(size)

        def give_back() -> None:
            with self._places:
                self._held.remove(size)

        return give_back

    def check(self, request: ChatRequest) -> None:
        """Refuse what cannot be done rather than leaving it out.

        Raises:
            RequestError: It cannot.
        """
        if request.model not in ("", self.name):
            raise RequestError(f"there is no model {request.model[:80]!r} here", f"this is {self.name}")
        if request.stop:
            raise RequestError("stop strings are not supported", "leave `stop` out")
        kind = (request.response_format or {}).get("type", "text")
        if kind != "text":
            raise RequestError("only plain text can be asked for", "leave `response_format` out")
        if request.continue_final_message is False and request.messages[-1].role == "assistant":
            raise RequestError(
                "an answer that is begun is always gone on with", "leave `continue_final_message` out"
            )
        if request.top_logprobs and not request.logprobs:
            raise RequestError("`top_logprobs` needs `logprobs: true`")

    def speak(self, talk: Talk) -> Iterator[Spoken]:
        """The tokens of an answer.

        Raises:
            RequestError, ImageError, ModelError: The request cannot be answered.
        """
        request = talk.request
        with self._decoding:
            image, messages = split(request.messages, is_levelled=request.levelled)
        if request.structured_outputs and messages[-1].role != "assistant":
            raise RequestError(
                "a choice needs an answer that is begun",
                "end with an assistant message, such as 'This image is'",
            )
        with self._its_turn(talk) as waited:
            if not waited:
                return
            talk.asked = self.model.count_tokens(messages)
            bound = request.structured_outputs
            length = 1 if bound else request.length or DEFAULT_TOKENS
            with closing(self.model.steps(image, messages, max_tokens=length)) as steps:  # type: ignore[type-var]
                yield from self._chosen(talk, next(steps), bound.choice) if bound else self._told(talk, steps, messages)

    @contextmanager
    def _its_turn(self, talk: Talk) -> Iterator[bool]:
        """Wait for the model; false if the client left before it was free."""
        while not self._turn.acquire(timeout=_LOOK_S):
            if talk.gone.is_set():
                yield False
                return
        try:
            yield not talk.gone.is_set()
        finally:
            self._turn.release()

    def _told(self, talk: Talk, steps: Iterator[Step], messages: Sequence[Message]) -> Iterator[Spoken]:
        fresh = messages[-1].role != "assistant"
        for step in steps:
            if talk.gone.is_set():
                return
            talk.said += 1
            if step.ends:
                talk.finished = True
                yield Spoken(ends=True)
                return
            text = step.text.lstrip(" ") if fresh else step.text
            fresh = fresh and not text
            yield Spoken(text, self._entry(talk.request, step.token, step.logits))

    def _chosen(self, talk: Talk, step: Step, words: Sequence[str]) -> Iterator[Spoken]:
        """The likeliest of some words; each must be one token."""
        tokens = {word: self.model.token_id(word.strip()) for word in words}
        if unknown := [word for word, token in tokens.items() if token is None]:
            raise RequestError(f"{unknown[0][:80]!r} is not one token of this model", "choose other words")
        word, token = max(tokens.items(), key=lambda pair: step.logits[pair[1]])
        assert token is not None
        talk.said, talk.finished = 1, True
        yield Spoken(word, self._entry(talk.request, token, step.logits, list(tokens.values())))
        yield Spoken(ends=True)

    def _entry(
        self, request: ChatRequest, token: int, logits: Any, among: Sequence[int | None] = ()
    ) -> TokenLogprob | None:
        """A token's log-probability beside the likeliest tokens', or beside those that it was chosen among."""
        if not request.logprobs:
            return None
        logprobs = logits.astype(np.float64) - float(logsumexp(logits.astype(np.float64)))
        count = min(request.top_logprobs or 0, len(logprobs))
        likeliest = np.argpartition(-logprobs, count - 1)[:count] if count else np.zeros(0, np.int64)
        ranked = sorted(among or likeliest.tolist(), key=lambda i: (-logprobs[i], i))
        top = [self._top(i, float(logprobs[i])) for i in ranked]
        return TokenLogprob(**self._top(token, float(logprobs[token])).model_dump(), top_logprobs=top)

    def _top(self, token: int, logprob: float) -> TopLogprob:
        text = self.model.token_text(token)
        # A token that is a part of a character has bytes that text cannot hold.
        spelled = None if "\ufffd" in text else list(text.encode())
        return TopLogprob(token=text, logprob=max(logprob, -9999.0), bytes=spelled)


def completion(service: Service, talk: Talk) -> Iterator[JsonObject]:
    """The whole answer at once: one piece."""
    spoken = list(service.speak(talk))
    entries = [s.entry.model_dump() for s in spoken if s.entry is not None]
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "".join(s.text for s in spoken)},
        "logprobs": {"content": entries} if talk.request.logprobs else None,
        "finish_reason": talk.reason,
    }
    yield _envelope(service, talk, "chat.completion", [choice]) | {"usage": talk.usage.model_dump()}


def chunks(service: Service, talk: Talk) -> Iterator[JsonObject]:
    """The answer in pieces: who speaks, every piece, why it ended, and what was counted where asked for."""
    yield _chunk(service, talk, {"role": "assistant", "content": ""})
    for spoken in service.speak(talk):
        if spoken.text or spoken.entry:
            yield _chunk(service, talk, {"content": spoken.text}, spoken.entry)
    yield _chunk(service, talk, {}, reason=talk.reason)
    options = talk.request.stream_options
    if options and options.include_usage:
        yield _envelope(service, talk, "chat.completion.chunk", []) | {"usage": talk.usage.model_dump()}


def _chunk(
    service: Service,
    talk: Talk,
    delta: JsonObject,
    entry: TokenLogprob | None = None,
    reason: str | None = None,
) -> JsonObject:
    told = {"content": [entry.model_dump()]} if entry else None
    choice = {"index": 0, "delta": delta, "logprobs": told, "finish_reason": reason}
    return _envelope(service, talk, "chat.completion.chunk", [choice])


def _envelope(service: Service, talk: Talk, kind: str, choices: list[JsonObject]) -> JsonObject:
    return {"id": talk.id, "object": kind, "created": talk.created, "model": service.name, "choices": choices}
