"""PNG: its chunks walked without a decoder, its texts read within limits."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

MAX_CHUNKS = 100_000
MAX_TEXTS = 64
MAX_TEXT_BYTES = 2 * 1024 * 1024
MAX_ALL_TEXT_BYTES = 8 * 1024 * 1024
_FIRST = len(b"\x89PNG\r\n\x1a\n")
_DECODER_NEEDS = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"iCCP"})


def iter_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, start, end) of each whole chunk's content; stop quietly at the first that is cut short.

    Raises:
        ValueError: More chunks than any honest file has.
    """
    at = _FIRST
    for _ in range(MAX_CHUNKS):
        if at + 12 > len(data):
            return
        start, end = at + 8, at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            return
        yield data[at + 4 : at + 8], start, end
        at = end + 4
    raise ValueError(f"more than {MAX_CHUNKS} chunks")


def for_decoder(data: bytes) -> bytes:
    """The same PNG with only the chunks that its pixels and colours need, and no further frames.

    The decoder refuses a sound image when a compressed text in it is large; texts and EXIF are read
    separately, with limits of their own.
    """
    parts, kept_to = [], 0
    for kind, start, end in iter_chunks(data):
        if kind not in _DECODER_NEEDS:
            parts.append(data[kept_to : start - 8])
            kept_to = end + 4
    return b"".join([*parts, data[kept_to:]])


def find_exif(data: bytes) -> bytes:
    """The content of the eXIf chunk, or empty bytes."""
    return next((data[start:end] for kind, start, end in iter_chunks(data) if kind == b"eXIf"), b"")


def read_texts(data: bytes) -> list[tuple[str, str]]:
    """Keyword and text of the tEXt, zTXt and iTXt chunks, in file order; what is over a limit is left out."""
    texts: list[tuple[str, str]] = []
    left_bytes = MAX_ALL_TEXT_BYTES
    for kind, start, end in iter_chunks(data):
        if kind not in (b"tEXt", b"zTXt", b"iTXt") or end - start > MAX_TEXT_BYTES:
            continue
        pair = _read_text(kind, data[start:end])
        if pair is not None and len(pair[1]) <= left_bytes:
            left_bytes -= len(pair[1])
            texts.append(pair)
        if len(texts) == MAX_TEXTS:
            break
    return texts


def _read_text(kind: bytes, content: bytes) -> tuple[str, str] | None:
    keyword, _, rest = content.partition(b"\x00")
    packed, encoding = kind == b"zTXt", "latin-1"
    if kind == b"zTXt":
        rest = rest[1:]
    elif kind == b"iTXt":
        packed, encoding = rest[:1] == b"\x01", "utf-8"
        rest = b"\x00".join(rest[2:].split(b"\x00", 2)[2:])
    if packed:
        unpacked = _unpack(rest)
        if unpacked is None:
            return None
        rest = unpacked
    return keyword[:79].decode("latin-1"), rest.decode(encoding, "replace")


def _unpack(packed: bytes) -> bytes | None:
    """Decompress, or None if the data is broken or larger than the limit."""
    unpacker = zlib.decompressobj()
    try:
        unpacked = unpacker.decompress(packed, MAX_TEXT_BYTES)
    except zlib.error:
        return None
    return None if unpacker.unconsumed_tail else unpacked
