"""JPEG: its segments walked without a decoder."""

from __future__ import annotations

from collections.abc import Iterator

EXIF_PREFIX = b"Exif\x00\x00"
PHOTOSHOP_PREFIX = b"Photoshop 3.0\x00"
APP0, APP1, APP13, APP14, APP15, COM, SOS = 0xE0, 0xE1, 0xED, 0xEE, 0xEF, 0xFE, 0xDA
MAX_ICC_SEGMENTS = 64
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})


def iter_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, start, end) of each segment's content before the first scan.

    Stops at the first scan, at the end, and quietly at whatever is not a segment.
    """
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _STANDALONE:
            at += 2
        else:
            end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            if marker == SOS or end > len(data) or end < at + 4:
                return
            yield marker, at + 4, end
            at = end


def for_decoder(data: bytes) -> bytes:
    """The same JPEG without the metadata that its pixels and colours do not need.

    Kept: JFIF, Adobe's colour marker and the colour profile. EXIF is read separately and within limits,
    because the decoder reads all of it at once, and a small file can claim gigabytes of it.
    """
    parts, kept_to, profiles = [], 0, 0
    for marker, start, end in iter_segments(data):
        is_profile = data.startswith(b"ICC_PROFILE\x00", start)
        profiles += is_profile
        wanted = marker in (APP0, APP14) or (is_profile and profiles <= MAX_ICC_SEGMENTS)
        if (APP0 <= marker <= APP15 or marker == COM) and not wanted:
            parts.append(data[kept_to : start - 4])
            kept_to = end
    return b"".join([*parts, data[kept_to:]])


def find_segment(data: bytes, marker: int, prefix: bytes) -> bytes:
    """The content, behind `prefix`, of the first such segment; empty bytes if there is none."""
    for found, start, end in iter_segments(data):
        if found == marker and data.startswith(prefix, start, end):
            return data[start + len(prefix) : end]
    return b""


def count_scans(data: bytes) -> int:
    """An upper bound of the number of scans: start-of-scan markers anywhere in the bytes.

    Compressed data never holds the marker (0xFF is followed by 0x00 there).
    """
    return data.count(b"\xff\xda")
