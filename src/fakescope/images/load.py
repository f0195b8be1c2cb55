"""Load one image safely: any common format in, upright 8-bit RGB out, or one clear error.

Every file is taken to be hostile. The order is what makes it safe: the kind of the file and its size in
bytes are checked before it is read, the format is judged by its magic number and only that one decoder is
let near it, and the size in pixels is checked from the header before anything is decoded.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import struct
import warnings
import zlib
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import BinaryIO

from PIL import Image, features

from fakescope.errors import ImageError, ImageTooLargeError
from fakescope.images import gif, jpeg, png
from fakescope.images.container import find_exif
from fakescope.images.exif import TiffTags, read_orientation
from fakescope.images.paths import IMAGE_SUFFIXES, iter_image_paths
from fakescope.images.pixels import to_upright_rgb
from fakescope.images.quiet import quiet_stderr
from fakescope.images.sniff import FORMATS, sniff_format
from fakescope.images.source import (
    DEFAULT_LIMITS,
    Limits,
    read_path,
    read_stream,
    reason_of,
    shown_path,
    too_many_bytes,
)
from fakescope.images.text import clean_text

__all__ = ["IMAGE_SUFFIXES", "Limits", "LoadedImage", "iter_image_paths", "load_image"]

MAX_SCAN_PIXELS = 4_000_000_000
"""Most pixels x scans of a JPEG: each scan of a progressive file goes over the whole image, whatever its
size in bytes, so a small file with thousands of scans would keep a processor busy for hours."""

# Pillow warns about large images and odd metadata; both are checked and said here in our own words. A filter
# set once is safe with threads, which `warnings.catch_warnings` is not.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

_CUTTERS = {"PNG": png.for_decoder, "JPEG": jpeg.for_decoder, "GIF": gif.first_frame}

DECODE_ERRORS: tuple[type[BaseException], ...] = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    EOFError,
    AssertionError,
    struct.error,
    zlib.error,
    Warning,
)
"""What Pillow and its plugins raise on broken files (found by fuzzing, and in their sources)."""


@dataclass(frozen=True)
class LoadedImage:
    """An image that was decoded, with the bytes it came from. Two are equal if path and bytes are.

    Attributes:
        pixels: RGB, 8 bit, upright, transparency on white.
        sha256: Hex digest of the file's bytes.
        path: As given; `<bytes>` or `<stream>` if there is none. Not cleaned for printing: `name` is.
        format: One of JPEG, PNG, WEBP, GIF, TIFF, BMP, HEIF, AVIF, judged by content and not by suffix.
        width_px: Of the upright image.
        height_px: Of the upright image.
        size_bytes: Length of `data`.
        data: The file's bytes.
        notes: What was done or left undone in decoding that a careful reader may want to know.
    """

    pixels: Image.Image = field(compare=False)
    sha256: str
    path: str
    format: str = field(compare=False)
    width_px: int = field(compare=False)
    height_px: int = field(compare=False)
    size_bytes: int = field(compare=False)
    data: bytes = field(compare=False, repr=False)
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def name(self) -> str:
        """The file's name without its folders, safe to print."""
        return clean_text(PurePath(self.path).name or self.path, 200)


def load_image(
    source: str | os.PathLike[str] | bytes | BinaryIO,
    *,
    limits: Limits = DEFAULT_LIMITS,
    path: str | None = None,
) -> LoadedImage:
    """Read and decode one image.

    Args:
        source: A path, the bytes of a file, or a binary stream.
        limits: What is too large.
        path: What to call a source that is not a path (an uploaded file's name).

    Raises:
        ImageTooLargeError: Over a limit; it was not decoded.
        ImageError: Missing, unreadable, not a regular file, not an image of a known format, or broken.
    """
    if isinstance(source, str | os.PathLike):
        where = os.fspath(source)
        data = read_path(where, limits)
    elif isinstance(source, bytes | bytearray | memoryview):
        where, data = path or "<bytes>", bytes(source)
    else:
        where, data = path or "<stream>", read_stream(source, limits)
    shown = shown_path(where)
    if len(data) > limits.max_bytes:
        raise too_many_bytes(shown, limits)
    if not data:
        raise ImageError(f"{shown} is empty", "the file has no bytes; copy or download it again")
    return _decode(data, where, shown, limits)


