"""The seam of teachers: a request in, text out, and faults that have names."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from fakescope.records import Label


class Fault(StrEnum):
    """Everything that can go wrong with a draft, by name. The first group is worth asking again."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    NOT_JSON = "not_json"
    SCHEMA = "schema"
    EMPTY = "empty"
    TRUNCATED = "truncated"

    WRONG_LABEL = "wrong_label"
    REFUSED = "refused"
    BAD_REQUEST = "bad_request"
    NOT_ALLOWED = "not_allowed"
    BAD_IMAGE = "bad_image"

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed when it is sent again."""
        return self in _PASSING


_PASSING = frozenset(
    {
        Fault.TIMEOUT,
        Fault.UNREACHABLE,
        Fault.RATE_LIMITED,
        Fault.SERVER_ERROR,
        Fault.NOT_JSON,
        Fault.SCHEMA,
        Fault.EMPTY,
        Fault.TRUNCATED,
    }
)


class TeacherError(Exception):
    """A request that brought no text.

    Args:
        fault: Its name.
        detail: What happened, in words; at most a few hundred characters are kept.
        retry_after_s: How long the server asked to be left alone, if it said so.
        tokens_in: Prompt tokens that were paid for all the same.
        tokens_out: Answer tokens that were paid for all the same.
    """

    def __init__(
        self,
        fault: Fault,
        detail: str = "",
        *,
        retry_after_s: float | None = None,
        tokens_in: int = 0,
        tokens_out: int = 0,
    ) -> None:
        super().__init__(f"{fault.value}: {detail}")
        self.fault, self.detail = fault, detail[:500]
        self.retry_after_s = retry_after_s
        self.tokens_in, self.tokens_out = tokens_in, tokens_out


@dataclass(frozen=True)
class Picture:
    """An image as a teacher is shown it: a JPEG through the aligned path, and what it is in the request."""

    jpeg: bytes = field(repr=False)
    name: str = ""


@dataclass(frozen=True)
class Request:
    """One question to a teacher.

    Attributes:
        system: The system prompt.
        text: The user's turn.
        pictures: Shown before the text, the image in question last.
        schema: JSON schema of the answer, for servers that can be bound to one.
        label: The label that the prompt states; used by local teachers that read no prompts.
        criteria: The supervision, likewise.
        max_tokens: Longest answer.
    """

    system: str
    text: str
    pictures: tuple[Picture, ...]
    schema: dict[str, Any]
    label: Label
    criteria: tuple[str, ...] = ()
    max_tokens: int = 2000


@dataclass(frozen=True)
class Reply:
    """What a teacher said, and what it took. Token counts are 0 where the backend gives none."""

    text: str
    tokens_in: int = 0
    tokens_out: int = 0


class Teacher(Protocol):
    """A model that writes drafts."""

    @property
    def name(self) -> str:
        """Provider and model, such as `openai:qwen2.5-vl-7b`: stands in every draft."""
        ...

    async def ask(self, request: Request) -> Reply:
        """Send one request, once: the caller repeats, waits and counts.

        Raises:
            TeacherError: It brought no text.
        """
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...
