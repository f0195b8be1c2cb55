"""The image files of a set of instructions, wherever they lie, each through the path that all images take.

A set refers to its images by id. Their files are looked for in a folder by path (as the set knows it), as ID.jpg, or in
a FakeChain release that holds them.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from fakescope.chain.release.read import read_about, read_pictures
from fakescope.errors import DataError, ImageError
from fakescope.images.load import load_image
from fakescope.images.preprocess import level
from fakescope.records import JsonObject

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


class Pictures:
    """Finds and levels image files. Use it as a context manager: what a release embeds is unpacked meanwhile.

    Args:
        images: The set's table of images: id -> row.
        folder: A folder of files, of a release, or of anything with a subfolder `images`.

    Raises:
        DataError: The folder does not exist.
    """

    def __init__(self, images: dict[str, JsonObject], folder: Path) -> None:
        if not folder.is_dir():
            raise DataError(f"{folder} is not a folder of images")
        self._images, self._folder = images, folder
        self._unpacked: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Pictures:
        if (self._folder / "release.json").is_file():
            self._unpack()
        return self

    def __exit__(self, *_: object) -> None:
        if self._unpacked:
            self._unpacked.cleanup()

    def find(self, id: str) -> Path | None:
        """The file of an image; None where there is none."""
        if self._unpacked and (path := Path(self._unpacked.name) / _file_name(id)).is_file():
            return path
        named = str(self._images.get(id, {}).get("path") or "")
        tries = [named, *(f"{id}{suffix}" for suffix in SUFFIXES)]
        for root in (self._folder, self._folder / "images"):
            for name in tries:
                if found := _inside(root, name):
                    return found
        return None

    def read(self, id: str) -> bytes | None:
        """An image as JPEG bytes, longer side at most 512 px; None where there is no readable file.

        Both classes take this path, so that neither format nor size tells them apart.
        """
        path = self.find(id)
        if path is None:
            return None
        try:
            return level(load_image(path).pixels)
        except ImageError:
            return None

    def _unpack(self) -> None:
        if (read_about(self._folder).get("images") or {}).get("mode") != "embed":
            return
        self._unpacked = tempfile.TemporaryDirectory(prefix="fakescope-")
        for id, picture in read_pictures(self._folder):
            (Path(self._unpacked.name) / _file_name(id)).write_bytes(picture)


def _inside(root: Path, name: str) -> Path | None:
    """A file below a folder; a name that leads out of it finds nothing."""
    if not name or Path(name).is_absolute() or ".." in Path(name).parts:
        return None
    path = root / name
    return path if path.is_file() else None


def _file_name(id: str) -> str:
    return f"{hashlib.sha256(id.encode()).hexdigest()[:32]}.jpg"
