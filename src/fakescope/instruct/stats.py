"""What a set of instructions holds, from its list of contents: at once, whatever its size."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from fakescope.instruct.read import read_manifest
from fakescope.records import JsonObject


def stats_of(folder: Path) -> JsonObject:
    """The list of contents, with instructions by part.

    Raises:
        DataError: The folder holds no finished set.
    """
    manifest = read_manifest(folder)
    parts: Counter[str] = Counter()
    for form, count in manifest["forms"].items():
        parts[form.partition(".")[0]] += count
    return {**manifest, "parts": dict(parts)}
