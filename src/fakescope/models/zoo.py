"""Models by name: their cards, and how to load them."""

from __future__ import annotations

import contextlib
import json
from functools import lru_cache
from pathlib import Path

from fakescope.errors import ModelError
from fakescope.models.base import Band, Calibration, ForensicModel, ModelCard

DEFAULT_MODEL = "fakescope-nano"
_FOLDERS = {DEFAULT_MODEL: Path(__file__).parent / "nano_weights"}


def list_models() -> list[ModelCard]:
    """Cards of all models that can be loaded here, the default first."""
    return [read_card(folder) for folder in _FOLDERS.values()]


def card_text(name: str) -> str:
    """The model card of `name` as Markdown.

    Raises:
        ModelError: No model has that name, or it has no card.
    """
    try:
        return (_folder(name) / "MODEL_CARD.md").read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ModelError(f"{name!r} has no readable MODEL_CARD.md: {error}", "reinstall fakescope") from error


def load_model(name: str | None = None) -> ForensicModel:
    """A model ready to be asked. The same name gives the same loaded model.

    Args:
        name: A name from `list_models`, or the path of a folder that `fakescope.train.export` wrote; by default
            the embedded fakescope-nano.

    Raises:
        ModelError: There is no such model, or it cannot be loaded.
    """
    return _load(str(_folder(name or DEFAULT_MODEL)))


@lru_cache(maxsize=2)
def _load(folder: str) -> ForensicModel:
    from fakescope.models.nano import NanoModel

    return NanoModel(Path(folder))


def _folder(name: str) -> Path:
    if name in _FOLDERS:
        return _FOLDERS[name]
    with contextlib.suppress(OSError):  # such as a name too long for a path
        if (Path(name) / "card.json").is_file():
            return Path(name)
    raise ModelError(
        f"there is no model named {name!r}", f"known are: {', '.join(_FOLDERS)}; or give a model folder"
    )


def read_card(folder: Path) -> ModelCard:
    """The card in `folder/card.json`.

    Raises:
        ModelError: The file is missing or does not hold a card.
    """
    try:
        values = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        return ModelCard(
            **{
                **values,
                "fake_words": tuple(values["fake_words"]),
                "real_words": tuple(values["real_words"]),
                "limits": tuple(values.get("limits", ())),
                "calibration": Calibration(**values.get("calibration", {})),
                "band": Band(**values.get("band", {})),
            }
        )
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise ModelError(
            f"the model card in {folder} cannot be read: {error}", "reinstall fakescope"
        ) from error
