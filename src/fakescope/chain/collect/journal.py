"""What was read, line by line: a collection that was stopped at any moment goes on where it was.

`collected.jsonl` in the chain's folder. A line is written after the image it tells of is kept, so a kill costs the
images that were on their way, and those are read again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from pydantic import ValidationError

from fakescope.chain.collect.items import Original
from fakescope.chain.collect.take import Taken
from fakescope.errors import DataError
from fakescope.records import ImageRef

FILE = "collected.jsonl"


@dataclass(frozen=True)
class Line:
    """One line: images that were taken of an item, or why there are none."""

    key: str
    origin: str
    images: tuple[ImageRef, ...]
    fault: str = ""
    detail: str = ""


class Journal:
    """The journal of a chain, open for appending; one process at a time.

    Raises:
        DataError: It cannot be opened, or another process has it open.
    """

    def __init__(self, root: Path) -> None:
        self.path = root / FILE
        try:
            root.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = self.path.open("a+b")
        except OSError as error:
            raise DataError(f"{self.path} cannot be written: {error.strerror}") from error
        _lock(self._file, self.path)
        self._cut_broken_end()
        self.keys = {
            line["key"]
            for line in _values(self.path)
            if line.get("images") and isinstance(line.get("key"), str)
        }
        """Items that were taken whole."""

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, taken: Taken) -> None:
        """Write one line, and give it to the system, so that the death of this process cannot lose it."""
        item = taken.item
        line: dict[str, Any] = {"key": item.key, "origin": item.origin}
        if taken.images:
            line["images"] = [ref.model_dump(mode="json", exclude_defaults=True) for ref in taken.images]
            self.keys.add(item.key)
        if taken.fault:
            line |= {"fault": taken.fault, "detail": taken.detail}
        if item.original is not None:
            line["original"] = asdict(item.original)
        self._file.write(json.dumps(line, ensure_ascii=True).encode() + b"\n")
        self._file.flush()

    def lines(self) -> Iterator[Line]:
        """All lines in order; of a key that occurs several times, all of them."""
        for value in _values(self.path):
            try:
                refs = tuple(ImageRef.model_validate(ref) for ref in value.get("images", ()))
                yield Line(
                    value["key"], value["origin"], refs, value.get("fault", ""), value.get("detail", "")
                )
            except (KeyError, TypeError, ValidationError) as error:
                raise DataError(f"{self.path} holds a line that is none of ours", "move it away") from error

    def _cut_broken_end(self) -> None:
        """A line that a kill cut short is dropped: its image is read again."""
        size = self._file.seek(0, os.SEEK_END)
        end = size
        while end > 0:
            start = max(0, end - 65536)
            self._file.seek(start)
            at = self._file.read(end - start).rfind(b"\n")
            if at >= 0:
                end = start + at + 1
                break
            end = start
        if end < size:
            self._file.truncate(end)


def read_originals(root: Path) -> dict[str, Original]:
    """What is known of the files that images were made of, by image id; empty if nothing is.

    Raises:
        DataError: The journal cannot be read.
    """
    found: dict[str, Original] = {}
    if not (root / FILE).is_file():
        return found
    for value in _values(root / FILE):
        original, images = value.get("original"), value.get("images")
        if isinstance(original, dict) and isinstance(images, list):
            try:
                about = Original(**original)
            except TypeError:
                continue
            found |= {image["id"]: about for image in images if isinstance(image, dict) and "id" in image}
    return found


def _values(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):  # noqa: B007 - names the faulty line below
                value = json.loads(line)
                if not isinstance(value, dict):
                    raise ValueError("not an object")
                yield value
    except (OSError, ValueError, RecursionError) as error:
        where = f"{path}, line {number}," if isinstance(error, ValueError) else str(path)
        raise DataError(f"{where} cannot be read", "move it away to collect anew") from error


def _lock(file: BinaryIO, path: Path) -> None:
    """Keep a second collection off the same chain; systems without such locks go without."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise DataError(
            f"another collection is writing {path.parent}", "wait for it, or stop it first"
        ) from error
