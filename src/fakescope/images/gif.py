"""GIF: the first frame cut out without a decoder."""

from __future__ import annotations

_IMAGE, _EXTENSION, _GRAPHIC_CONTROL, _TRAILER = 0x2C, 0x21, 0xF9, b"\x3b"


def first_frame(data: bytes) -> bytes:
    """The same GIF with its first frame only, and without comments.

    The decoder needs time that grows with the square of a comment's length. A file that ends before its
    first frame is returned as it is, for the decoder to refuse.
    """
    at = 13 + _table_bytes(data[10]) if len(data) > 13 else len(data)
    head, control = data[:at], b""
    while at + 10 <= len(data):
        if data[at] == _IMAGE:
            body = at + 10 + _table_bytes(data[at + 9]) + 1
            return head + control + data[at : _skip_blocks(data, body)] + _TRAILER
        if data[at] == _EXTENSION:
            end = _skip_blocks(data, at + 2)
            if data[at + 1] == _GRAPHIC_CONTROL:
                control = data[at:end]
            at = end
        else:
            at += 1
    return data[:at]


def _table_bytes(flags: int) -> int:
    """Size of the colour table that a flags byte announces."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_blocks(data: bytes, at: int) -> int:
    """The position behind a chain of data blocks, each led by its length and closed by a zero."""
    while at < len(data) and data[at]:
        at += data[at] + 1
    return min(at + 1, len(data))
