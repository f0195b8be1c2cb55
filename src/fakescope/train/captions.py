"""Captions written for training images: one sentence on what is there, the kind of picture, and further words.

They teach the embedded model what images show; they say nothing of authenticity. A large multimodal model wrote
them from contact sheets, without labels, and people have not reviewed them.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from fakescope.errors import DataError


@dataclass(frozen=True)
class Caption:
    """What one image shows. `words` are further visible things, parted by blanks."""

    sentence: str
    kind: str
    words: str


def read_captions(path: Path) -> dict[str, Caption]:
    """Captions by image id from a table with the columns id, kind, caption, words.

    Raises:
        DataError: The table cannot be read, or a column is missing.
    """
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            return {r["id"]: Caption(r["caption"], r["kind"], r["words"]) for r in csv.DictReader(lines)}
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        raise DataError(f"{path} cannot be read as captions: {error}") from error
