"""Servers of others: their addresses, their keys (from environment variables alone), and how they say no."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from fakescope.errors import ModelError
from fakescope.images.text import clean_text

_MOST_WAIT_S = 3600.0
_VARIABLES = {
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "google": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
}


def find_key(provider: str, url: str | None, key_env: str | None) -> str | None:
    """The key for a server, from the environment.

    A provider's own variable is read for the provider's own address alone, so that its key goes nowhere else. For
    another address the variable is named with `key_env`, or there is no key.

    Raises:
        ModelError: There is none where one is needed, or it is none.
    """
    if key_env is None and url is not None:
        return None
    names = (key_env,) if key_env is not None else _VARIABLES[provider]
    found = next((name for name in names if os.environ.get(name, "").strip()), None)
    if found is None:
        raise ModelError(
            f"{provider} needs a key, and {' or '.join(names)} is not set",
            "set it in the environment, or name another variable with --key-env",
        )
    key = os.environ[found].strip()
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ModelError(f"the value of {found} is not a key", "a key is one word of plain characters")
    return key


def check_url(url: str | None) -> str | None:
    """The address of a server, without a slash at its end.

    Raises:
        ModelError: It is not an http or https address.
    """
    if url is None:
        return None
    plain = url.strip().rstrip("/")
    try:
        parts = urlsplit(plain)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        (parts.hostname or "").encode("idna")  # how it will be looked up
    except ValueError:  # UnicodeError is one
        sound = False
    if "@" in plain.partition("://")[2].partition("/")[0]:
        raise ModelError(
            "an address holds no user and no password", "set the key in the environment, and name it with key_env"
        )
    if not sound or not plain.isprintable() or " " in plain:
        raise ModelError(
            f"{clean_text(url, 200)!r} is not the address of a server", "such as http://localhost:8000/v1"
        )
    return plain


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
