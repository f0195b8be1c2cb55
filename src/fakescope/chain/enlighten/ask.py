"""Ask one question until it is answered or given up: attempts, waits, rate, costs. The outcome is always a draft."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiolimiter import AsyncLimiter
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from fakescope.chain.enlighten.answer import Answer, read_answer
from fakescope.chain.enlighten.budget import Budget
from fakescope.chain.enlighten.question import Question, draft_id, make_request
from fakescope.chain.teachers.base import Request, Teacher, TeacherError
from fakescope.records import Draft

LONGEST_WAIT_S = 60.0


@dataclass(frozen=True)
class Patience:
    """How a teacher is asked.

    Attributes:
        attempts: Requests for one question, the first among them.
        wait_s: Longest wait before the second attempt; doubles from then on, drawn at random below it.
        per_minute: Requests a minute; None for no limit.
        max_tokens: Longest answer.
    """

    attempts: int = 4
    wait_s: float = 1.0
    per_minute: float | None = None
    max_tokens: int = 2000


@dataclass
class Taken:
    """What the attempts at one question took."""

    faults: list[str] = field(default_factory=list)
    tokens_in: int = 0
    tokens_out: int = 0

    def add(self, tokens_in: int, tokens_out: int) -> None:
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out


class Asker:
    """Asks questions of one teacher.

    Args:
        teacher: Whom to ask.
        patience: How.
        budget: Where tokens and money are booked.
        pool: Where images are decoded.
        clock: The present, ISO 8601; exchanged in tests.
    """

    def __init__(
        self,
        teacher: Teacher,
        patience: Patience,
        budget: Budget,
        pool: Executor,
        clock: Callable[[], str] = lambda: datetime.now(UTC).isoformat(timespec="seconds"),
    ) -> None:
        self.teacher, self.budget = teacher, budget
        self._patience, self._pool, self._clock = patience, pool, clock
        # Spread over the minute: a burst of a whole minute's requests is what servers refuse.
        self._limiter = AsyncLimiter(1, 60.0 / patience.per_minute) if patience.per_minute else None

    async def prepare(self, question: Question) -> Request | TeacherError:
        """Decode and size the picture, away from the event loop."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, make_request, question, self._patience.max_tokens)
        except TeacherError as error:
            return error

    async def draft(self, question: Question, request: Request | TeacherError, earlier: int = 0) -> Draft:
        """The draft that one question brings, failed or not.

        Args:
            question: What is asked.
            request: From `prepare`.
            earlier: How many drafts the question has already.
        """
        started = time.monotonic()
        taken, answer, failure = Taken(), None, None
        try:
            if isinstance(request, TeacherError):
                raise request
            answer = await self._repeat(request, question, taken)
        except TeacherError as error:
            failure = error
            if isinstance(request, TeacherError):
                taken.faults.append(error.fault.value)
        cost = self.budget.settle(taken.tokens_in, taken.tokens_out)
        return Draft(
            id=draft_id(question.key(self.teacher.name), earlier),
            image=question.image,
            teacher=self.teacher.name,
            mode=question.mode,
            prompt_hash=question.prompt_hash,
            criteria=question.criteria,
            exemplars=question.exemplars,
            faults=tuple(taken.faults),
            tokens_in=taken.tokens_in,
            tokens_out=taken.tokens_out,
            cost=cost,
            seconds=round(time.monotonic() - started, 3),
            at=self._clock(),
            **_content(answer, failure),
        )

    async def _repeat(self, request: Request, question: Question, taken: Taken) -> Answer:
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._patience.attempts),
            retry=retry_if_exception(lambda e: isinstance(e, TeacherError) and e.fault.passing),
            wait=self._wait,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                return await self._once(request, question, taken)
        raise AssertionError("tenacity returns or raises")

    async def _once(self, request: Request, question: Question, taken: Taken) -> Answer:
        if self._limiter:
            await self._limiter.acquire()
        try:
            reply = await self.teacher.ask(request)
            taken.add(reply.tokens_in, reply.tokens_out)
            return read_answer(reply.text, question.label)
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


def _content(answer: Answer | None, failure: TeacherError | None) -> dict[str, Any]:
    if answer is None or failure is not None:
        assert failure is not None
        return {"fault": failure.fault.value, "detail": failure.detail}
    return {
        "subject": answer.subject,
        "traces": answer.traces,
        "description": answer.description,
        "limits": answer.limits,
        "advice": answer.advice,
        "mended": answer.mended,
    }
