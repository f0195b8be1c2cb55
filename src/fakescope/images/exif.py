"""EXIF and TIFF tags, read one by one and only those that are asked for.

The general readers load every tag at once, and a small file may declare thousands of tags that all point
to the same megabytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

MAX_VALUE_BYTES = 2 * 1024 * 1024
MAX_TAGS = 4096
MAX_DECLARED_TAGS = 50_000
_TYPE_BYTES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_SUB_DIRECTORIES = (0x014A, 0x8769, 0x8825, 0xA005)
EXIF_DIRECTORY = 0x8769
TAGS = {
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0112: "Orientation",
    0x0131: "Software",
    0x0132: "DateTime",
    0x013B: "Artist",
    0x013C: "HostComputer",
    0x02BC: "XMP",
    0x8298: "Copyright",
    0x83BB: "IPTC",
    0x8649: "Photoshop",
    0x9003: "DateTimeOriginal",
    0x9286: "UserComment",
    0xA434: "LensModel",
}


@dataclass(frozen=True)
class _Entry:
    tag: int
    type: int
    size_bytes: int
    start: int
    count: int


class TiffTags:
    """The directory of tags at the start of a TIFF file or of an EXIF block, classic or BigTIFF.

    Args:
        data: The block, from its byte-order mark on; a leading `Exif\\0\\0` is skipped.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        self._data = view[6:] if bytes(view[:6]) == b"Exif\x00\x00" else view
        mark = bytes(self._data[:4])
        self._order = ">" if mark[:2] == b"MM" else "<"
        self._big = mark in (b"II+\x00", b"MM\x00+")
        self.is_valid = self._big or mark in (b"II*\x00", b"MM\x00*")

    def read(self) -> dict[str, bytes | int]:
        """Values of the tags in `TAGS`: whole numbers as int, all else as bytes; repeats ignored."""
        found: dict[str, bytes | int] = {}
        directories = [self._root()]
        for offset in directories:
            for entry in self._entries(offset):
                if entry.tag == EXIF_DIRECTORY and len(directories) == 1:
                    directories.append(self._number(entry))
                name = TAGS.get(entry.tag)
                if name and name not in found and entry.size_bytes <= MAX_VALUE_BYTES:
                    single = entry.count == 1 and entry.type in (3, 4)
                    raw = bytes(self._data[entry.start : entry.start + entry.size_bytes])
                    found[name] = self._number(entry) if single else raw
        return found

    def declared_bytes(self) -> int:
        """Bytes of all tag values of all pages, as declared: what a reader that loads everything takes.

        Raises:
            ValueError: More tags than any honest file has.
        """
        total, tags = 0, 0
        queue, seen = [self._root()], set()
        for offset in queue:
            if offset in seen:
                continue
            seen.add(offset)
            for entry in self._entries(offset, limit=MAX_DECLARED_TAGS + 1):
                total += entry.size_bytes
                tags += 1
                if tags > MAX_DECLARED_TAGS:
                    raise ValueError(f"more than {MAX_DECLARED_TAGS} tags")
                if entry.tag in _SUB_DIRECTORIES:
                    queue.append(self._number(entry))
            queue.append(self._next(offset))
        return total

    def _root(self) -> int:
        return self._unpack("Q", 8) if self._big else self._unpack("L", 4)

    def _entries(self, offset: int, limit: int = MAX_TAGS) -> Iterator[_Entry]:
        if not self.is_valid or offset < 8:
            return
        count_bytes, entry_bytes, inline_bytes = (8, 20, 8) if self._big else (2, 12, 4)
        number = self._unpack("Q" if self._big else "H", offset)
        for index in range(min(number, limit)):
            at = offset + count_bytes + index * entry_bytes
            if at + entry_bytes > len(self._data):
                return
            type = self._unpack("H", at + 2)
            count = self._unpack("Q" if self._big else "L", at + 4)
            size = count * _TYPE_BYTES.get(type, 1)
            value_at = at + entry_bytes - inline_bytes
            start = value_at if size <= inline_bytes else self._unpack("Q" if self._big else "L", value_at)
            # What lies beyond the end is not there to be read, so it costs a reader nothing.
            size = max(0, min(size, len(self._data) - start))
            yield _Entry(self._unpack("H", at), type, size, start, count)

    def _next(self, offset: int) -> int:
        """Where the directory of the next page starts; 0 if there is none."""
        if self._big:
            return self._unpack("Q", offset + 8 + 20 * self._unpack("Q", offset))
        return self._unpack("L", offset + 2 + 12 * self._unpack("H", offset))

    def _number(self, entry: _Entry) -> int:
        code = {3: "H", 16: "Q", 18: "Q"}.get(entry.type, "L")
        return self._unpack(code, entry.start)

    def _unpack(self, code: str, at: int) -> int:
        """One whole number, or 0 where the data ends."""
        if not 0 <= at < len(self._data):
            return 0
        try:
            return int(struct.unpack_from(self._order + code, self._data, at)[0])
        except struct.error:
            return 0


def read_orientation(exif: bytes) -> int:
    """The EXIF orientation, 1-8; 1 where there is none or it makes no sense."""
    value = TiffTags(exif).read().get("Orientation", 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
