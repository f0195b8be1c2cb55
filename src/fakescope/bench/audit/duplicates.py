"""The same image several times, or nearly: what makes a test easier than it looks, or a label doubtful."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from fakescope.bench.audit.measure import Measured
from fakescope.chain.collect.near import NEAR_BITS, find_near


@dataclass(frozen=True)
class Group:
    """Images that are the same, byte for byte, or look nearly the same. `members` are places in the audit."""

    kind: Literal["exact", "near"]
    members: tuple[int, ...]
    across_splits: bool
    across_labels: bool


@dataclass(frozen=True)
class Counts:
    """Number of groups."""

    exact: int
    exact_across_splits: int
    exact_across_labels: int
    near: int
    near_across_splits: int
    near_across_labels: int


def find_duplicates(images: Sequence[Measured], near_bits: int = NEAR_BITS) -> list[Group]:
    """All groups; those across labels first, then those across splits."""
    by_content: dict[str, list[int]] = {}
    for place, image in enumerate(images):
        by_content.setdefault(image.sha256, []).append(place)
    groups = [_group("exact", places, images) for places in by_content.values() if len(places) > 1]
    # A file and its exact copy are one image here, or each exact group would be a near one, too.
    firsts = [places[0] for places in by_content.values()]
    near = find_near([images[place].phash for place in firsts], near_bits)
    for members in near.groups():
        places = [place for at in members for place in by_content[images[firsts[at]].sha256]]
        groups.append(_group("near", places, images))
    return sorted(groups, key=lambda g: (not g.across_labels, not g.across_splits, g.kind, g.members))


def count_groups(groups: Sequence[Group]) -> Counts:
    """How many of each kind."""

    def count(kind: str, **wanted: bool) -> int:
        return sum(g.kind == kind and all(getattr(g, name) for name in wanted) for g in groups)

    return Counts(
        exact=count("exact"),
        exact_across_splits=count("exact", across_splits=True),
        exact_across_labels=count("exact", across_labels=True),
        near=count("near"),
        near_across_splits=count("near", across_splits=True),
        near_across_labels=count("near", across_labels=True),
    )


def group_figures(groups: Sequence[Group], images: Sequence[Measured]) -> list[dict[str, Any]]:
    """The groups for programs, with ids in place of places."""
    return [
        {
            **asdict(group),
            "members": [
                {
                    "id": sample.id, "label": sample.label, "split": sample.split, "source": sample.source,
                    "generator": sample.generator,
                }
                for sample in (images[place].sample for place in group.members)
            ],
        }
        for group in groups
    ]  # fmt: skip


def _group(kind: Literal["exact", "near"], places: Sequence[int], images: Sequence[Measured]) -> Group:
    samples = [images[place].sample for place in places]
    return Group(
        kind, tuple(places), len({s.split for s in samples}) > 1, len({s.label for s in samples}) > 1
    )
