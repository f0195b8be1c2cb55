"""From what a user names (files, folders, globs) to the paths of images."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterable, Iterator

IMAGE_SUFFIXES = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".apng",
        ".webp",
        ".gif",
        ".tif",
        ".tiff",
        ".bmp",
        ".dib",
        ".heic",
        ".heif",
        ".hif",
        ".avif",
    }
)


def iter_image_paths(paths: Iterable[str]) -> Iterator[str]:
    """Yield the images that `paths` name, in a fixed order.

    A file is yielded as named, whatever its suffix. A folder is walked with its subfolders, sorted, for
    files with the suffix of an image; links to folders are not followed, so there are no loops. A name
    that does not exist and holds `*`, `?` or `[` is a glob, where `**` crosses folders. Anything else,
    missing files and globs without a match included, is yielded as it is, so that loading reports it.
    """
    for path in paths:
        if os.path.isdir(path):
            yield from _walk(path)
        elif not os.path.lexists(path) and glob.has_magic(path):
            yield from _expand(path)
        else:
            yield path


def _walk(folder: str, pattern: str = "") -> Iterator[str]:
    """Files of a folder and its subfolders: images, or what the rest of a `**` pattern matches."""
    unreadable: list[str] = []
    for where, folders, files in os.walk(
        folder, onerror=lambda error: unreadable.append(str(error.filename))
    ):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(where, name)
            if pattern:
                wanted = not name.startswith(".") and _matches(os.path.relpath(path, folder), pattern)
            else:
                wanted = os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES and not name.startswith("._")
            if wanted:
                yield path
    # A folder that may not be read is reported by the attempt to load it, not passed over.
    yield from unreadable


def _expand(pattern: str) -> Iterator[str]:
    """The matches of a glob. `**` is walked here, because the standard one follows links into loops."""
    start, crossing, rest = pattern.partition("**")
    found = False
    for path in sorted(glob.glob(start or "." if crossing else pattern)):
        inner = (
            _walk(path, rest.lstrip("/") or "*")
            if crossing
            else _walk(path)
            if os.path.isdir(path)
            else [path]
        )
        for match in inner:
            found = True
            yield match
    if not found:
        yield pattern


def _matches(path: str, pattern: str) -> bool:
    """Whether the path ends in what a pattern such as `*.jpg` or `raw/*.png` describes."""
    parts = pattern.count("/") + 1
    return fnmatch.fnmatch("/".join(path.replace(os.sep, "/").split("/")[-parts:]), pattern)
