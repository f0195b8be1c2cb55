"""Where the images of an export go, and under which names."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from fakescope.instruct.export.formats import ImageMode
from fakescope.instruct.export.writer import Picture

_PLAIN = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,78}[a-z0-9])?")
_LIKE_MADE = re.compile(r".*-[0-9a-f]{16}")
_OTHER = re.compile(r"[^a-z0-9]+")


def safe_name(id: str) -> str:
    """A name of a file for an image: of small letters, digits, `_` and `-`, different for every id.

    Ids that are such names already stay as they are. Others get a part of their hash, and so do ids that look as if
    they had one; capitals too, for some file systems do not tell them from small letters.
    """
    if _PLAIN.fullmatch(id) and not _LIKE_MADE.fullmatch(id):
        return id
    digest = hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{_OTHER.sub('-', id.lower())[:40].strip('-') or 'image'}-{digest}"


class Place:
    """Puts levelled images into an export.

    Args:
        folder: Of the export.
        mode: See `ImageMode`.
    """

    def __init__(self, folder: Path, mode: ImageMode) -> None:
        self._folder, self._mode = folder, mode

    def put(self, id: str, jpeg: bytes) -> Picture:
        """Write an image, unless it is embedded or there already."""
        if self._mode == "bytes":
            return Picture(id, safe_name(id), None, jpeg)
        path = self.name(id, jpeg)
        target = self._folder / path
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(jpeg)
        return Picture(id, safe_name(id), path, None)

    def name(self, id: str, jpeg: bytes) -> str:
        """Of an image in the export: the path of its file, or a bare name where it is embedded."""
        if self._mode == "store":
            digest = hashlib.sha256(jpeg).hexdigest()
            return f"images/{digest[:2]}/{digest}.jpg"
        return f"images/{safe_name(id)}.jpg" if self._mode == "path" else safe_name(id)
