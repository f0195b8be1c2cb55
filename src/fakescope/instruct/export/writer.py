"""What every format has in common: it is given conversations image by image, and writes one split."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from fakescope.errors import DataError
from fakescope.records import JsonObject

PLACE = "<image>"
"""Where the image belongs in formats of plain text. No text of a set can hold it: see `clean`."""


class Conversation(NamedTuple):
    """An instruction, its texts made harmless.

    Attributes:
        turns: (question, answer), at least one.
    """

    id: str
    part: str
    form: str
    turns: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Picture:
    """An image as the export holds it.

    Attributes:
        id: In the set; not to be trusted as a name of a file.
        name: Safe as a name of a file, without a suffix; one image has one name, and one name one image.
        path: In the export, with forward slashes; None where it is embedded.
        jpeg: Bytes; None where the export refers to a file.
    """

    id: str
    name: str
    path: str | None
    jpeg: bytes | None


class Writer(ABC):
    """Writes one split of an export.

    Args:
        folder: Of the export; exists.
        split: `train` or `dev`.
    """

    how: ClassVar[str]
    """Markdown for the README: how the trainer is told to load it. FOLDER stands for the export."""

    def __init__(self, folder: Path, split: str) -> None:
        self.folder, self.split = folder, split
        self.files: list[str] = []

    @abstractmethod
    def add(self, picture: Picture, conversations: Sequence[Conversation]) -> None:
        """Write conversations about one image."""

    @abstractmethod
    def close(self) -> None:
        """Finish the files; also after a failure."""

    @classmethod
    def finish(cls, folder: Path, splits: Sequence[str]) -> list[str]:
        """Write what the export needs besides its splits; the names of those files."""
        return []

    @classmethod
    def front(cls, splits: Sequence[str]) -> JsonObject:
        """Front matter of the README, which the Hugging Face library reads."""
        return {}


class LinesWriter(Writer):
    """One file of a split, an object a conversation: JSON Lines, or a list with one object a line."""

    before, between, after = "", "\n", "\n"
    suffix: ClassVar[str] = "jsonl"

    def __init__(self, folder: Path, split: str) -> None:
        super().__init__(folder, split)
        self.files.append(f"{split}.{self.suffix}")
        self._held = (folder / self.files[0]).open("w", encoding="ascii", newline="\n")
        self._held.write(self.before)
        self._any = False

    @abstractmethod
    def entry(self, picture: Picture, conversation: Conversation) -> JsonObject:
        """The object of a conversation."""

    def add(self, picture: Picture, conversations: Sequence[Conversation]) -> None:
        for one in conversations:
            self._held.write((self.between if self._any else "") + to_json(self.entry(picture, one)))
            self._any = True

    def close(self) -> None:
        if not self._held.closed:
            self._held.write(self.after if self._any else self.after.lstrip("\n"))
            self._held.close()


def to_json(value: Any) -> str:
    """One line of ASCII, so that no reader can take a sign inside a text for the end of a line."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


def path_of(picture: Picture) -> str:
    """The path of an image that is not embedded.

    Raises:
        DataError: It is embedded, which this format cannot hold.
    """
    if picture.path is None:
        raise DataError("this format refers to images by path")
    return picture.path


def messages_of(conversation: Conversation) -> list[JsonObject]:
    """Roles `user` and `assistant`, the place of the image in the first question."""
    messages: list[JsonObject] = []
    for number, (question, answer) in enumerate(conversation.turns):
        asked = question if number else f"{PLACE}\n{question}"
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
    return messages
