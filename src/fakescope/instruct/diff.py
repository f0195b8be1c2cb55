"""What changed between two sets of instructions, of which no texts are held: 40 bytes or so an instruction, at most."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fakescope.instruct.read import read_manifest, read_rows
from fakescope.records import JsonObject


def diff_of(old: Path, new: Path) -> JsonObject:
    """Instructions with the same id and words, with other words, and of one set alone; counts of forms.

    Raises:
        DataError: One of the folders holds no finished set.
    """
    was, now = read_manifest(old), read_manifest(new)
    told: Counter[str] = Counter(same=0, changed=0, only_old=0, only_new=0)
    left, right = _by_record(old), _by_record(new)
    waiting: dict[str, dict[str, bytes]] = {}
    for record, texts in left:
        match = waiting.pop(record, None)
        while match is None and (following := next(right, None)) is not None:
            if following[0] == record:
                match = following[1]
            else:
                waiting[following[0]] = following[1]
        _compare(texts, match or {}, told)
    for texts in waiting.values():
        _compare({}, texts, told)
    for _, texts in right:
        _compare({}, texts, told)
    forms = {
        form: (was["forms"].get(form, 0), now["forms"].get(form, 0))
        for form in sorted({*was["forms"], *now["forms"]})
    }
    return {**told, "forms": forms}


def _by_record(folder: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Record -> id -> a digest of the whole text, record by record."""
    record, texts = "", dict[str, bytes]()
    for row in read_rows(folder, ["id", "image", "messages"]):
        if row["image"] != record:
            if texts:
                yield record, texts
            record, texts = row["image"], {}
        whole = "\0".join(message["content"] for message in row["messages"])
        texts[row["id"]] = hashlib.blake2b(whole.encode(), digest_size=16).digest()
    if texts:
        yield record, texts


def _compare(old: dict[str, bytes], new: dict[str, bytes], told: Counter[str]) -> None:
    both = old.keys() & new.keys()
    same = sum(old[id] == new[id] for id in both)
    told["same"] += same
    told["changed"] += len(both) - same
    told["only_old"] += len(old) - len(both)
    told["only_new"] += len(new) - len(both)
