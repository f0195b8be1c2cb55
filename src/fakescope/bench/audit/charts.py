"""Charts as inline SVG: no script, no font, no picture from elsewhere; every text is escaped."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from fakescope.records import Label

WIDTH = 440
LEFT = 46


@dataclass(frozen=True)
class Dot:
    """One estimate with its interval in a chart of rows."""

    value: float
    low: float
    high: float
    kind: str
    title: str


def interval_rows(
    rows: Sequence[tuple[str, Sequence[Dot]]], *, low: float = 0.4, high: float = 1.0
) -> Markup:
    """Named rows of estimates with intervals, and a line at 0.5: chance.

    Args:
        rows: Name and estimates; `kind` of an estimate is its CSS class.
        low: Left end of the axis.
        high: Right end.
    """
    left, right, step, pitch = 14, 466, 62, 9
    scale = _scale(low, high, left, right)
    parts = []
    bottom = 24 + step * len(rows)
    for tick in np.arange(low, high + 1e-9, 0.1):
        x = scale(float(tick))
        chance = abs(tick - 0.5) < 1e-9
        parts.append(_line(x, 14, x, bottom, "chance" if chance else "grid"))
        parts.append(_text(x, bottom + 16, f"{tick:.1f}", "tick"))
    parts.append(_text(scale(0.5), 9, "chance", "tick"))
    for number, (name, dots) in enumerate(rows):
        middle = 32 + step * number + step / 2
        if number:
            parts.append(_line(left, middle - 41, right, middle - 41, "grid"))
        parts.append(_text(left, middle - 24, name, "row start"))
        for place, dot in enumerate(dots):
            y = middle + pitch * (place - (len(dots) - 1) / 2)
            x0, x1 = (scale(min(high, max(low, v))) for v in (dot.low, dot.high))
            x = scale(min(high, max(low, dot.value)))
            mark = _line(x0, y, x1, y, "span") + Markup('<circle cx="{}" cy="{}" r="4.6"/>').format(
                _n(x), _n(y)
            )
            parts.append(
                Markup('<g class="dot {}"><title>{}</title>{}</g>').format(dot.kind, dot.title, mark)
            )
    return _svg(480, bottom + 24, parts, "How well the files alone tell the classes apart, by stage")


def share_bars(counts: Mapping[Label, Mapping[str, int]], *, top: int = 7) -> Markup:
    """For each of the commonest values two bars: its share among real and among fake images."""
    totals = {label: max(1, sum(counts[label].values())) for label in Label}
    shares = {
        value: {label: counts[label].get(value, 0) / totals[label] for label in Label}
        for value in {value for own in counts.values() for value in own}
    }
    order = sorted(shares, key=lambda value: (-sum(shares[value].values()), value))
    shown, rest = order[:top], order[top:]
    if rest:
        name = f"{len(rest)} others"
        shares[name] = {label: sum(shares[value][label] for value in rest) for label in Label}
        shown.append(name)
    left, right, step = 140, 392, 34
    parts = []
    for number, value in enumerate(shown):
        y = 8 + step * number
        parts.append(_text(left - 10, y + 16, _short(value), "row"))
        for place, label in enumerate(Label):
            share = shares[value][label]
            width = max(share * (right - left), 1.5 if share else 0)
            top_y = y + 2 + 11 * place
            parts.append(_rect(left, top_y, width, 9, label, f"{value}, {label}: {share:.1%}"))
            parts.append(_text(left + width + 6, top_y + 8, _percent(share), "value"))
    return _svg(WIDTH, 14 + step * len(shown), parts, "Share of each value among real and fake images")


def mirror_histogram(values: Mapping[Label, Sequence[float]], *, unit: str, log: bool = False) -> Markup:
    """A histogram of each class, real upwards and fake downwards, as shares of their class."""
    everything = np.concatenate([np.asarray(values[label], np.float64) for label in Label])
    if not everything.size:
        return Markup("")
    edges = _edges(everything, log)
    shares = {
        label: np.histogram(np.clip(values[label], edges[0], edges[-1]), edges)[0]
        / max(1, len(values[label]))
        for label in Label
    }
    most = max(float(share.max()) for share in shares.values()) or 1.0
    middle, reach, right = 88.0, 74.0, WIDTH - 10
    scale = _scale(_log(edges[0], log), _log(edges[-1], log), LEFT, right)
    parts = [_line(LEFT, middle, right, middle, "axis")]
    for label, sign in ((Label.REAL, -1), (Label.FAKE, 1)):
        parts.append(_text(LEFT - 10, middle + sign * 38 + 4, str(label), f"row {label}"))
        for place, share in enumerate(shares[label]):
            if share > 0:
                x0, x1 = scale(_log(edges[place], log)), scale(_log(edges[place + 1], log))
                height = max(1.5, reach * float(share) / most)
                y = middle - height if sign < 0 else middle
                title = (
                    f"{label}: {share:.1%} from {_number(edges[place])} to {_number(edges[place + 1])} {unit}"
                )
                parts.append(_rect(x0 + 0.6, y, max(1.0, x1 - x0 - 1.2), height, label, title))
    for tick in _ticks(float(edges[0]), float(edges[-1]), log):
        x = scale(_log(tick, log))
        parts.append(_line(x, middle + reach + 4, x, middle + reach + 9, "axis"))
        parts.append(_text(x, middle + reach + 22, _number(tick), "tick"))
    parts.append(_text(right, middle + reach + 38, unit, "tick end"))
    return _svg(WIDTH, middle + reach + 44, parts, f"Distribution by class, {unit}")


def size_scatter(points: Mapping[Label, Sequence[tuple[float, float]]], *, most: int = 1200) -> Markup:
    """Width against height on logarithmic axes, a dot an image; of many images an even sample."""
    everything = np.array([point for own in points.values() for point in own], np.float64)
    if not everything.size:
        return Markup("")
    low, high = float(everything.min()) * 0.9, float(everything.max()) * 1.1
    side, top = 384, 10
    across = _scale(math.log(low), math.log(high), LEFT, LEFT + side)
    up = _scale(math.log(low), math.log(high), top + side, top)
    parts = [
        Markup('<rect x="{}" y="{}" width="{}" height="{}" class="plot"/>').format(LEFT, top, side, side)
    ]
    parts.append(_line(LEFT, top + side, LEFT + side, top, "chance"))
    for tick in _ticks(low, high, True):
        x, y = across(math.log(tick)), up(math.log(tick))
        parts += [
            _text(x, top + side + 18, _number(tick), "tick"),
            _text(LEFT - 8, y + 4, _number(tick), "tick end"),
        ]
    parts.append(_text(LEFT + side, top + side + 34, "width, px", "tick end"))
    parts.append(_text(LEFT + 6, top + 16, "height, px", "tick start"))
    for label in Label:
        own = points[label][:: max(1, math.ceil(len(points[label]) / most))]
        dots = Markup("").join(
            Markup('<circle cx="{}" cy="{}" r="2.6"/>').format(_n(across(math.log(w))), _n(up(math.log(h))))
            for w, h in own
        )
        parts.append(Markup('<g class="points {}">{}</g>').format(label, dots))
    return _svg(WIDTH, top + side + 42, parts, "Width and height of every image")


def _edges(values: np.ndarray, log: bool) -> np.ndarray:  # type: ignore[type-arg]
    """About 40 bins over the middle 99% of the values; what lies outside counts in the outermost."""
    low, high = (float(v) for v in np.quantile(values, [0.005, 0.995]))
    if log:
        low = max(low, 1e-9)
    if high <= low:
        low, high = (low * 0.9, high * 1.1) if low > 0 else (low - 0.5, high + 0.5)
    if not log and float(high - low) <= 60 and np.array_equal(values, np.round(values)):
        return np.arange(math.floor(low) - 0.5, math.ceil(high) + 1)
    return np.geomspace(low, high, 41) if log else np.linspace(low, high, 41)


def _ticks(low: float, high: float, log: bool) -> list[float]:
    if not log:
        step = 10 ** math.floor(math.log10(max(high - low, 1e-9)))
        step = next(s for s in (step / 5, step / 2, step, 2 * step) if (high - low) / s <= 7)
        return [float(v) for v in np.arange(math.ceil(low / step) * step, high + 1e-9, step)]
    # Powers of two for pixels read best; fewer of them over a wide range.
    first, last = math.ceil(math.log2(low)), math.floor(math.log2(high))
    every = max(1, math.ceil((last - first + 1) / 7))
    return [2.0**power for power in range(first, last + 1, every)]


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def _log(value: float, log: bool) -> float:
    return math.log(value) if log else float(value)


def _number(value: float) -> str:
    if value >= 1_000_000:
        return f"{value / 1_000_000:.3g}M"
    if value >= 10_000:
        return f"{value / 1000:.3g}k"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _percent(share: float) -> str:
    return "" if share == 0 else "<1%" if share < 0.01 else f"{share:.0%}"


def _short(text: str, most: int = 22) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _svg(width: float, height: float, parts: Sequence[Markup], label: str) -> Markup:
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        _n(width), _n(height), label, Markup("").join(parts)
    )


def _line(x0: float, y0: float, x1: float, y1: float, kind: str) -> Markup:
    return Markup('<line x1="{}" y1="{}" x2="{}" y2="{}" class="{}"/>').format(
        _n(x0), _n(y0), _n(x1), _n(y1), kind
    )


def _rect(x: float, y: float, width: float, height: float, kind: str, title: str) -> Markup:
    return Markup(
        '<rect x="{}" y="{}" width="{}" height="{}" rx="1.5" class="{}"><title>{}</title></rect>'
    ).format(_n(x), _n(y), _n(width), _n(height), kind, title)


def _text(x: float, y: float, text: str, kind: str) -> Markup:
    return Markup('<text x="{}" y="{}" class="{}">{}</text>').format(_n(x), _n(y), kind, escape(text))
