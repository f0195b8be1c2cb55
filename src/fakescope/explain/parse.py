"""Reading a model's compact answer on one criterion, and the location tokens in it.

An answer is `Abnormal. The hem dissolves into the sofa. <7><24><13><31>`: a tag word, an observation, and,
where a place can be named, four location tokens x0, y0, x1, y1, each the index of one of 32 equal bins.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from fakescope.models.nano_format import LOCATION_BINS, LOCATIONS
from fakescope.records import Finding, Region

MAX_ANSWER_CHARS = 2000
"""A compact answer is a sentence; what follows is a model that does not stop."""

_FINDINGS: dict[str, Finding | None] = {"abnormal": "abnormal", "natural": "natural", "unclear": None}
_TAG = re.compile(r"\s*(abnormal|natural|unclear)\b(?![-'])\s*[.:,;!-]*\s*", re.IGNORECASE)
_FOUR = re.compile(r"<(\d{1,2})>\s*<(\d{1,2})>\s*<(\d{1,2})>\s*<(\d{1,2})>")
_LOCATION = re.compile(r"\s*<\d*>")


class TraceAnswer(NamedTuple):
    """What one compact answer says.

    Attributes:
        finding: None when the model calls the criterion unclear, or when the answer has no tag word.
        observation: The sentence without tag and location tokens; may be empty.
        region: Fractions of width and height, or None when none or an impossible one is named.
    """

    finding: Finding | None
    observation: str
    region: Region | None


def location_tokens(region: Region) -> str:
    """The four location tokens of a region, such as `<7><24><13><31>`.

    Args:
        region: (x0, y0, x1, y1) in fractions; each is put in bin floor(value * 32), the last bin included.
    """
    bins = (min(LOCATION_BINS - 1, max(0, int(value * LOCATION_BINS))) for value in region)
    return "".join(LOCATIONS[index] for index in bins)


def region_of_bins(bins: tuple[int, int, int, int]) -> Region | None:
    """The region that four bins cover, from the near border of the first to the far border of the last.

    Returns:
        None when a bin does not exist or the far corner lies before the near one.
    """
    x0, y0, x1, y1 = bins
    if not all(0 <= index < LOCATION_BINS for index in bins) or x1 < x0 or y1 < y0:
        return None
    return (x0 / LOCATION_BINS, y0 / LOCATION_BINS, (x1 + 1) / LOCATION_BINS, (y1 + 1) / LOCATION_BINS)


def parse_trace_answer(text: str) -> TraceAnswer:
    """Read a compact answer. Never raises: what cannot be read is left out.

    Args:
        text: The model's words, possibly cut off or garbled. Only the first word can be the tag, so that
            `Not natural` is no finding.
    """
    text = text[:MAX_ANSWER_CHARS]
    tag = _TAG.match(text)
    body = text[tag.end() :] if tag else text
    four = _FOUR.search(body)
    region = None
    if four:
        x0, y0, x1, y1 = (int(index) for index in four.groups())
        region = region_of_bins((x0, y0, x1, y1))
    observation = " ".join(_LOCATION.sub(" ", body).split()).replace(" .", ".")
    finding = _FINDINGS[tag.group(1).lower()] if tag else None
    return TraceAnswer(finding, observation, region)
