"""Cards from files and servers: what is no card is told, and what is one is safe to print."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from fakescope.models.card import card_from
from fakescope.models.zoo import load_model


def values(**changes: Any) -> dict[str, Any]:
    return asdict(load_model().card) | changes


def test_a_card_comes_back_as_it_was() -> None:
    assert card_from(values()) == load_model().card


def test_text_is_cleaned_and_cut() -> None:
    card = card_from(values(name="a\x1b[31mb", summary="x" * 10_000))
    assert "\x1b" not in card.name
    assert len(card.summary) <= 2_001


@pytest.mark.parametrize(
    "changes",
    [
        {"name": 5},
        {"limits": "none"},
        {"limits": [1]},
        {"fake_words": []},
        {"fake_words": ["x" * 41]},
        {"fake_words": "fake"},
        {"figures": {"auroc": "high"}},
        {"figures": {"auroc": float("nan")}},
        {"memory_bytes": "many"},
        {"memory_bytes": -1},
        {"threshold": 0.9},
        {"threshold": "half"},
        {"calibration": {"id": 5}},
        {"band": {"low": 0.7, "high": 0.3}},
        {"wordings": [{"question": None}]},
        {"unknown": 1},
    ],
    ids=str,
)
def test_what_is_no_card_is_told(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        card_from(values(**changes))
