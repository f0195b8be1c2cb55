"""The second half of collecting: over everything that was read, find duplicates, decide splits, add to the store.

It depends on the store and the journal alone, so a run that was stopped comes to the same result. What is in the
store stays as it is; new images give way.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from sys import intern
from typing import Any, Literal

from fakescope.chain.collect.items import Split
from fakescope.chain.collect.journal import Journal
from fakescope.chain.collect.near import NEAR_BITS, Near, find_near
from fakescope.chain.collect.splits import STRENGTH, Entry, Shares, fixed_split, group_splits
from fakescope.chain.store import Store
from fakescope.records import ImageRef, Label

REPORT = "duplicates.jsonl"
BATCH = 500


@dataclass(frozen=True)
class Plan:
    """How a collection is settled.

    Attributes:
        near: What becomes of images that look nearly like one on another side.
        near_bits: Most differing bits, of 256, of images that look nearly alike.
    """

    shares: Shares = field(default_factory=Shares)
    near: Literal["keep", "drop"] = "drop"
    near_bits: int = NEAR_BITS


@dataclass
class Settled:
    """What settling came to; the groups themselves are in `duplicates.jsonl`."""

    added: int = 0
    exact_duplicates: int = 0
    label_conflicts: int = 0
    near_groups: int = 0
    near_across_splits: int = 0
    near_across_labels: int = 0
    near_dropped: int = 0
    conflicts: list[list[str]] = field(default_factory=list)
    images: int = 0
    splits: dict[str, dict[str, int]] = field(default_factory=dict)


def settle(store: Store, journal: Journal, plan: Plan) -> Settled:
    """Bring the store up to date with the journal.

    Raises:
        DataError: The journal cannot be read, or the store not be written.
    """
    result, report = Settled(), []
    groups = _same_content([*_of_store(store), *_of_journal(journal)])
    kept: list[Entry] = []
    for group in groups:
        keeper, line = _settle_copies(group, plan, result)
        kept += [keeper] if keeper else []
        report += [line] if line else []
    near = find_near([entry.phash for entry in kept], plan.near_bits)
    chosen = _choose(kept, near, plan, result, report)
    result.added = _add(store, journal, chosen)
    _write_report(store.root / REPORT, report)
    _count(store, result)
    return result


def _of_store(store: Store) -> Iterator[Entry]:
    for ref in store.images():
        yield _entry(ref, "", stored=True)


def _of_journal(journal: Journal) -> Iterator[Entry]:
    for line in journal.lines():
        for ref in line.images:
            yield _entry(ref, line.key)


def _entry(ref: ImageRef, key: str, *, stored: bool = False) -> Entry:
    return Entry(
        key, ref.id, ref.sha256 or "", ref.label, intern(ref.generator) if ref.generator else None,
        intern(ref.source), ref.origin, ref.split, ref.phash, stored,
    )  # fmt: skip


def _same_content(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Entries with the same bytes or the same id, together; the same image taken again is left out."""
    by_name: dict[str, list[Entry]] = {}
    groups: list[list[Entry]] = []
    for entry in entries:
        group = by_name.get(entry.sha256 or entry.id) or by_name.get(entry.id)
        if group is None:
            group = []
            groups.append(group)
        elif any(_is_again(entry, other) for other in group):
            continue
        group.append(entry)
        by_name.setdefault(entry.sha256 or entry.id, group)
        by_name.setdefault(entry.id, group)
    return groups


def _is_again(entry: Entry, other: Entry) -> bool:
    return (entry.source, entry.origin, entry.label) == (other.source, other.origin, other.label)


