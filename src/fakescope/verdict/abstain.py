"""When not to answer: the inconclusive zone of p_fake, and an answer that hardly was one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fakescope.errors import DataError
from fakescope.models.base import Band
from fakescope.verdict.reliability import checked

MOST_EDGES = 64
"""Edges tried on each side of the threshold; more would only fit the dev split's noise."""


def reason_to_abstain(
    p_fake: float,
    answer_mass: float,
    band: Band,
    mass_over: str = "vocabulary",
    bounds: tuple[float, float] | None = None,
) -> str | None:
    """Why the model should not commit itself, in words, or None when it may.

    Args:
        p_fake: Calibrated probability of fake.
        answer_mass: Share of next-token probability on the candidate words.
        band: The inconclusive zone [low, high) and the least answer mass.
        mass_over: "vocabulary", or "top_k" when only a server's most probable tokens are known.
        bounds: Between which p_fake lies, when a server kept back what settles it.
    """
    if answer_mass < band.min_mass:
        among = " among the tokens that the server returned" if mass_over == "top_k" else ""
        return (
            f"only {answer_mass:.0%} of the model's next-token probability{among} is on the words for fake "
            f"and real (at least {band.min_mass:.0%} is needed), so it was not answering the question"
        )
    if band.low <= p_fake < band.high:
        return (
            f"the probability of fake, {p_fake:.2f}, lies in the inconclusive zone from {band.low:.2f} to "
            f"{band.high:.2f}, where this model is wrong too often"
        )
    if bounds is not None and not (bounds[0] >= band.high or bounds[1] < band.low):
        return (
            f"the server returned too few tokens: the probability of fake lies anywhere from {bounds[0]:.2f} to "
            f"{bounds[1]:.2f}"
        )
    return None


def choose_band(
    p_fake: Any, target: Any, max_share: float = 0.2, *, threshold: float = 0.5, min_mass: float = 0.5
) -> Band:
    """The zone around the threshold that leaves the best balanced accuracy among the images outside it.

    Among equally good zones the one that abstains least is taken. Choose on dev, report on test: the share
    that falls into the zone elsewhere can be larger.

    Args:
        p_fake: Calibrated probabilities [n] of a dev split.
        target: 0 for real, 1 for fake [n].
        max_share: Largest share of the images that may fall into the zone, in [0, 1).
        threshold: p_fake at and above which the label is fake; lies within the zone.
        min_mass: Passed on to the band.

    Raises:
        DataError: One class only, or inputs that `checked` refuses.
    """
    p, y = checked(p_fake, target)
    if y.min() == y.max():
        raise DataError("Only one class is present, so no inconclusive zone can be chosen")
    if not 0.0 <= max_share < 1.0:
        raise DataError(f"The largest share to abstain on, {max_share}, is not in [0, 1)")
    below = _edges(p[p < threshold], threshold, max_share, p.size, side=-1)
    above = _edges(p[p >= threshold], threshold, max_share, p.size, side=+1)
    best, chosen = (-1.0, 0.0), (threshold, threshold)
    for low in below:
        for high in above:
            inside = (p >= low) & (p < high)
            share = float(inside.mean())
            accuracy = _balanced_accuracy(p[~inside] >= threshold, y[~inside])
            if share <= max_share and accuracy is not None and (accuracy, -share) > best:
                best, chosen = (accuracy, -share), (low, high)
    return Band(low=float(chosen[0]), high=float(chosen[1]), min_mass=min_mass)


def _edges(
    p: NDArray[np.float64], threshold: float, max_share: float, total: int, *, side: int
) -> list[float]:
    """Edges of the zone on one side of the threshold, nearest first: half-way between neighbouring p_fake."""
    near = np.sort(np.append(p, threshold))[::-1] if side < 0 else np.sort(np.append(p, threshold))
    near = np.unique(near[: int(max_share * total) + 2])[::side]
    middles = (near[:-1] + near[1:]) / 2
    if middles.size > MOST_EDGES:
        middles = middles[np.linspace(0, middles.size - 1, MOST_EDGES).astype(np.int64)]
    return [threshold, *map(float, middles)]


def _balanced_accuracy(said_fake: NDArray[np.bool_], target: NDArray[np.float64]) -> float | None:
    """Mean of both classes' accuracies, or None when one class is gone."""
    fakes, reals = target == 1, target == 0
    if not fakes.any() or not reals.any():
        return None
    return float((said_fake[fakes].mean() + (~said_fake[reals]).mean()) / 2)
