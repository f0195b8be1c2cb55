"""What the checks found, as a page to look at."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from fakescope.errors import DataError
from fakescope.instruct.page import render
from fakescope.records import JsonObject

REACH, WIDTH = 0.2, 220
"""Ends of the axis of gains; width of its picture."""


def write_card(found: JsonObject, path: Path) -> None:
    """Write the card.

    Args:
        found: What `run_checks` returns.
        path: HTML file.

    Raises:
        DataError: It cannot be written.
    """
    answers = {
        form: dict(sorted(counts.items(), key=lambda pair: -pair[1]))
        for form, counts in found["answers"].items()
    }
    page = render(
        "card.html.j2",
        title=f"Instructions from {found['name']}",
        made_at=f"{datetime.now(UTC):%d %B %Y}",
        found={**found, "answers": answers},
        most_parts=max(found["parts"].values(), default=1),
        most_words=max(found["words"].values(), default=1),
        rows_of_diversity=[*found["diversity"].items(), *found["published"].items()],
        place=_place,
    )
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}") from error


def _place(gain: float) -> str:
    """Where a gain lies on its axis, px."""
    return f"{WIDTH / 2 + max(-1.0, min(1.0, gain / REACH)) * WIDTH / 2:.1f}"
