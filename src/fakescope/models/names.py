"""What a user calls a model: `fakescope-nano`, a folder, `hf:NAME@REVISION`, a name of the zoo; each with settings, as
in `qwen3-vl-8b?quantise=nf4&tiles=4`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, get_args, get_type_hints
from urllib.parse import parse_qsl

from fakescope.errors import ModelError
from fakescope.models.hf.options import LoadOptions

HUB = "hf:"


@dataclass(frozen=True)
class ModelName:
    """A parsed name.

    Attributes:
        source: What stands before the settings, without `hf:` and revision.
        hub: Whether it was given as a name on the hub.
        options: The settings.
        given: Names of the settings that were given.
    """

    source: str
    hub: bool = False
    options: LoadOptions = field(default_factory=LoadOptions)
    given: frozenset[str] = field(default=frozenset())


def parse_name(text: str) -> ModelName:
    """Read a name.

    Raises:
        ModelError: Nothing is named, or a setting is unknown, given twice or has a value that it cannot have.
    """
    source, _, query = text.partition("?")
    hub = source.startswith(HUB)
    source = source.removeprefix(HUB)
    settings = _settings(query, text)
    if hub:
        source, _, revision = source.partition("@")
        if revision:
            settings["revision"] = revision
    if not source:
        raise ModelError(f"{text!r} names no model", "see `fakescope models`")
    return ModelName(source, hub, LoadOptions(**settings), frozenset(settings))


def _settings(query: str, text: str) -> dict[str, Any]:
    fields = {f.name: get_type_hints(LoadOptions)[f.name] for f in dataclasses.fields(LoadOptions)}
    found: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in fields:
            raise ModelError(f"{text!r}: there is no setting {name!r}", f"known are {', '.join(fields)}")
        if name in found:
            raise ModelError(f"{text!r}: {name} is given twice")
        found[name] = _value(name, value, fields[name], text)
    return found


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
