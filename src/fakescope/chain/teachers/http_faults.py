"""HTTP failures as named faults; the same for every provider."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from fakescope.chain.teachers.base import Fault

_MOST_WAIT_S = 3600.0
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


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to be left alone, said as milliseconds, seconds or a date; None if it does not say."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        if (seconds := seconds_in(headers.get(name, ""), unit)) is not None:
            return seconds
    try:
        until = parsedate_to_datetime(headers.get("retry-after", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, until - time.time()), _MOST_WAIT_S)


def seconds_in(text: str, unit: float = 1.0) -> float | None:
    """A number of seconds that a server sent; None if it is no sensible one."""
    try:
        seconds = float(text) * unit
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and 0.0 <= seconds <= _MOST_WAIT_S else None


def said_in(body: object, fallback: str) -> str:
    """What the body of an error says: message and codes, however the server wraps them."""
    if isinstance(body, dict) and isinstance(body.get("error"), dict | str):
        body = body["error"]
    if not isinstance(body, dict):
        return str(body or fallback)
    names = ("message", "detail", "type", "code", "param", "status")
    return " | ".join(str(body[name]) for name in names if body.get(name)) or fallback
