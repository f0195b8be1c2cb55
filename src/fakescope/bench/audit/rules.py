"""The best single rule by which one fact of a file would tell fake from real, in words.

A rule is `fact is VALUE` or `fact at most X`, or its opposite; it always says fake. The balanced accuracy of the best
of hundreds of rules is too high by chance alone, so it is also measured on images that it was not chosen on: chosen
on one half, measured on the other, both ways.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fakescope.bench.audit.facts import NONE, FileFacts

LEAST_SHARE = 0.01
"""A value that fewer images have makes no rule."""

NO_JPEG = 101
"""Stands for the quality of a file that is not compressed with loss by JPEG: above all qualities."""

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Rule:
    """A rule that says fake.

    Attributes:
        feature: The fact that it looks at.
        words: As a person would say it.
        value: The category, for an equality; None for a threshold.
        threshold: For `at most`; None for an equality.
        opposite: Whether the rule is the opposite.
        balanced_accuracy: On all images, where it was chosen.
        held_out: On images where a rule on this fact was not chosen.
    """

    feature: str
    words: str
    value: str | None
    threshold: float | None
    opposite: bool
    balanced_accuracy: float
    held_out: float = 0.5


@dataclass(frozen=True)
class _Category:
    """A fact with names as values, and how a value is said."""

    feature: str
    read: Callable[[FileFacts], str]
    words: Callable[[str, bool], str]


@dataclass(frozen=True)
class _Number:
    """A fact with an order, and how a threshold is said."""

    feature: str
    read: Callable[[FileFacts], float]
    unit: str


def _is(value: str, opposite: bool) -> str:
    return f"not {value}" if opposite else value


def _with(what: str) -> Callable[[str, bool], str]:
    def words(value: str, opposite: bool) -> str:
        has = (value == "yes") != opposite
        return f"{'has' if has else 'no'} {what}"

    return words


def _profile(value: str, opposite: bool) -> str:
    if value == NONE:
        return "has a colour profile" if opposite else "no colour profile"
    return f"colour profile {_is(value, opposite)}"


def _of(what: str) -> Callable[[str, bool], str]:
    def words(value: str, opposite: bool) -> str:
        if not value:
            return f"has {what}" if opposite else f"no {what}"
        return f"{what} {_is(value, opposite)}"

    return words


CATEGORIES = (
    _Category("format", lambda f: f.format or "unknown", _is),
    _Category("square", lambda f: "yes" if f.width_px == f.height_px else "no",
              lambda v, o: "square" if (v == "yes") != o else "not square"),
    _Category("exact size", lambda f: f"{f.width_px} x {f.height_px} px", _is),
    _Category("quantisation table", lambda f: f.table, _of("JPEG table")),
    _Category("colour subsampling", lambda f: f.subsampling, _of("subsampling")),
    _Category("progressive", lambda f: "yes" if f.progressive else "no",
              lambda v, o: "a progressive JPEG" if (v == "yes") != o else "not progressive"),
    _Category("colour profile", lambda f: f.profile, _profile),
    _Category("EXIF", lambda f: "yes" if f.exif else "no", _with("EXIF")),
    _Category("XMP", lambda f: "yes" if f.xmp else "no", _with("XMP")),
)  # fmt: skip
NUMBERS = (
    _Number("longer side", lambda f: f.longer_px, "px"),
    _Number("shorter side", lambda f: f.shorter_px, "px"),
    _Number("aspect ratio", lambda f: f.width_px / max(1, f.height_px), ""),
    _Number("file size", lambda f: f.size_bytes, "bytes"),
    _Number("bits per pixel", lambda f: f.bits_per_pixel, ""),
    _Number("JPEG quality", lambda f: f.quality if f.quality is not None else NO_JPEG, ""),
)


def best_rules(facts: Sequence[FileFacts], fake: Bools, ids: Sequence[str]) -> list[Rule]:
    """The best rule on each fact that varies, best first.

    Args:
        facts: Of every image.
        fake: [n] bool.
        ids: By their hash the images are put into halves.
    """
    half = np.array([hashlib.sha256(id.encode()).digest()[0] % 2 == 0 for id in ids])
    rules = []
    for category in CATEGORIES:
        names = np.array([category.read(f) for f in facts], dtype=object)
        rules += _measured(partial(_best_value, category), names, fake, half)
    for number in NUMBERS:
        values = np.array([number.read(f) for f in facts], np.float64)
        rules += _measured(partial(_best_threshold, number), values, fake, half)
    return sorted(rules, key=lambda rule: -rule.balanced_accuracy)


def _measured(
    choose: Callable[[Any, Bools], Rule | None], values: Any, fake: Bools, half: Bools
) -> list[Rule]:
    """The best rule on all images, with its accuracy where it was not chosen."""
    rule = choose(values, fake)
    if rule is None:
        return []
    outcomes = []
    for rows in (half, ~half):
        chosen = choose(values[rows], fake[rows])
        if chosen is not None:
            outcomes.append(_accuracy(_says_fake(chosen, values[~rows]), fake[~rows]))
    return [replace(rule, held_out=float(np.mean(outcomes)) if outcomes else 0.5)]


def _best_value(category: _Category, values: NDArray[np.object_], fake: Bools) -> Rule | None:
    names, counts = np.unique(values.astype(str), return_counts=True)
    if len(names) < 2:
        return None
    best: Rule | None = None
    for name, count in zip(names, counts, strict=True):
        if count < LEAST_SHARE * len(values):
            continue
        accuracy = _accuracy(values == name, fake)
        opposite = accuracy < 0.5
        accuracy = max(accuracy, 1.0 - accuracy)
        if best is None or accuracy > best.balanced_accuracy:
            words = category.words(str(name), opposite)
            best = Rule(category.feature, words, str(name), None, opposite, accuracy)
    return best


def _best_threshold(number: _Number, values: NDArray[np.float64], fake: Bools) -> Rule | None:
    order = np.argsort(values, kind="stable")
    ranked, target = values[order], fake[order]
    ends = np.flatnonzero(np.diff(ranked) > 0)
    if not len(ends) or not 0 < target.sum() < len(target):
        return None
    fakes_below = np.cumsum(target)[ends] / target.sum()
    reals_below = np.cumsum(~target)[ends] / (~target).sum()
    accuracy = 0.5 * (fakes_below + 1.0 - reals_below)
    at = int(np.abs(accuracy - 0.5).argmax())
    opposite = bool(accuracy[at] < 0.5)
    threshold = float(ranked[ends[at]])
    words = f"{number.feature} {'over' if opposite else 'at most'} {_shown(threshold)} {number.unit}".strip()
    if opposite and number.feature == "JPEG quality" and ranked[-1] == NO_JPEG:
        words = "not a JPEG" if threshold >= NO_JPEG - 1 else f"{words}, or not a JPEG"
    return Rule(
        number.feature, words, None, threshold, opposite, float(max(accuracy[at], 1.0 - accuracy[at]))
    )


def _says_fake(rule: Rule, values: NDArray[np.generic]) -> Bools:
    if rule.threshold is not None:
        below: Bools = values.astype(np.float64) <= rule.threshold
        return below != rule.opposite
    return np.asarray((values == rule.value) != rule.opposite, np.bool_)


def _accuracy(says_fake: Bools, fake: Bools) -> float:
    """Balanced accuracy; a class that is missing counts as guessed."""
    hit = says_fake[fake].mean() if fake.any() else 0.5
    right = (~says_fake[~fake]).mean() if (~fake).any() else 0.5
    return float(0.5 * (hit + right))


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) or value >= 1000 else f"{value:.2f}"
