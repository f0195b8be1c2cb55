"""What the adapters of hosted teachers share: one send with a time limit, and a name for everything that fails."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from fakescope.chain.teachers.base import Fault, Picture, Reply, Request, TeacherError
from fakescope.chain.teachers.http_faults import HttpError, fault_of
from fakescope.images.text import clean_text

MAX_DETAIL_CHARS = 400
_ABOUT_FORM = re.compile(
    r"(response|output).?(format|config)|mime|schema|json.?(object|mode)|structured|grammar|guided|tool",
    re.IGNORECASE,
)
_THOUGHT = re.compile(r"^\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Manner:
    """How a request is put. What a server cannot do is found out once, and remembered.

    Attributes:
        form: How the answer is bound to the schema; one of the adapter's `FORMS`.
        length: What the longest answer is called.
    """

    form: str
    length: str = "max_tokens"


class HostedTeacher(ABC):
    """A teacher behind an HTTP API.

    Args:
        name: Provider and model.
        key: Is hidden wherever it comes back.
        timeout_s: Longest time for one request, connecting and reading included.
    """

    FORMS: tuple[str, ...]
    """Ways of binding an answer to a schema, the strictest first. A server that refuses one is asked in the next."""

    def __init__(self, name: str, key: str | None, timeout_s: float) -> None:
        self._name, self._key, self._timeout_s = name, key, timeout_s
        self._manner = Manner(self.FORMS[0])

    @property
    def name(self) -> str:
        """Provider and model."""
        return self._name

    async def ask(self, request: Request) -> Reply:
        """Send one request; once more in a plainer form where the server says that it does not know this one.

        Raises:
            TeacherError: It brought no text.
        """
        manner = first = self._manner
        while True:
            try:
                async with asyncio.timeout(self._timeout_s):
                    response = await self._send(request, manner)
            except TimeoutError:
                raise TeacherError(Fault.TIMEOUT, f"no answer within {self._timeout_s:g} s") from None
            except HttpError as problem:
                plainer = self._plainer(problem, manner)
                if plainer is None:
                    raise self._error(problem) from None
                manner = plainer
                continue
            if manner is not first:
                self._manner = manner  # only now is it known that the form was what the server minded
            return self._read(response)

    @abstractmethod
    async def close(self) -> None:
        """Give back connections."""

    @abstractmethod
    async def _send(self, request: Request, manner: Manner) -> Any:
        """The API's response, still unread.

        Raises:
            HttpError: A status other than success.
            TeacherError: There was none.
        """

    @abstractmethod
    def _read(self, response: Any) -> Reply:
        """The text in a response, or a TeacherError that tells why there is none."""

    def _plainer(self, problem: HttpError, manner: Manner) -> Manner | None:
        at = self.FORMS.index(manner.form)
        if problem.status in (400, 422) and at + 1 < len(self.FORMS) and _ABOUT_FORM.search(problem.said):
            return dataclasses.replace(manner, form=self.FORMS[at + 1])
        return None

    def _error(self, problem: HttpError) -> TeacherError:
        detail = f"HTTP {problem.status}: {self._clean(problem.said)}".removesuffix(": ")
        return TeacherError(
            fault_of(problem.status, problem.said), detail, retry_after_s=problem.retry_after_s
        )

    def _unreachable(self, error: Exception) -> TeacherError:
        """No connection, or one that broke off. Raised without its cause, which holds the request and so the key."""
        cause = error.__cause__ or error
        return TeacherError(Fault.UNREACHABLE, self._clean(f"{type(cause).__name__}: {cause}"))

    def _unreadable(self, what: object) -> TeacherError:
        said = f"the server's response is not what its API promises: {what}"
        return TeacherError(Fault.SERVER_ERROR, self._clean(said))

    def _clean(self, text: str) -> str:
        return clean_text(text.replace(self._key, "[key]") if self._key else text, MAX_DETAIL_CHARS)


def answer_text(
    text: str | None, *, cut: bool, refusal: str | None, tokens_in: int, tokens_out: int
) -> Reply:
    """A reply, or the named fault of a response without one. Its tokens were paid for all the same.

    Args:
        text: What the model wrote, if anything.
        cut: It came to the limit of its length.
        refusal: Why the model or a filter refused, if one did.
    """
    tokens = {"tokens_in": max(0, tokens_in), "tokens_out": max(0, tokens_out)}
    if refusal is not None:
        raise TeacherError(Fault.REFUSED, clean_text(refusal, MAX_DETAIL_CHARS), **tokens)
    if cut:
        raise TeacherError(Fault.TRUNCATED, f"the answer was cut off after {tokens_out} tokens", **tokens)
    answer = _THOUGHT.sub("", text or "").strip()
    if not answer:
        raise TeacherError(Fault.EMPTY, "the answer has no text", **tokens)
    return Reply(answer, **tokens)


def turn(request: Request) -> Iterator[str | Picture]:
    """The user's turn in order: pictures, each under its name where there are several, then the text."""
    for picture in request.pictures:
        if len(request.pictures) > 1 and picture.name:
            yield f"{picture.name}:"
        yield picture
    yield request.text
