"""YAML configuration into frozen dataclasses. An unknown key is an error, and all faults are said at once."""

from __future__ import annotations

import dataclasses
import types
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from fakescope.errors import ConfigError

T = TypeVar("T")


def load_config(path: Path, kind: type[T]) -> T:
    """Read a YAML file into the dataclass `kind`.

    Raises:
        ConfigError: The file cannot be read, is not YAML, or does not fit; every fault is listed.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", "give a YAML file") from error
    return parse_config(values, kind, str(path))


def parse_config(values: Any, kind: type[T], where: str = "configuration") -> T:
    """Turn plain values into the dataclass `kind`.

    Raises:
        ConfigError: Missing or unknown keys, or values of the wrong type; every fault is listed.
    """
    faults: list[str] = []
    result = _build(values, kind, "", faults)
    if faults:
        raise ConfigError(
            f"{where} has {len(faults)} fault(s): " + "; ".join(faults), "mend the file and try again"
        )
    return result  # type: ignore[no-any-return]


def _build(values: Any, kind: Any, at: str, faults: list[str]) -> Any:
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(values, kind, at, faults)
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (tuple, list):
        if not isinstance(values, list):
            faults.append(f"{at} must be a list")
            return ()
        built = [_build(v, inner[0], f"{at}[{i}]", faults) for i, v in enumerate(values)]
        return tuple(built) if origin is tuple else built
    if origin is dict:
        if not isinstance(values, dict):
            faults.append(f"{at} must be a mapping")
            return {}
        return {str(k): _build(v, inner[1], f"{at}.{k}", faults) for k, v in values.items()}
    if origin in (Union, types.UnionType):
        if values is None and type(None) in inner:
            return None
        return _build(values, next(i for i in inner if i is not type(None)), at, faults)
    return _build_plain(values, kind, at, faults)


def _build_plain(value: Any, kind: Any, at: str, faults: list[str]) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        faults.append(f"{at} must be {kind.__name__}, not {value!r}")
    return value


def _build_dataclass(values: Any, kind: Any, at: str, faults: list[str]) -> Any:
    if not isinstance(values, dict):
        faults.append(f"{at or 'the file'} must be a mapping")
        return None
    hints = get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}
    before = len(faults)
    for name in (name for name in values if name not in fields):
        faults.append(f"{_join(at, name)} is not a known key (known: {', '.join(fields)})")
    built = {}
    for name, field in fields.items():
        if name in values:
            built[name] = _build(values[name], hints[name], _join(at, name), faults)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            faults.append(f"{_join(at, name)} is missing")
    return kind(**built) if len(faults) == before else None


def _join(at: str, name: Any) -> str:
    return f"{at}.{name}" if at else str(name)
