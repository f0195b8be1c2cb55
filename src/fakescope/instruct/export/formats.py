"""Which formats there are. Nothing heavy is loaded before one is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fakescope.errors import DataError

if TYPE_CHECKING:
    from fakescope.instruct.export.writer import Writer

ImageMode = Literal["path", "bytes", "store"]
"""Images as images/NAME.jpg, embedded, or as images/ab/abcdef….jpg, named by the sha256 of what is in them."""


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        name: As people ask for it.
        reader: Who reads it.
        modes: How images may lie in it; the first is what is done unless asked otherwise.
        load: Gives the class that writes it.
    """

    name: str
    reader: str
    modes: tuple[ImageMode, ...]
    load: Callable[[], type[Writer]]


def format_named(name: str) -> Format:
    """A format by its name.

    Raises:
        DataError: There is none of that name.
    """
    if name not in FORMATS:
        raise DataError(f"there is no format {name!r}", f"use one of {', '.join(FORMATS)}")
    return FORMATS[name]


def _messages() -> type[Writer]:
    from fakescope.instruct.export.messages import MessagesWriter

    return MessagesWriter


def _llava() -> type[Writer]:
    from fakescope.instruct.export.llava import LlavaWriter

    return LlavaWriter


def _sharegpt() -> type[Writer]:
    from fakescope.instruct.export.sharegpt import SharegptWriter

    return SharegptWriter


def _swift() -> type[Writer]:
    from fakescope.instruct.export.swift import SwiftWriter

    return SwiftWriter


def _webdataset() -> type[Writer]:
    from fakescope.instruct.export.webdataset import WebdatasetWriter

    return WebdatasetWriter


FORMATS: dict[str, Format] = {
    one.name: one
    for one in (
        Format(
            "messages",
            "TRL, and whatever reads Hugging Face data sets",
            ("bytes", "path", "store"),
            _messages,
        ),
        Format("llava", "LLaVA and its descendants", ("path", "store"), _llava),
        Format("sharegpt", "LLaMA-Factory", ("path", "store"), _sharegpt),
        Format("swift", "ms-swift", ("path", "store"), _swift),
        Format("webdataset", "the webdataset library", ("bytes",), _webdataset),
    )
}
