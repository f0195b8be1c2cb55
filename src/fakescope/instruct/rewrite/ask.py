"""Ask for one rewording until it is there or given up. What comes back is a reply in the right form, or a named fault.

Whether the reply says the same is another question, see `faithful`: it is put anew on every run, for nothing.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from aiolimiter import AsyncLimiter
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from fakescope.chain.enlighten.ask import LONGEST_WAIT_S, Patience, Taken
from fakescope.chain.enlighten.budget import Budget
from fakescope.chain.teachers.base import Fault, Request, Teacher, TeacherError
from fakescope.instruct.rewrite.cache import Kept, Said
from fakescope.instruct.rewrite.pieces import Piece
from fakescope.records import Label

PROMPT = resources.files("fakescope.instruct.rewrite").joinpath("prompt.txt").read_text(encoding="utf-8")
MAX_REPLY_CHARS = 60_000
MAX_TEXT_CHARS = 8000
MAX_MESSAGES = 64

_MESSAGE = {
    "type": "object",
    "properties": {
        "role": {"type": "string", "enum": ["user", "assistant"]},
        "content": {"type": "string"},
    },
    "required": ["role", "content"],
    "additionalProperties": False,
}
REPLY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"messages": {"type": "array", "items": _MESSAGE}},
    "required": ["messages"],
    "additionalProperties": False,
}
PROMPT_VERSION = hashlib.sha256(f"{PROMPT}{json.dumps(REPLY_SCHEMA)}".encode()).hexdigest()[:16]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")
    role: str
    content: str = Field(max_length=MAX_TEXT_CHARS)


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid")
    messages: list[_Message] = Field(max_length=MAX_MESSAGES)


@dataclass
class Outcome:
    """What came of one piece.

    Attributes:
        kept: To be kept under the key.
        faults: One name for each attempt that failed.
        cost: Of all attempts, in the currency of the prices.
    """

    key: str
    kept: Kept
    faults: list[str] = field(default_factory=list)
    cost: float = 0.0


class Asker:
    """Asks one writer for rewordings.

    Args:
        writer: Whom to ask.
        patience: How.
        budget: Where tokens and money are booked.
    """

    def __init__(self, writer: Teacher, patience: Patience, budget: Budget) -> None:
        self.writer, self.budget = writer, budget
        self._patience = patience
        # Spread over the minute: a burst of a whole minute's requests is what servers refuse.
        self._limiter = AsyncLimiter(1, 60.0 / patience.per_minute) if patience.per_minute else None

    async def reword(self, piece: Piece) -> Outcome:
        """Ask for one piece. A failure is an outcome, too."""
        taken, said, failure = Taken(), None, None
        try:
            said = await self._repeat(request_for(piece, self._patience.max_tokens), taken)
        except TeacherError as error:
            failure = error
        cost = self.budget.settle(taken.tokens_in, taken.tokens_out)
        kept = Kept(
            said,
            failure.fault.value if failure else None,
            failure.detail if failure else "",
            taken.tokens_in,
            taken.tokens_out,
        )
        return Outcome(piece.key(self.writer.name, PROMPT_VERSION), kept, taken.faults, cost)

    async def _repeat(self, request: Request, taken: Taken) -> Said:
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._patience.attempts),
            retry=retry_if_exception(lambda e: isinstance(e, TeacherError) and e.fault.passing),
            wait=self._wait,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                return await self._once(request, taken)
        raise AssertionError("tenacity returns or raises")

    async def _once(self, request: Request, taken: Taken) -> Said:
        if self._limiter:
            await self._limiter.acquire()
        try:
            reply = await self.writer.ask(request)
            taken.add(reply.tokens_in, reply.tokens_out)
            return read_reply(reply.text)
        except TeacherError as error:
            taken.add(error.tokens_in, error.tokens_out)
            taken.faults.append(error.fault.value)
            raise

    def _wait(self, state: RetryCallState) -> float:
        """What the server asked for, or a random time below a doubling bound."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, TeacherError) and error.retry_after_s is not None:
            return min(error.retry_after_s, LONGEST_WAIT_S)
        return wait_random_exponential(multiplier=self._patience.wait_s, max=LONGEST_WAIT_S)(state)


def request_for(piece: Piece, max_tokens: int) -> Request:
    """What is sent. The texts go as JSON in the user's turn: they are data."""
    messages = [{"role": piece.role, "content": text} for text in piece.texts]
    return Request(
        system=PROMPT,
        text=json.dumps({"messages": messages}, ensure_ascii=False),
        pictures=(),
        schema=REPLY_SCHEMA,
        label=Label.REAL,  # only teachers on this machine read it, and those are not asked
        max_tokens=max_tokens,
    )


def read_reply(text: str) -> Said:
    """The messages in a reply; a code fence around the JSON is allowed.

    Raises:
        TeacherError: EMPTY, NOT_JSON or SCHEMA.
    """
    if not text.strip():
        raise TeacherError(Fault.EMPTY, "the reply has no text")
    if len(text) > MAX_REPLY_CHARS:
        raise TeacherError(Fault.NOT_JSON, f"the reply has over {MAX_REPLY_CHARS} characters")
    start, end = text.find("{"), text.rfind("}")
    try:
        value = json.loads(text[start : end + 1] if start >= 0 else text)
    except (ValueError, RecursionError) as error:
        raise TeacherError(Fault.NOT_JSON, f"{error}: {text[:200]!r}") from error
    try:
        # Lone surrogates, which JSON allows and UTF-8 does not, are refused here, too.
        reply = _Reply.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise TeacherError(Fault.SCHEMA, f"{where}: {first['msg']}") from error
    return tuple((message.role, message.content) for message in reply.messages)
