"""What a user calls a model: `fakescope-nano`, a folder, `hf:NAME@REVISION`, a name of the zoo, the address of a
server; each with settings, as in `qwen3-vl-8b?quantise=nf4&tiles=4` or `http://localhost:8000/v1?model=NAME`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_type_hints
from urllib.parse import parse_qsl

from fakescope.errors import ModelError
from fakescope.models.hf.options import LoadOptions
from fakescope.models.remote.options import RemoteOptions

HUB = "hf:"
CARD = "card"
ADDRESSES = ("http://", "https://")


@dataclass(frozen=True)
class ModelName:
    """A parsed name.

    Attributes:
        source: What stands before the settings, without `hf:` and revision.
        hub: Whether it was given as a name on the hub.
        options: The settings of a model of transformers.
        remote: The settings of a model on a server; None when it is none.
        card: A card in the place of the model's own, as `fakescope calibrate` writes it.
        given: Names of the settings that were given, but for `card`.
    """

    source: str
    hub: bool = False
    options: LoadOptions = field(default_factory=LoadOptions)
    remote: RemoteOptions | None = None
    card: Path | None = None
    given: frozenset[str] = field(default=frozenset())


def parse_name(text: str) -> ModelName:
    """Read a name.

    Raises:
        ModelError: Nothing is named, or a setting is unknown, given twice or has a value that it cannot have.
    """
    source, _, query = text.partition("?")
    is_remote = source.lower().startswith(ADDRESSES)
    hub = source.startswith(HUB)
    source = source.removeprefix(HUB)
    settings, card = _settings(query, text, RemoteOptions if is_remote else LoadOptions)
    if hub:
        source, _, revision = source.partition("@")
        if revision:
            settings["revision"] = revision
    if not source:
        raise ModelError(f"{text!r} names no model", "see `fakescope models`")
    given = frozenset(settings)
    if is_remote:
        return ModelName(source, remote=RemoteOptions(**settings), card=card, given=given)
    return ModelName(source, hub, LoadOptions(**settings), card=card, given=given)


def _settings(query: str, text: str, kind: type[Any]) -> tuple[dict[str, Any], Path | None]:
    fields = {f.name: get_type_hints(kind)[f.name] for f in dataclasses.fields(kind)}
    found: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in fields and name != CARD:
            raise ModelError(
                f"{text!r}: there is no setting {name!r}", f"known are {', '.join([*fields, CARD])}"
            )
        if name in found:
            raise ModelError(f"{text!r}: {name} is given twice")
        found[name] = Path(value) if name == CARD else _value(name, value, fields[name], text)
    return found, found.pop(CARD, None)


def _value(name: str, value: str, kind: Any, text: str) -> Any:
    kinds = [k for k in get_args(kind) if k is not type(None)] or [kind]
    if kinds == [bool] or kind is bool:
        if value not in ("yes", "no"):
            raise ModelError(f"{text!r}: {name} is yes or no, not {value!r}")
        return value == "yes"
    if int in kinds:
        if not value.isdecimal():
            raise ModelError(f"{text!r}: {name} is a number, not {value!r}")
        return int(value)
    allowed = [choice for k in kinds for choice in ([k] if isinstance(k, str) else get_args(k))]
    if allowed and value not in allowed:
        raise ModelError(f"{text!r}: {name} cannot be {value!r}", f"one of {', '.join(allowed)}")
    return value