def _decode(data: bytes, where: str, shown: str, limits: Limits) -> LoadedImage:
    format = sniff_format(data)
    if format is None:
        raise ImageError(f"{shown} is not an image of a known format", f"known formats: {', '.join(FORMATS)}")
    try:
        quiet = quiet_stderr() if format == "TIFF" else contextlib.nullcontext()
        with quiet, _open(data, format, shown, limits) as image:
            _check_pixels(image, format, data, shown, limits)
            pixels, notes = to_upright_rgb(image, read_orientation(find_exif(data, format, image)))
    except Image.DecompressionBombError as error:
        raise ImageTooLargeError(f"{shown} has too many pixels", "make it smaller first") from error
    except MemoryError as error:
        raise ImageTooLargeError(f"{shown} needs too much memory", "make it smaller first") from error
    except DECODE_ERRORS as error:
        raise ImageError(
            f"{shown} is a broken {format} file: {reason_of(error)}", "cut short or damaged? get it again"
        ) from error
    _check_size(*pixels.size, shown, limits)
    digest = hashlib.sha256(data).hexdigest()
    return LoadedImage(pixels, digest, where, format, pixels.width, pixels.height, len(data), data, notes)


def _open(data: bytes, format: str, shown: str, limits: Limits) -> Image.Image:
    """Read the header with the one decoder that the magic number asks for. Nothing is decoded yet.

    The decoder is given no more of the file than the pixels need, because its reading of metadata has no
    limits; where metadata cannot be cut out, its declared size is checked.
    """
    if format in ("TIFF", "AVIF"):
        _check_tags(data, format, shown, limits)
    if format == "HEIF":
        from pi_heif import HeifImageFile

        image: Image.Image = HeifImageFile(io.BytesIO(data))
        return image
    if format in ("AVIF", "WEBP") and not features.check(format.lower()):
        raise ImageError(f"{shown} is {format}, which this Pillow cannot read", "pip install -U pillow")
    if format in _CUTTERS:
        data = _CUTTERS[format](data)
    return Image.open(io.BytesIO(data), formats=[format])


def _check_tags(data: bytes, format: str, shown: str, limits: Limits) -> None:
    """Refuse a directory of tags that would unfold to far more than the file (at any place in a box file)."""
    starts = [0] if format == "TIFF" else [m.start() for m in re.finditer(rb"II\*\x00|MM\x00\*", data)][:16]
    for start in starts:
        if TiffTags(memoryview(data)[start:]).declared_bytes() > 2 * limits.max_bytes:
            raise ImageTooLargeError(f"{shown} declares more metadata than it can hold", "save it anew first")


def _check_scans(data: bytes, image: Image.Image, shown: str) -> None:
    scans = jpeg.count_scans(data)
    if scans > 40 and scans * image.width * image.height > MAX_SCAN_PIXELS:
        raise ImageTooLargeError(f"{shown} has {scans} scans, far more than it needs", "save it anew first")


def _check_pixels(image: Image.Image, format: str, data: bytes, shown: str, limits: Limits) -> None:
    _check_size(*image.size, shown, limits)
    if format == "JPEG":
        _check_scans(data, image, shown)
    if format == "TIFF":
        # A tile may be declared far larger than the image, and its buffer is allocated whole.
        tags = getattr(image, "tag_v2", {})
        tile_px = int(tags.get(322, 0)) * int(tags.get(323, 0))
        if tile_px > limits.max_pixels:
            raise ImageTooLargeError(f"{shown} has tiles of {tile_px} pixels", "save it as PNG or JPEG first")


def _check_size(width_px: int, height_px: int, shown: str, limits: Limits) -> None:
    if width_px < 1 or height_px < 1:
        raise ImageError(f"{shown} has no pixels ({width_px} x {height_px})", "get it again")
    if width_px * height_px > limits.max_pixels or max(width_px, height_px) > limits.max_side_px:
        most = f"at most {limits.max_pixels / 1e6:g} megapixels and {limits.max_side_px} px a side"
        raise ImageTooLargeError(f"{shown} is too large ({width_px} x {height_px} px)", most)
