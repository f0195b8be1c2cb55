"""The one image of a request: from a `data:` address to a picture on the project's one path."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace

from fakescope.errors import FakescopeError, ImageError
from fakescope.images.load import LoadedImage, load_image
from fakescope.images.preprocess import LONGER_SIDE_PX, levelled
from fakescope.records import Message
from fakescope.web.openai.wire import ImagePart, TextPart, Turn

_DATA_URL = re.compile(r"data:(image/[a-z0-9.+-]{1,40})?;base64,", re.IGNORECASE)
NAME = "<request>"


class RequestError(FakescopeError):
    """A request that cannot be answered as it is."""

    code = "invalid_request_error"


def split(turns: Sequence[Turn], *, is_levelled: bool = False) -> tuple[LoadedImage, list[Message]]:
    """The image of a conversation, levelled, and the conversation without it.

    Raises:
        RequestError: There is not exactly one image, it is not in the first turn of the user, or there is no such turn.
        ImageError: It cannot be read.
    """
    images = [(number, part) for number, turn in enumerate(turns) for part in _images(turn)]
    if len(images) != 1:
        raise RequestError(
            f"the conversation has {len(images)} images, and needs exactly one",
            "an image_url part with a data: address, in the first message of the user",
        )
    place, part = images[0]
    first = next((number for number, turn in enumerate(turns) if turn.role == "user"), None)
    if place != first:
        raise RequestError("the image must be in the first message of the user")
    return _read(part.image_url.url, is_levelled), [_message(turn) for turn in turns]


def _images(turn: Turn) -> list[ImagePart]:
    return [] if isinstance(turn.content, str) else [p for p in turn.content if isinstance(p, ImagePart)]


def _message(turn: Turn) -> Message:
    if isinstance(turn.content, str):
        words = turn.content
    else:
        words = "\n".join(part.text for part in turn.content if isinstance(part, TextPart))
    role = "system" if turn.role == "developer" else turn.role
    return Message(role=role, content=words)


def _read(url: str, is_levelled: bool) -> LoadedImage:
    found = _DATA_URL.match(url)
    if found is None:
        raise RequestError("only images in data: addresses are read", "data:image/jpeg;base64,...")
    try:
        data = base64.b64decode(url[found.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError("the image is not base64") from error
    image = load_image(data, path=NAME)
    if not is_levelled:
        # Another identity than that of the bytes: what is remembered of an image is found again by it.
        own = hashlib.sha256(f"{image.sha256} levelled here".encode()).hexdigest()
        return replace(image, pixels=levelled(image.pixels), sha256=own, data=b"")  # many wait: what is kept is small
    if image.format != "JPEG" or max(image.pixels.size) > LONGER_SIDE_PX:
        raise ImageError(f"a levelled image is a JPEG of at most {LONGER_SIDE_PX} px", "leave `levelled` out")
    return replace(image, data=b"")