def _settle_copies(
    group: list[Entry], plan: Plan, result: Settled
) -> tuple[Entry | None, dict[str, Any] | None]:
    """Which of the copies of one image is kept, and the line of the report if there are several."""
    stored = next((entry for entry in group if entry.stored), None)
    if len(group) == 1:
        return group[0], None
    if len({entry.label for entry in group if entry.label}) > 1:
        # One of the labels is wrong, and nothing tells which.
        result.label_conflicts += 1
        result.conflicts.append([_named(entry) for entry in group])
        return stored, {"kind": "label_conflict", "members": [_about(entry) for entry in group]}
    keeper = stored or max(
        group, key=lambda entry: (entry.label is not None, STRENGTH[fixed_split(entry, plan.shares)])
    )
    result.exact_duplicates += len(group) - 1
    others = [_about(entry) for entry in group if entry is not keeper]
    return keeper, {"kind": "exact", "kept": _about(keeper), "others": others}


def _choose(
    kept: list[Entry], near: Near, plan: Plan, result: Settled, report: list[dict[str, Any]]
) -> dict[tuple[str, str], Split | None]:
    """The new images that are added, by key and id, with their splits."""
    chosen: dict[tuple[str, str], Split | None] = {}
    in_groups = near.groups()
    alone = set(range(len(kept))) - {place for group in in_groups for place in group}
    edges: dict[int, list[tuple[int, int, int]]] = {}
    for one, other, bits in near.edges:
        edges.setdefault(int(near.group[one]), []).append((one, other, bits))
    for places in [*([place] for place in sorted(alone)), *in_groups]:
        group = [kept[place] for place in places]
        splits = group_splits(group, plan.shares, plan.near)
        for entry, split in zip(group, splits, strict=True):
            if split != "drop" and not entry.stored:
                chosen[entry.key, entry.id] = split
        if len(group) > 1:
            pairs = [(kept[a].id, kept[b].id, bits) for a, b, bits in edges[int(near.group[places[0]])]]
            report.append(_near_line(group, splits, pairs, plan, result))
    return chosen


def _near_line(
    group: list[Entry], splits: list[Any], pairs: list[tuple[str, str, int]], plan: Plan, result: Settled
) -> dict[str, Any]:
    dropped = splits.count("drop")
    own = {fixed_split(e, plan.shares) if s == "drop" else s for e, s in zip(group, splits, strict=True)}
    across_splits = bool(dropped) or len(own) > 1
    across_labels = len({entry.label for entry in group}) > 1
    result.near_groups += 1
    result.near_across_splits += across_splits
    result.near_across_labels += across_labels
    result.near_dropped += dropped
    members = [
        {**_about(entry), "split": None if split == "drop" else split, "dropped": split == "drop"}
        for entry, split in zip(group, splits, strict=True)
    ]
    return {
        "kind": "near", "across_splits": across_splits, "across_labels": across_labels, "members": members,
        "pairs": pairs,
    }  # fmt: skip


def _add(store: Store, journal: Journal, chosen: dict[tuple[str, str], Split | None]) -> int:
    def refs() -> Iterator[ImageRef]:
        left = dict(chosen)
        for line in journal.lines():
            for ref in line.images:
                if (line.key, ref.id) in left:
                    yield ref.model_copy(update={"split": left.pop((line.key, ref.id))})

    new, added = refs(), 0
    while batch := list(islice(new, BATCH)):
        added += store.add_images(batch)
    return added


def _count(store: Store, result: Settled) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    for ref in store.images():
        counts[ref.split or "none", ref.label or "unlabelled"] += 1
    result.images = sum(counts.values())
    for split in ("train", "dev", "test", "none"):
        row = {label: counts[split, label] for label in (*map(str, Label), "unlabelled")}
        if any(row.values()):
            result.splits[split] = row


def _about(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id, "label": entry.label, "split": entry.split, "generator": entry.generator,
        "source": entry.source, "origin": entry.origin,
    }  # fmt: skip


def _named(entry: Entry) -> str:
    return f"{entry.label or 'unlabelled'}: {entry.source} {entry.origin} ({entry.id})"


def _write_report(path: Path, lines: list[dict[str, Any]]) -> None:
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    part.replace(path)
