"""Keys and addresses of servers. Keys come from environment variables alone."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from fakescope.errors import ModelError
from fakescope.images.text import clean_text

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
    except ValueError:
        sound = False
    if not sound or not plain.isprintable() or " " in plain:
        raise ModelError(
            f"{clean_text(url, 200)!r} is not the address of a server", "such as http://localhost:8000/v1"
        )
    return plain
