"""Models by name: their cards, and how to load them."""

from __future__ import annotations

import contextlib
from functools import lru_cache
from pathlib import Path

import yaml

from fakescope.errors import ModelError
from fakescope.models.base import ForensicModel, ModelCard
from fakescope.models.card import read_card
from fakescope.models.names import ModelName, parse_name

DEFAULT_MODEL = "fakescope-nano"
OWN_CARD = "fakescope_card.json"
"""In a folder of transformers: label words and calibration, as tuning and `fakescope calibrate` write them."""

NANO_CARD = "card.json"

_FOLDERS = {DEFAULT_MODEL: Path(__file__).parent / "nano_weights"}


UNTUNED = (
    "It was not tuned for forensics; such models call most images real.",
    "Its probability is not calibrated, and nothing of it was measured here.",
)


def list_models() -> list[ModelCard]:
    """Cards of all models that have a name: what ships first, then backbones that must be fetched."""
    return [*(read_card(folder / NANO_CARD) for folder in _FOLDERS.values()), *_backbones().values()]


def card_text(name: str) -> str:
    """The model card of `name` as Markdown.

    Raises:
        ModelError: No model has that name, or it has no card.
    """
    backbone = _backbones().get(name)
    if backbone is not None:
        return _brief(backbone)
    try:
        return (folder_of(name) / "MODEL_CARD.md").read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ModelError(f"{name!r} has no readable MODEL_CARD.md: {error}", "reinstall fakescope") from error


def load_model(name: str | None = None, *, level: bool = True) -> ForensicModel:
    """A model ready to be asked. The same name gives the same loaded model.

    Args:
        name: A name from `list_models`; a folder that `fakescope.train.export` or transformers wrote; `hf:NAME` or
            `hf:NAME@REVISION` on the hub; the address of an OpenAI-compatible server; with settings after a `?`, see
            `fakescope.models.names`. By default the embedded fakescope-nano.
        level: Give every picture the project's one size and quality first; without it, they have it.

    Raises:
        ModelError: There is no such model, or it cannot be loaded.
        MissingExtraError: Its packages are not installed.
    """
    return _load(name or DEFAULT_MODEL, level)


@lru_cache(maxsize=2)
def _load(text: str, level: bool) -> ForensicModel:
    name = parse_name(text)
    if name.remote:
        from fakescope.models.remote.load import load_remote

        return load_remote(name.source, name.remote, read_card(name.card) if name.card else None)
    if is_of_transformers(name):
        from fakescope.models.hf.forensic import HfModel
        from fakescope.models.hf.load import load_parts

        card = card_of(name)  # one that cannot be read is told before weights are
        return HfModel(*load_parts(source_of(name), name.options), card, level=level)
    if name.given:
        raise ModelError(f"{name.source!r} has no settings but `card`", "they are for models of transformers")
    from fakescope.models.nano import NanoModel

    return NanoModel(folder_of(name.source), card=card_of(name), level=level)


def is_of_transformers(name: ModelName) -> bool:
    """Whether a name is that of a model of transformers: on the hub, in the zoo, or a folder of one."""
    return not name.remote and (name.hub or name.source in _backbones() or _has_config(name.source))


def card_of(name: ModelName) -> ModelCard:
    """The card that a model here is read with: the one that the name brings, its folder's own, or the zoo's.

    Raises:
        ModelError: It cannot be read.
    """
    if name.card:
        return read_card(name.card)
    if not is_of_transformers(name):
        return read_card(folder_of(name.source) / NANO_CARD)
    source = source_of(name)
    for folder in (Path(name.options.adapter or source), Path(source)):
        if (folder / OWN_CARD).is_file():
            return read_card(folder / OWN_CARD)
    known = _backbones().get(name.source)
    return known or ModelCard(
        name=Path(source).name, revision="unknown", licence="as its own card says", fake_words=("fake",),
        real_words=("real",), summary="A model of transformers.", limits=UNTUNED, source=source,
    )  # fmt: skip


def own_card_of(text: str) -> Path | None:
    """The file with the card of a model of transformers that is a folder here; None for all others."""
    name = parse_name(text)
    folder = Path(name.options.adapter or name.source)
    if name.remote or name.hub or name.card or not _has_config(str(folder)):
        return None
    return folder / OWN_CARD


def source_of(name: ModelName) -> str:
    """Where a model of transformers is loaded from: a folder, or its name on the hub."""
    backbone = _backbones().get(name.source)
    return backbone.source if backbone and not name.hub else name.source


def _has_config(source: str) -> bool:
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


def folder_of(name: str) -> Path:
    """The folder of a model in ONNX.

    Raises:
        ModelError: There is none.
    """
    if name in _FOLDERS:
        return _FOLDERS[name]
    with contextlib.suppress(OSError):  # such as a name too long for a path
        if (Path(name) / NANO_CARD).is_file():
            return Path(name)
    raise ModelError(
        f"there is no model named {name!r}",
        f"known are: {', '.join([*_FOLDERS, *_backbones()])}; or give a model folder, or hf:NAME",
    )
