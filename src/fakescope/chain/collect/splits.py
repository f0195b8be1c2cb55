"""Who goes to train, dev and test. Fixed by hashes of names, so that it does not change as a chain grows.

test   whole generators (whole sources, for real images and where no generator is named): those held out by name,
       and a share of the others by a hash of their name. So test has what train and dev have never seen.
dev    a share of the rest, by a hash of the image's id; images that look nearly alike go together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fakescope.chain.collect.items import Split
from fakescope.records import Label

STRENGTH: dict[Split | None, int] = {"test": 3, "dev": 2, "train": 1, None: 0}
"""Of two images that look nearly alike on two sides, the one on the weaker side gives way: a test that was trained
on is worth nothing, and training hardly misses an image."""


@dataclass(frozen=True)
class Shares:
    """How a collection is split.

    Attributes:
        dev: Share of the images that are not in test.
        test: Share of the generators and sources, whole ones.
        hold_out: Generators and sources that go to test by name.
    """

    dev: float = 0.1
    test: float = 0.1
    hold_out: frozenset[str] = frozenset()


@dataclass
class Entry:
    """What deciding needs to know of one image.

    Attributes:
        key: Of the item that it was taken of; empty for an image of the store.
        split: Given by its input or, in the store, settled; None if it is to be drawn.
        stored: It is in the store, where nothing is changed any more.
    """

    key: str
    id: str
    sha256: str
    label: Label | None
    generator: str | None
    source: str
    origin: str
    split: Split | None
    phash: str | None
    stored: bool = False


def fixed_split(entry: Entry, shares: Shares) -> Split | None:
    """The split of an image that does not depend on the image itself: given, settled, or held out as a whole."""
    if entry.split or entry.stored:
        return entry.split
    if {entry.generator, entry.source} & shares.hold_out:
        return "test"
    unit = entry.generator if entry.label is not Label.REAL and entry.generator else entry.source
    return "test" if unit and draw("unit", unit) < shares.test else None


def group_splits(
    group: Sequence[Entry], shares: Shares, near: Literal["keep", "drop"]
) -> list[Split | Literal["drop"] | None]:
    """The split of each of the images of a group that look nearly alike (or of one alone).

    Images whose split is to be drawn go together, and to where dev or train images of the group already are. None go
    to test for looking like a test image: test holds whole generators and sources. Those are dropped, as are all on
    a weaker side than the strongest in the group; with `keep` they stay, and the report names them. Images of the
    store keep what they have: where one of them is on the weaker side, the new ones of the stronger are dropped.
    """
    fixed = [fixed_split(entry, shares) for entry in group]
    bound = [split for split in fixed if split in ("train", "dev")]
    drawn = max(bound, key=STRENGTH.__getitem__) if bound else _drawn(group, shares)
    settled = [split or (None if entry.stored else drawn) for entry, split in zip(group, fixed, strict=True)]
    side = _side(group, settled)
    return [
        "drop" if near == "drop" and not entry.stored and split != side else split
        for entry, split in zip(group, settled, strict=True)
    ]


def draw(what: str, name: str) -> float:
    """A number in [0, 1) that depends on a name alone."""
    return int(hashlib.sha256(f"{what}:{name}".encode()).hexdigest()[:13], 16) / 16**13


def _drawn(group: Sequence[Entry], shares: Shares) -> Split:
    return "dev" if draw("image", min(entry.id for entry in group)) < shares.dev else "train"


def _side(group: Sequence[Entry], settled: Sequence[Split | None]) -> Split | None:
    """Where the group is: where the store has it, or the strongest side."""
    stored = [split for entry, split in zip(group, settled, strict=True) if entry.stored and split]
    return max(stored or settled, key=STRENGTH.__getitem__)
