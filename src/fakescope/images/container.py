"""Where each format keeps its EXIF, XMP and IPTC."""

from __future__ import annotations

from PIL import Image

from fakescope.images import jpeg, png

MAX_EXIF_BYTES = 16 * 1024 * 1024
MAX_XMP_BYTES = 4 * 1024 * 1024


def find_exif(data: bytes, format: str, image: Image.Image | None = None) -> bytes:
    """The EXIF block of a file; empty if there is none. A TIFF file has none: it is one itself.

    Args:
        data: The file.
        format: As sniffed.
        image: The opened file, which is asked where the block cannot be found by walking the file .
    """
    if format == "JPEG":
        found = jpeg.find_segment(data, jpeg.APP1, jpeg.EXIF_PREFIX)
    elif format == "PNG":
        found = png.find_exif(data)
    elif format == "WEBP":
        found = _riff_chunk(data, b"EXIF")
    else:
        found = image.info.get("exif", b"") if image is not None and format in ("AVIF", "HEIF") else b""
    return found if isinstance(found, bytes) and len(found) <= MAX_EXIF_BYTES else b""


def find_xmp(data: bytes) -> bytes:
    """The first XMP packet anywhere in the file, whatever its format; empty if none is in plain text."""
    for opening, closing in ((b"<x:xmpmeta", b"</x:xmpmeta>"), (b"<rdf:RDF", b"</rdf:RDF>")):
        start = data.find(opening)
        if start >= 0:
            end = data.find(closing, start, start + MAX_XMP_BYTES)
            return data[start : end + len(closing)] if end >= 0 else b""
    return b""


def _riff_chunk(data: bytes, wanted: bytes) -> bytes:
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == wanted:
            return data[at + 8 : at + 8 + size]
        at += 8 + size + (size & 1)
    return b""
