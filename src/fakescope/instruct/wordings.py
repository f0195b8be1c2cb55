"""The wordings of FakeInstruct, from `wordings.yaml`: data, which people can mend without reading code."""

from __future__ import annotations

import functools
import random
from collections.abc import Mapping
from importlib import resources
from typing import TypeAlias

import yaml

from fakescope.instruct.grammar import say
from fakescope.instruct.phrasing import full_sentence

Bank = tuple[str, ...]
Tree: TypeAlias = "Mapping[str, Tree] | list[str]"


def one(rng: random.Random, path: str, **words: str) -> str:
    """One wording, spelled out.

    Args:
        rng: Settles which.
        path: Such as `traces.odd`.
        words: What stands for the slots of the patterns.

    Raises:
        KeyError: There are no such wordings, or a slot has no word.
    """
    patterns = bank(path)
    return say(rng, patterns[int(rng.random() * len(patterns))], **words)


def sentence(rng: random.Random, path: str, **words: str) -> str:
    """The same, with a capital at its start and a full stop at its end unless it has another sign there."""
    return full_sentence(one(rng, path, **words))


@functools.lru_cache(maxsize=1024)
def bank(path: str) -> Bank:
    """The patterns at a place, shared patterns put in.

    Raises:
        KeyError: There are none.
    """
    held, macros = _tree()
    for name in path.split("."):
        if not isinstance(held, Mapping):
            raise KeyError(path)
        held = held[name]
    if isinstance(held, Mapping):
        raise KeyError(path)
    return tuple(_expand(pattern, macros) for pattern in held)


def paths() -> list[str]:
    """All places that have patterns."""

    def walk(tree: Tree, path: str) -> list[str]:
        if not isinstance(tree, Mapping):
            return [path]
        return [
            found for name, below in tree.items() for found in walk(below, f"{path}.{name}" if path else name)
        ]

    return walk(_tree()[0], "")


@functools.cache
def _tree() -> tuple[Tree, dict[str, str]]:
    text = resources.files("fakescope.instruct").joinpath("wordings.yaml").read_text(encoding="utf-8")
    held = yaml.safe_load(text)
    return held, held.pop("macros")


def _expand(pattern: str, macros: Mapping[str, str]) -> str:
    for name, text in macros.items():
        pattern = pattern.replace(f"@{name}", text)
    return pattern
