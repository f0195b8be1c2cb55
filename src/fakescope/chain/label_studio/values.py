"""Boxes, choices, numbers and texts as Label Studio's results, and back.

Label Studio gives boxes as x, y, width and height in percent of the image; here they are corners in fractions. Reading
rounds to a millionth of the image's side, which is less than a pixel of any image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fakescope.chain.label_studio.config import BOXES, IMAGE
from fakescope.errors import DataError
from fakescope.records import JsonObject, Region
from fakescope.taxonomy import CRITERION_IDS

DIGITS = 6


@dataclass(frozen=True)
class Size:
    """Of the image, in pixels."""

    width: int
    height: int


def box(region: Region, criterion: str, size: Size) -> JsonObject:
    """A box with its criterion."""
    x0, y0, x1, y1 = region
    value = {
        "x": _percent(x0),
        "y": _percent(y0),
        "width": _percent(x1 - x0),
        "height": _percent(y1 - y0),
        "rotation": 0,
        "rectanglelabels": [criterion],
    }
    place = {"original_width": size.width, "original_height": size.height, "image_rotation": 0}
    return {**_result(BOXES, "rectanglelabels", value, repr((region, criterion))), **place}


def choices(name: str, chosen: Iterable[str]) -> JsonObject:
    """What was chosen."""
    return _result(name, "choices", {"choices": list(chosen)})


def number(name: str, value: float) -> JsonObject:
    """A number."""
    return _result(name, "number", {"number": value})


def text(name: str, value: str) -> JsonObject:
    """A text."""
    return _result(name, "textarea", {"text": [value]})


def region_of(value: JsonObject) -> Region:
    """A box as corners, cut to the image.

    Raises:
        DataError: It is turned, or nothing of it lies in the image.
    """
    try:
        x, y, w, h = (float(value[name]) / 100 for name in ("x", "y", "width", "height"))
        turned = float(value.get("rotation") or 0.0)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"a box lacks numbers: {error}") from error
    if turned % 360:
        raise DataError("a box is turned, which a region cannot be", "draw it upright")
    corners = [round(min(1.0, max(0.0, corner)), DIGITS) for corner in (x, y, x + w, y + h)]
    if not (corners[0] < corners[2] and corners[1] < corners[3]):
        raise DataError("a box lies outside the image")
    return (corners[0], corners[1], corners[2], corners[3])


def label_of(value: JsonObject) -> str:
    """The criterion of a box.

    Raises:
        DataError: It has not just one, or one that is not known.
    """
    labels = value.get("rectanglelabels")
    if not isinstance(labels, list) or len(labels) != 1 or labels[0] not in CRITERION_IDS:
        raise DataError(f"a box has the labels {labels!r}", "one of the 15 criteria is needed")
    return str(labels[0])


def text_of(value: JsonObject) -> str:
    """A text; Label Studio keeps it as a list of submissions, of which the last counts."""
    given: Any = value.get("text")
    given = given[-1] if isinstance(given, list) and given else given
    if not isinstance(given, str):
        raise DataError(f"a text is {type(given).__name__}")
    return given


def _result(name: str, kind: str, value: JsonObject, more: str = "") -> JsonObject:
    mark = hashlib.sha256(f"{name}{more}".encode()).hexdigest()[:10]
    return {"id": mark, "from_name": name, "to_name": IMAGE, "type": kind, "value": value}


def _percent(fraction: float) -> float:
    return round(100 * fraction, DIGITS + 2)
