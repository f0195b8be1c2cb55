"""Get the bytes of a source: a regular file or a stream, within the limit, and never a device."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from typing import BinaryIO

from fakescope.errors import ImageError, ImageTooLargeError
from fakescope.images.text import clean_text

MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """The largest image that is decoded.

    Attributes:
        max_bytes: Size of the file.
        max_pixels: Width times height.
        max_side_px: Longer side.
    """

    max_bytes: int = 64 * MIB
    max_pixels: int = 100_000_000
    max_side_px: int = 65_535


DEFAULT_LIMITS = Limits()


def read_path(where: str, limits: Limits) -> bytes:
    """Read a regular file within the limit; never open a device, a pipe or a socket."""
    shown = shown_path(where)
    try:
        # Asked before opening, because opening a device can already do something; and again after, because
        # the file may have been exchanged meanwhile. O_NONBLOCK: a pipe without a writer must not hang.
        _check_regular(os.stat(where), shown, limits)
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(where, flags), "rb") as file:
            _check_regular(os.fstat(file.fileno()), shown, limits)
            return file.read(limits.max_bytes + 1)
    except OSError as error:
        raise _unreadable(where, shown, error) from error
    except ValueError as error:
        raise ImageError(f"{shown} cannot be a path: {reason_of(error)}", "check the name") from error


def _check_regular(status: os.stat_result, shown: str, limits: Limits) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise ImageError(f"{shown} is a folder", "name the images in it")
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(f"{shown} is not a regular file", "devices, pipes and sockets are not read")
    if status.st_size > limits.max_bytes:
        raise too_many_bytes(shown, limits)
    if status.st_size == 0:
        raise ImageError(f"{shown} is empty", "the file has no bytes; copy or download it again")


def read_stream(source: BinaryIO, limits: Limits) -> bytes:
    """Read a binary stream to its end, or to one byte over the limit."""
    try:
        data = source.read(limits.max_bytes + 1)
    except OSError as error:
        raise ImageError(f"the stream cannot be read: {reason_of(error)}", "try a file instead") from error
    if not isinstance(data, bytes):
        raise TypeError("load_image needs a stream opened in binary mode")
    return data


def _unreadable(where: str, shown: str, error: OSError) -> ImageError:
    if "://" in where[:12]:
        hint = "nothing is fetched from the network; download it first"
        return ImageError(f"{shown} is an address, not a file", hint)
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return ImageError(f"{shown} does not exist", "check the path")
    if error.errno in (errno.EACCES, errno.EPERM):
        return ImageError(f"{shown} may not be read by this user", "check its permissions")
    return ImageError(f"{shown} cannot be read: {error.strerror or 'input error'}", "check the path")


def too_many_bytes(shown: str, limits: Limits) -> ImageTooLargeError:
    """The error for a file over the limit of bytes."""
    return ImageTooLargeError(f"{shown} is too large", f"at most {limits.max_bytes / MIB:g} MiB")


def shown_path(where: str) -> str:
    """A path as it may be printed."""
    return clean_text(where, 300) or "the image"


def reason_of(error: BaseException) -> str:
    """The decoder's reason in a few words, without addresses of objects."""
    text = clean_text(error, 120)
    return text if text and " object at 0x" not in text else type(error).__name__
