"""Text that comes out of a file or a file name, made safe to print."""

from __future__ import annotations

import unicodedata

MAX_VALUE_CHARS = 400
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Unicode categories removed from foreign text: controls and escapes, invisible and bidirectional marks,
surrogates, private use and unassigned code points."""


def clean_text(value: object, max_chars: int = MAX_VALUE_CHARS) -> str:
    """Make foreign text harmless: one line, no control or invisible characters, cut to a length.

    Args:
        value: Text, or bytes read as UTF-8 with replacement, or anything with a `str`.
        max_chars: Longest result; a longer text ends in an ellipsis.
    """
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    # Cut first: the text may be megabytes long, and what is behind the cut is never shown.
    text = text[: 4 * max_chars + 64]
    kept = (" " if ch in "\t\n\r\v\f\x00" else ch for ch in text)
    text = "".join(ch for ch in kept if unicodedata.category(ch) not in _UNPRINTABLE)
    text = " ".join(text.split())
    return text if len(text) <= max_chars else text[: max_chars - 1].rstrip() + "…"
