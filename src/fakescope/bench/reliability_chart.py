"""A reliability diagram: of the images that got about this p_fake, how many were fake."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np
from numpy.typing import NDArray

from fakescope.verdict.reliability import class_weights

COLOURS = ("#8a8a8a", "#1f6f8b", "#c1541c")
MARKS = ("circle", "square", "diamond")
BINS = 10
SIDE_PX, LEFT_PX, TOP_PX = 320.0, 56.0, 24.0
FEWEST = 3


def reliability_chart(curves: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]) -> str:
    """SVG of up to three curves, classes weighed evenly, each point as large as its share of the images.

    Args:
        curves: Name -> p_fake [n], target [n].
    """
    parts = [_frame()]
    for (name, (p_fake, target)), colour, mark, at in zip(
        curves.items(), COLOURS, MARKS, range(3), strict=False
    ):
        points = _points(p_fake, target)
        line = " ".join(f"{_x(p):.1f},{_y(share):.1f}" for p, share, _ in points)
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{line}"/>')
        parts += [_mark(mark, _x(p), _y(share), 3 + 9 * weight**0.5, colour) for p, share, weight in points]
        parts.append(_mark(mark, LEFT_PX + SIDE_PX + 24, TOP_PX + 14 + 22 * at, 6, colour))
        parts.append(_text(LEFT_PX + SIDE_PX + 38, TOP_PX + 18 + 22 * at, name))
    width, height = LEFT_PX + SIDE_PX + 190, TOP_PX + SIDE_PX + 52
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" font-family="sans-serif" '
        f'font-size="13"><title>Reliability</title><rect width="{width:g}" height="{height:g}" fill="white"/>'
        f"{''.join(parts)}</svg>\n"
    )


def _points(p_fake: NDArray[np.float64], target: NDArray[np.float64]) -> list[tuple[float, float, float]]:
    """Mean p_fake, share of fakes and share of images, of bins with a few images at least."""
    weight = class_weights(target)
    place = np.minimum((p_fake * BINS).astype(np.int64), BINS - 1)
    found = []
    for number in range(BINS):
        inside = place == number
        total = float(weight[inside].sum())
        if inside.sum() >= FEWEST:
            mean = float((weight * p_fake)[inside].sum()) / total
            found.append((mean, float((weight * target)[inside].sum()) / total, total))
    return found


def _frame() -> str:
    lines = [
        f'<line x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" stroke="#bbb" stroke-dasharray="4 4"/>'
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        lines.append(_text(_x(tick), TOP_PX + SIDE_PX + 18, f"{tick:g}", "middle"))
        lines.append(_text(LEFT_PX - 8, _y(tick) + 4, f"{tick:g}", "end"))
    lines.append(
        f'<rect x="{LEFT_PX}" y="{TOP_PX}" width="{SIDE_PX}" height="{SIDE_PX}" fill="none" stroke="#888"/>'
    )
    lines.append(_text(_x(0.5), TOP_PX + SIDE_PX + 40, "p_fake", "middle"))
    lines.append(_text(LEFT_PX, TOP_PX - 8, "share of fakes"))
    return "".join(lines)


def _mark(kind: str, x: float, y: float, size: float, colour: str) -> str:
    look = f'fill="{colour}" fill-opacity="0.75"'
    if kind == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}" {look}/>'
    turn = f' transform="rotate(45 {x:.1f} {y:.1f})"' if kind == "diamond" else ""
    side = 1.8 * size
    return f'<rect x="{x - side / 2:.1f}" y="{y - side / 2:.1f}" width="{side:.1f}" height="{side:.1f}" {look}{turn}/>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#222">{escape(text)}</text>'


def _x(p: float) -> float:
    return LEFT_PX + SIDE_PX * p


def _y(share: float) -> float:
    return TOP_PX + SIDE_PX * (1 - share)
