"""A small grammar: patterns of alternatives that are spelled out at random, the same for the same seed.

`{a|b|c}` stands for one of its alternatives, which may be empty and may hold others; `$name` for a word that is given.
"""

from __future__ import annotations

import functools
import itertools
import random
import re
from collections.abc import Iterator
from typing import TypeAlias

Node: TypeAlias = "str | Slot | Choice | tuple[Node, ...]"
_TOKEN = re.compile(r"[{|}]|\$[a-z_]+")
_GAPS = re.compile(r" {2,}| (?=[.,;:?!])")


class Slot(str):
    """The name of a word that is given."""

    __slots__ = ()


class Choice(tuple[Node, ...]):
    """Alternatives."""

    __slots__ = ()


def say(rng: random.Random, pattern: str, **words: str) -> str:
    """Spell a pattern out.

    Args:
        rng: Settles the alternatives.
        pattern: See above.
        words: What stands for the slots. They are put in as they are: nothing in them is read as a pattern.

    Raises:
        ValueError: The braces of the pattern do not match.
        KeyError: A slot has no word.
    """
    out: list[str] = []
    _spell(parse(pattern), rng.random, words, out)
    return _GAPS.sub(_gap, "".join(out)).strip()


@functools.lru_cache(maxsize=8192)
def parse(pattern: str) -> Node:
    """Read a pattern.

    Raises:
        ValueError: Its braces do not match.
    """
    stack: list[list[list[Node]]] = [[[]]]
    at = 0
    for token in _TOKEN.finditer(pattern):
        if token.start() > at:
            stack[-1][-1].append(pattern[at : token.start()])
        at = token.end()
        sign = token.group()
        if sign == "{":
            stack.append([[]])
        elif sign[0] == "$":
            stack[-1][-1].append(Slot(sign[1:]))
        elif len(stack) == 1:
            raise ValueError(f"a {sign} outside of braces in {pattern!r}")
        elif sign == "|":
            stack[-1].append([])
        else:
            alternatives = stack.pop()
            stack[-1][-1].append(Choice(_sequence(part) for part in alternatives))
    if len(stack) > 1:
        raise ValueError(f"an open brace in {pattern!r}")
    stack[0][0].append(pattern[at:])
    return _sequence(stack[0][0])


def spellings(pattern: str) -> int:
    """In how many ways a pattern can be spelled out."""
    return _count(parse(pattern))


def expand(pattern: str, **words: str) -> Iterator[str]:
    """All ways to spell a pattern out, as `say` would.

    Raises:
        KeyError: A slot has no word.
    """

    def walk(node: Node) -> list[str]:
        if isinstance(node, Slot):
            return [words[node]]
        if isinstance(node, str):
            return [node]
        if isinstance(node, Choice):
            return [text for part in node for text in walk(part)]
        return ["".join(parts) for parts in itertools.product(*map(walk, node))]

    for text in walk(parse(pattern)):
        yield _GAPS.sub(_gap, text).strip()


def literals(pattern: str) -> list[str]:
    """All pieces of text that a pattern itself can bring into a sentence."""
    found: list[str] = []

    def walk(node: Node) -> None:
        if isinstance(node, Slot):
            return
        if isinstance(node, str):
            found.append(node)
        else:
            for part in node:
                walk(part)

    walk(parse(pattern))
    return found


def _spell(node: Node, random_: object, words: dict[str, str], out: list[str]) -> None:
    if isinstance(node, Slot):
        out.append(words[node])
    elif isinstance(node, str):
        out.append(node)
    elif isinstance(node, Choice):
        _spell(node[int(random_() * len(node))], random_, words, out)  # type: ignore[operator]
    else:
        for part in node:
            _spell(part, random_, words, out)


def _count(node: Node) -> int:
    if isinstance(node, str):
        return 1
    counts = [_count(part) for part in node]
    if isinstance(node, Choice):
        return sum(counts)
    product = 1
    for count in counts:
        product *= count
    return product


def _sequence(parts: list[Node]) -> Node:
    kept = [part for part in parts if part != "" or isinstance(part, Slot)]
    if not kept:
        return ""
    return kept[0] if len(kept) == 1 else tuple(kept)


def _gap(match: re.Match[str]) -> str:
    return " " if len(match.group()) > 1 else ""
