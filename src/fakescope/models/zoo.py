"""Models by name: their cards, and how to load them."""

from __future__ import annotations

import contextlib
import json
from functools import lru_cache
from pathlib import Path

import yaml

from fakescope.errors import ModelError
from fakescope.models.base import Band, Calibration, ForensicModel, ModelCard
from fakescope.models.names import ModelName, parse_name

DEFAULT_MODEL = "fakescope-nano"
OWN_CARD = "fakescope_card.json"
"""In a folder of transformers: label words and calibration, as tuning and `fakescope calibrate` write them."""

_FOLDERS = {DEFAULT_MODEL: Path(__file__).parent / "nano_weights"}


UNTUNED = (
    "It was not tuned for forensics; such models call most images real.",
    "Its probability is not calibrated, and nothing of it was measured here.",
)


def list_models() -> list[ModelCard]:
    """Cards of all models that have a name: what ships first, then backbones that must be fetched."""
    return [*(read_card(folder) for folder in _FOLDERS.values()), *_backbones().values()]


def card_text(name: str) -> str:
    """The model card of `name` as Markdown.

    Raises:
        ModelError: No model has that name, or it has no card.
    """
    backbone = _backbones().get(name)
    if backbone is not None:
        return _brief(backbone)
    try:
        return (_folder(name) / "MODEL_CARD.md").read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ModelError(f"{name!r} has no readable MODEL_CARD.md: {error}", "reinstall fakescope") from error


def load_model(name: str | None = None) -> ForensicModel:
    """A model ready to be asked. The same name gives the same loaded model.

    Args:
        name: A name from `list_models`; a folder that `fakescope.train.export` or transformers wrote; `hf:NAME` or
            `hf:NAME@REVISION` on the hub; with settings after a `?`, see `fakescope.models.names`. By default the
            embedded fakescope-nano.

    Raises:
        ModelError: There is no such model, or it cannot be loaded.
        MissingExtraError: Its packages are not installed.
    """
    return _load(name or DEFAULT_MODEL)


@lru_cache(maxsize=2)
def _load(text: str) -> ForensicModel:
    name = parse_name(text)
    backbone = _backbones().get(name.source)
    if name.hub or backbone or _of_transformers(name.source):
        return _load_hf(name, backbone)
    if name.given:
        raise ModelError(f"{name.source!r} has no settings", "they are for models of transformers")
    from fakescope.models.nano import NanoModel

    return NanoModel(_folder(name.source))


def source_of(name: ModelName) -> str:
    """Where a model of transformers is loaded from: a folder, or its name on the hub."""
    backbone = _backbones().get(name.source)
    return backbone.source if backbone and not name.hub else name.source


def _load_hf(name: ModelName, backbone: ModelCard | None) -> ForensicModel:
    from fakescope.models.hf.forensic import HfModel
    from fakescope.models.hf.load import load_parts

    source = source_of(name)
    card = backbone or _card_of(Path(name.options.adapter or source), Path(source))
    return HfModel(*load_parts(source, name.options), card)


def _card_of(*folders: Path) -> ModelCard:
    """The card in the first folder that has one, or else what can be said of an unknown model."""
    for folder in folders:
        if (folder / OWN_CARD).is_file():
            return read_card(folder, OWN_CARD)
    return ModelCard(
        name=folders[-1].name, revision="unknown", licence="as its own card says", fake_words=("fake",),
        real_words=("real",), summary="A model of transformers.", limits=UNTUNED, source=str(folders[-1]),
    )  # fmt: skip


def _of_transformers(source: str) -> bool:
    with contextlib.suppress(OSError):  # such as a name too long for a path
        return any((Path(source) / name).is_file() for name in ("config.json", "adapter_config.json"))
    return False


@lru_cache
def _backbones() -> dict[str, ModelCard]:
    """Name -> card of the backbones in zoo.yaml."""
    rows = yaml.safe_load(Path(__file__).with_name("zoo.yaml").read_text(encoding="utf-8"))
    return {
        row["name"]: ModelCard(
            name=row["name"], revision="newest", licence=row["licence"], fake_words=("fake",), real_words=("real",),
            summary=row["summary"], limits=UNTUNED, source=row["source"], preprocessing=row["preprocessing"],
            memory_bytes=round(row["parameters"] * 2e9),
        )
        for row in rows
    }  # fmt: skip


def _brief(card: ModelCard) -> str:
    """The card of a backbone, of which no more is known."""
    limits = "\n".join(f"- {limit}" for limit in card.limits)
    return f"""# {card.name}

{card.summary}

| | |
|---|---|
| source | `{card.source}`, {card.revision} revision unless the name brings one: `hf:{card.source}@REVISION` |
| licence | {card.licence} |
| memory for 16-bit weights | {(card.memory_bytes or 0) / 2**30:.1f} GiB; nf4 takes about a quarter |
| pictures | {card.preprocessing} |
| label words | {", ".join(card.fake_words)}; {", ".join(card.real_words)} |
| calibration | none |
| figures | not measured |

{limits}
"""


def _folder(name: str) -> Path:
    if name in _FOLDERS:
        return _FOLDERS[name]
    with contextlib.suppress(OSError):  # such as a name too long for a path
        if (Path(name) / "card.json").is_file():
            return Path(name)
    raise ModelError(
        f"there is no model named {name!r}",
        f"known are: {', '.join([*_FOLDERS, *_backbones()])}; or give a model folder, or hf:NAME",
    )


def read_card(folder: Path, file: str = "card.json") -> ModelCard:
    """The card in a folder.

    Raises:
        ModelError: The file is missing or does not hold a card.
    """
    try:
        values = json.loads((folder / file).read_text(encoding="utf-8"))
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
