"""HTTP failures as named faults; the same for every provider."""

from __future__ import annotations

from collections.abc import Mapping

from fakescope.chain.teachers.base import Fault, TeacherError
from fakescope.images.text import clean_text

_MOST_WAIT_S = 3600.0


def fault_of_status(status: int) -> Fault:
    """The fault that an HTTP status stands for."""
    if status in (401, 403):
        return Fault.NOT_ALLOWED
    if status in (408, 504):
        return Fault.TIMEOUT
    if status == 429:
        return Fault.RATE_LIMITED
    return Fault.SERVER_ERROR if status >= 500 else Fault.BAD_REQUEST


def status_error(status: int, message: str, headers: Mapping[str, str] | None = None) -> TeacherError:
    """The error of an HTTP answer that is no success."""
    detail = f"HTTP {status}: {clean_text(message, 300)}"
    return TeacherError(fault_of_status(status), detail, retry_after_s=retry_after(headers or {}))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to be left alone; None if it does not say, or says a date."""
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / scale
        except ValueError:
            continue
        if 0.0 <= seconds <= _MOST_WAIT_S:
            return seconds
    return None
