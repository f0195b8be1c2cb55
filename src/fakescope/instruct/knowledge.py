"""General forensic knowledge, from the files in `known/`: written for this project, with sources, on no one image.

An entry is told by one wording of some of its points, so that none is learned by heart as a block.
"""

from __future__ import annotations

import functools
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Literal, get_args

import yaml

from fakescope.errors import DataError
from fakescope.instruct.grammar import parse, say

Topic = Literal["cause", "camera", "false_alarm", "tool", "limit", "enhance", "concept"]
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C is eight times as fast."""
TOPICS: tuple[Topic, ...] = get_args(Topic)


@dataclass(frozen=True)
class Entry:
    """One piece of knowledge.

    Attributes:
        criterion: What it is about; None for what is about no one criterion.
        family: Kind of generator, for causes.
        sources: Keys of the file's list of sources.
        points: Wordings of each point, patterns of `grammar`.
        asks: Questions that it answers; empty where the question comes with the criterion.
    """

    id: str
    topic: Topic
    criterion: str | None
    family: str | None
    sources: tuple[str, ...]
    points: tuple[tuple[str, ...], ...]
    asks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Knowledge:
    """All entries, and their sources: key -> what to cite."""

    entries: tuple[Entry, ...]
    sources: dict[str, str]
    by_place: dict[tuple[Topic, str | None], tuple[Entry, ...]]
    by_id: dict[str, Entry]

    def find(self, topic: Topic, criterion: str | None = None) -> tuple[Entry, ...]:
        """Entries on a topic and criterion; on the topic in general where there are none."""
        return self.by_place.get((topic, criterion)) or self.by_place.get((topic, None), ())

    def topic(self, topic: Topic) -> tuple[Entry, ...]:
        """All entries on a topic."""
        return tuple(entry for entry in self.entries if entry.topic == topic)


def tell(entry: Entry, rng: random.Random, most: int = 3) -> str:
    """Some points of an entry, in their order, each in one of its wordings."""
    count = min(len(entry.points), rng.randint(2, most) if most > 1 else 1)
    chosen = sorted(rng.sample(range(len(entry.points)), count))
    if entry.topic == "limit":
        chosen[0] = 0  # what cannot be known is said first
    return " ".join(say(rng, rng.choice(entry.points[number])) for number in chosen)


@functools.cache
def knowledge() -> Knowledge:
    """The project's knowledge.

    Raises:
        DataError: A file is not what it should be.
    """
    folder = resources.files("fakescope.instruct").joinpath("known")
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name
    )
    return read_knowledge([file.read_text(encoding="utf-8") for file in files])


def read_knowledge(texts: Sequence[str]) -> Knowledge:
    """Read the files; each may have sources and entries.

    Raises:
        DataError: One is not what it should be.
    """
    sources: dict[str, str] = {}
    entries: list[Entry] = []
    try:
        for text in texts:
            held = yaml.load(text, Loader=_LOADER)  # noqa: S506 - both are safe loaders
            sources |= {key: _cite(source) for key, source in held.get("sources", {}).items()}
            entries += [_entry(entry) for entry in held.get("entries", ())]
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"the knowledge cannot be read: {error}") from error
    for entry in entries:
        if unknown := set(entry.sources) - set(sources):
            raise DataError(f"{entry.id} names unknown sources: {', '.join(sorted(unknown))}")
    places: dict[tuple[Topic, str | None], list[Entry]] = defaultdict(list)
    for entry in entries:
        places[entry.topic, entry.criterion].append(entry)
    by_place = {place: tuple(found) for place, found in places.items()}
    return Knowledge(tuple(entries), sources, by_place, {entry.id: entry for entry in entries})


def _entry(held: dict[str, object]) -> Entry:
    topic, points, sources = held["topic"], held["points"], held["sources"]
    if topic not in TOPICS or not isinstance(points, list) or not isinstance(sources, list):
        raise ValueError(f"{held.get('id')} is not an entry")
    criterion, family = held.get("criterion"), held.get("family")
    return Entry(
        id=str(held["id"]),
        topic=topic,
        criterion=str(criterion) if criterion else None,
        family=str(family) if family else None,
        sources=tuple(str(source) for source in sources),
        points=tuple(tuple(_pattern(wording) for wording in point) for point in points),
        asks=tuple(_pattern(question) for question in held.get("asks") or ()),  # type: ignore[attr-defined]
    )


def _pattern(text: object) -> str:
    parse(str(text))
    return str(text)


def _cite(source: dict[str, object]) -> str:
    return f"{source['authors']}: {source['title']}. {source['where']}, {source['year']}"
