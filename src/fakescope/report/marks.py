"""Where the numbered marks of traces sit on the image, so that they do not cover one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fakescope.records import Region
from fakescope.report.build import TraceView

NEAREST = 0.075
"""Least distance of two marks in widths of the image: about a mark's diameter on a phone."""
MARGIN = 0.035


@dataclass(frozen=True)
class Mark:
    """The box of one trace and its number. All values are percentages of the image's width or height."""

    number: int
    finding: str
    name: str
    x: float
    y: float
    width: float
    height: float
    badge_x: float
    badge_y: float


def place_marks(traces: Sequence[TraceView], aspect: float) -> list[Mark]:
    """Give every trace with a region a box, largest first, and a badge on a free place of its border.

    Args:
        traces: In the order of their numbers.
        aspect: Width over height of the image.
    """
    taken: list[tuple[float, float]] = []
    marks = []
    for trace in traces:
        if trace.region is None:
            continue
        x, y = _free_place(trace.region, taken, aspect)
        taken.append((x, y))
        x0, y0, x1, y1 = trace.region
        box = [round(100 * value, 2) for value in (x0, y0, x1 - x0, y1 - y0, x, y)]
        marks.append(Mark(trace.number, trace.finding, trace.name, *box))
    # Large boxes are drawn first, so that the small ones on top of them can be pointed at.
    return sorted(marks, key=lambda mark: -mark.width * mark.height)


def _free_place(region: Region, taken: Sequence[tuple[float, float]], aspect: float) -> tuple[float, float]:
    x0, y0, x1, y1 = region
    xm, ym = (x0 + x1) / 2, (y0 + y1) / 2
    border = [(x0, y0), (x1, y0), (x0, y1), (x1, y1), (xm, y0), (xm, y1), (x0, ym), (x1, ym), (xm, ym)]
    places = [(_inside(x), _inside(y)) for x, y in border]

    def gap(place: tuple[float, float]) -> float:
        x, y = place
        return min((((x - a) ** 2 + ((y - b) / aspect) ** 2) ** 0.5 for a, b in taken), default=1.0)

    free = [place for place in places if gap(place) >= NEAREST]
    return free[0] if free else max(places, key=gap)


def _inside(value: float) -> float:
    return min(1.0 - MARGIN, max(MARGIN, value))
