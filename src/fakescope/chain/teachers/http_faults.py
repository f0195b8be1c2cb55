"""HTTP failures as named faults; the same for every provider."""

from __future__ import annotations

import re

from fakescope.chain.teachers.base import Fault

_OUT_OF_MONEY = re.compile(r"insufficient_quota|billing_hard_limit|credit balance", re.IGNORECASE)
_FILTERED = re.compile(r"content_filter|content_policy|content management policy", re.IGNORECASE)


class HttpError(Exception):
    """A response with a status other than success.

    Args:
        status: The HTTP status.
        said: The server's words, with its codes.
        retry_after_s: How long it asks to be left alone.
    """

    def __init__(self, status: int, said: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"HTTP {status}")
        self.status, self.said, self.retry_after_s = status, said, retry_after_s


def fault_of(status: int, said: str = "") -> Fault:
    """The fault that an HTTP status stands for, refined by the server's words.

    An account without money answers 429 with some providers, where waiting does not help; a filter may answer 400.
    """
    if status in (401, 402, 403) or _OUT_OF_MONEY.search(said):
        return Fault.NOT_ALLOWED
    if status in (408, 504):
        return Fault.TIMEOUT
    if status == 429:
        return Fault.RATE_LIMITED
    if status >= 500 or status == 409:
        return Fault.SERVER_ERROR
    return Fault.REFUSED if _FILTERED.search(said) else Fault.BAD_REQUEST
