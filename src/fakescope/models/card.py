"""Model cards on disk and on the wire: JSON in, a checked `ModelCard` out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from fakescope.errors import ModelError
from fakescope.images.text import clean_text
from fakescope.models.base import Band, Calibration, ModelCard, Wording

MOST_BYTES = 1_000_000
MOST_WORDINGS = 64
MOST_WORDS, MOST_WORD_CHARS = 32, 40
MOST_CHARS = 2_000
MOST_LISTED = 200


def read_card(path: Path) -> ModelCard:
    """The card in a file.

    Raises:
        ModelError: The file is missing or does not hold a card.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"over {MOST_BYTES} bytes")
        return card_from(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"the model card {path} cannot be read: {clean_text(error, 200)}") from error


def save_card(path: Path, card: ModelCard) -> None:
    """Write a card as JSON."""
    path.write_text(json.dumps(asdict(card), indent=2) + "\n", encoding="utf-8")


def card_from(values: Mapping[str, Any]) -> ModelCard:
    """A card from its fields, wherever they come from.

    Raises:
        ValueError: They are none: fields missing or unknown, numbers that cannot be.
    """
    try:
        card = ModelCard(
            **{
                **values,
                "fake_words": _words(values["fake_words"]),
                "real_words": _words(values["real_words"]),
                **{name: _text(values[name]) for name in _TEXTS if name in values},
                "limits": tuple(_text(limit) for limit in _listed(values.get("limits", ()))),
                "figures": {_text(name): value for name, value in dict(values.get("figures", {})).items()},
                "calibration": _calibration(values.get("calibration", {})),
                "wordings": tuple(_wording(w) for w in _listed(values.get("wordings", ()))),
                "band": Band(**values.get("band", {})),
            }
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"it is no card: {error!r}") from error
    if faults := _faults(card):
        raise ValueError("; ".join(faults))
    return card


_TEXTS = ("name", "revision", "licence", "summary", "source", "preprocessing", "asked")


def _text(value: Any) -> str:
    """Text that is safe to print, cut where it is too long: cards come from servers, too."""
    if not isinstance(value, str):
        raise TypeError("a text was expected")
    return clean_text(value, MOST_CHARS)


def _listed(values: Any) -> list[Any]:
    if not isinstance(values, list | tuple) or len(values) > MOST_LISTED:
        raise TypeError(f"a list of at most {MOST_LISTED} was expected")
    return list(values)


def _words(values: Any) -> tuple[str, ...]:
    words = tuple(_text(word) for word in _listed(values))
    if not 1 <= len(words) <= MOST_WORDS or not all(0 < len(word) <= MOST_WORD_CHARS for word in words):
        raise TypeError(f"label words are 1 to {MOST_WORDS} of at most {MOST_WORD_CHARS} characters")
    return words


def _wording(values: Mapping[str, Any]) -> Wording:
    return Wording(_text(values["question"]), _calibration(values.get("calibration", {})))


def _calibration(values: Mapping[str, Any]) -> Calibration:
    found = Calibration(**values)
    return replace(found, id=_text(found.id))


def _faults(card: ModelCard) -> list[str]:
    affine = [card.calibration, *(w.calibration for w in card.wordings)]
    rules = {
        "a temperature is a number above 0, a bias a number": all(
            _is_number(c.temperature) and c.temperature > 0 and _is_number(c.bias) for c in affine
        ),
        "the inconclusive zone lies in [0, 1]": all(map(_is_number, (card.band.low, card.band.high)))
        and 0 <= card.band.low <= card.band.high <= 1,
        "least answer mass and thresholds lie in [0, 1]": all(
            _is_number(v) and 0 <= v <= 1
            for v in (card.band.min_mass, card.threshold, card.finding_threshold)
        ),
        f"there are at most {MOST_WORDINGS} wordings": len(card.wordings) <= MOST_WORDINGS,
        "the threshold lies in the inconclusive zone": not (
            all(map(_is_number, (card.band.low, card.threshold, card.band.high)))
            and card.band.low < card.band.high
            and not card.band.low <= card.threshold <= card.band.high
        ),
        "figures are numbers": all(map(_is_number, card.figures.values())) and len(card.figures) <= MOST_LISTED,
        "memory_bytes is a whole number of bytes": card.memory_bytes is None
        or (isinstance(card.memory_bytes, int) and card.memory_bytes >= 0),
    }
    return [fault for fault, holds in rules.items() if not holds]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
