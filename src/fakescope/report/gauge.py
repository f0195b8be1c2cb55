"""The geometry of the verdict gauge: a half circle from 0 at the left to 1 at the right."""

from __future__ import annotations

import math
from dataclasses import dataclass

CENTRE_X, CENTRE_Y, RADIUS = 120.0, 116.0, 92.0


@dataclass(frozen=True)
class Gauge:
    """SVG paths and points in a view box of 240 x 150 units.

    Attributes:
        low: Arc from 0 to the inconclusive zone; empty when there is none.
        middle: The inconclusive zone; empty when it has no width.
        high: Arc from the zone to 1.
        needle: End points x1, y1, x2, y2 of the needle.
        threshold: End points of the mark of the threshold.
    """

    low: str
    middle: str
    high: str
    needle: tuple[float, float, float, float]
    threshold: tuple[float, float, float, float]


def build_gauge(p_fake: float, threshold: float, band: tuple[float, float]) -> Gauge:
    """Lay out the gauge; without an inconclusive zone the two arcs meet at the threshold."""
    low, high = (min(1.0, max(0.0, edge)) for edge in band)
    if high <= low:
        low = high = threshold
    return Gauge(
        low=_arc(0.0, low),
        middle=_arc(low, high),
        high=_arc(high, 1.0),
        needle=_spoke(p_fake, RADIUS - 30, RADIUS + 13),
        threshold=_spoke(threshold, RADIUS - 12, RADIUS + 12),
    )


def _point(value: float, radius: float) -> tuple[float, float]:
    angle = math.pi * (1.0 - value)
    return round(CENTRE_X + radius * math.cos(angle), 2), round(CENTRE_Y - radius * math.sin(angle), 2)


def _arc(start: float, end: float) -> str:
    if end - start < 1e-6:
        return ""
    (x0, y0), (x1, y1) = _point(start, RADIUS), _point(end, RADIUS)
    return f"M{x0} {y0}A{RADIUS:g} {RADIUS:g} 0 0 1 {x1} {y1}"


def _spoke(value: float, inner: float, outer: float) -> tuple[float, float, float, float]:
    return (*_point(value, inner), *_point(value, outer))
