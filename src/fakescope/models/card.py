"""Model cards on disk and on the wire: JSON in, a checked `ModelCard` out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fakescope.errors import ModelError
from fakescope.images.text import clean_text
from fakescope.models.base import Band, Calibration, ModelCard, Wording

MOST_BYTES = 1_000_000
MOST_WORDINGS = 64


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
                "limits": tuple(map(str, values.get("limits", ()))),
                "calibration": Calibration(**values.get("calibration", {})),
                "wordings": tuple(_wording(w) for w in values.get("wordings", ())),
                "band": Band(**values.get("band", {})),
            }
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"it is no card: {error!r}") from error
    if faults := _faults(card):
        raise ValueError("; ".join(faults))
    return card


def _words(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list | tuple):
        raise TypeError("label words are a list")
    return tuple(str(word) for word in values)


def _wording(values: Mapping[str, Any]) -> Wording:
    return Wording(str(values["question"]), Calibration(**values.get("calibration", {})))


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
        "name, revision and licence are text": all(
            isinstance(v, str) for v in (card.name, card.revision, card.licence, card.summary)
        ),
    }
    return [fault for fault, holds in rules.items() if not holds]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
