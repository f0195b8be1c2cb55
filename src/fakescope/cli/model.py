"""The model of a run, with the user's own threshold and inconclusive zone where given."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from fakescope.models.base import ForensicModel, ModelCard


class Adjusted:
    """A model with another card; everything else is its own."""

    def __init__(self, model: ForensicModel, card: ModelCard) -> None:
        self._model = model
        self.card = card

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def open_model(
    name: str | None, threshold: float | None = None, band: tuple[float, float] | None = None
) -> ForensicModel:
    """Load a model.

    Args:
        name: None for the default.
        threshold: Replaces the card's; the inconclusive zone keeps its extent on both sides of it.
        band: Replaces the card's inconclusive zone.

    Raises:
        FakescopeError: The model cannot be loaded.
        typer.BadParameter: The threshold lies outside the inconclusive zone.
    """
    from fakescope.models.zoo import load_model

    model = load_model(name)
    if threshold is None and band is None:
        return model
    card = adjust(model.card, threshold, band)
    return Adjusted(model, card)  # type: ignore[return-value]


def adjust(card: ModelCard, threshold: float | None, band: tuple[float, float] | None) -> ModelCard:
    """A card with another threshold, another inconclusive zone, or both."""
    at = card.threshold if threshold is None else threshold
    if band is None:
        moved = at - card.threshold
        band = max(0.0, card.band.low + moved), min(1.0, card.band.high + moved)
    low, high = band
    if low < high and not low <= at <= high:
        raise typer.BadParameter(
            f"the threshold {at:g} must lie within {low:g},{high:g}", param_hint="--band"
        )
    return replace(card, threshold=at, band=replace(card.band, low=low, high=high))
