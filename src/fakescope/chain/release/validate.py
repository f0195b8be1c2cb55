"""What is wrong with a release. Every fault names its record; one fault hides no other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fakescope.chain.collect.near import find_near
from fakescope.chain.release.read import read_about, read_rows
from fakescope.chain.release.shards import from_row
from fakescope.errors import DataError
from fakescope.files import sha256_of
from fakescope.records import ChainRecord, Label
from fakescope.taxonomy import CRITERION_IDS

_LABEL_WORD = {
    Label.FAKE: re.compile(r"\b(?:fake|generated|synthetic)\b", re.IGNORECASE),
    Label.REAL: re.compile(r"\b(?:real|authentic|genuine|photograph|hand-made)\b", re.IGNORECASE),
}
_SUM = re.compile(r"([0-9a-f]{64})  (.+)")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass
class Validation:
    """Faults make a release wrong; warnings are worth a look."""

    records: int = 0
    faults: list[str] = field(default_factory=list)
    warnings: Counter[str] = field(default_factory=Counter)


def validate_release(folder: Path) -> Validation:
    """Check files, schema, records and splits of a release.

    Raises:
        DataError: It is not a release at all.
    """
    about = read_about(folder)
    found = Validation()
    found.faults += _file_faults(folder)
    pictures: list[tuple[str, str, str]] = []
    seen: set[str] = set()
    labels: dict[str, set[str]] = {}
    try:
        for where, row in read_rows(folder):
            found.records += 1
            try:
                record = from_row(row)
            except (ValueError, KeyError, TypeError) as error:
                found.faults.append(f"{where}: {str(error).splitlines()[0]}")
                continue
            id = record.image.id
            found.faults += [f"{id}: {fault}" for fault in _record_faults(record, seen)]
            found.warnings.update(_warnings(record))
            seen.add(id)
            labels.setdefault(record.image.split or "no split", set()).add(record.image.label or "")
            if record.image.phash and _HASH.fullmatch(record.image.phash):
                pictures.append((id, record.image.split or "", record.image.phash))
    except DataError as error:
        found.faults.append(str(error))
    if about.get("records") != found.records:
        found.faults.append(
            f"release.json says {about.get('records')} records, the shards hold {found.records}"
        )
    found.faults += _near_across_splits(pictures)
    found.warnings.update(f"{split} holds one label only" for split, held in labels.items() if len(held) == 1)
    return found


def _file_faults(folder: Path) -> Iterator[str]:
    """Files that are missing, changed, or not in the list of sums."""
    try:
        lines = (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        yield f"SHA256SUMS cannot be read: {error}"
        return
    listed: set[str] = set()
    for line in lines:
        match = _SUM.fullmatch(line)
        if match is None or ".." in Path(match[2]).parts or Path(match[2]).is_absolute():
            yield f"SHA256SUMS has the line {line[:80]!r}"
            continue
        listed.add(match[2])
        path = folder / match[2]
        if not path.is_file():
            yield f"{match[2]} is missing"
        elif sha256_of(path) != match[1]:
            yield f"{match[2]} has changed since the release was made"
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    yield from (f"{name} is not in SHA256SUMS" for name in sorted(there - listed - {"SHA256SUMS"}))


def _record_faults(record: ChainRecord, seen: set[str]) -> Iterator[str]:
    image = record.image
    if image.id in seen:
        yield "the image occurs twice"
    if image.label is None:
        yield "there is no label"
    elif not _LABEL_WORD[image.label].search(record.description):
        yield f"the description does not say that the image is {image.label.value}"
    if unknown := set(record.traces) - set(CRITERION_IDS):
        yield f"unknown criteria: {', '.join(sorted(unknown))}"
    if image.label is Label.FAKE and not record.abnormal():
        yield "a fake without any abnormal trace"
    if not record.lineage:
        yield "nothing is said of who made it"
    if record.status in ("accepted", "revised") and not record.reviews:
        yield f"{record.status}, but there is no review"
    if image.path and (Path(image.path).is_absolute() or ".." in Path(image.path).parts):
        yield f"its path {image.path!r} leads out of the release"


def _warnings(record: ChainRecord) -> Iterator[str]:
    if not record.image.licence or "none stated" in record.image.licence.lower():
        yield "images without a stated licence"
    if record.image.label is Label.FAKE and not record.image.generator:
        yield "fakes without a generator"
    if record.image.label is Label.REAL and record.abnormal():
        yield "real images with abnormal traces"
    if record.status == "draft":
        yield "records that nobody has reviewed"
    if record.image.phash is None:
        yield "images without a perceptual hash"


def _near_across_splits(pictures: list[tuple[str, str, str]]) -> Iterator[str]:
    """Pictures that are nearly the same in two splits; each is (id, split, perceptual hash)."""
    for group in find_near([phash for _, _, phash in pictures]).groups():
        if len({pictures[n][1] for n in group}) > 1:
            named = ", ".join(f"{pictures[n][0]} ({pictures[n][1] or 'no split'})" for n in group[:10])
            yield f"nearly the same picture in several splits: {named}"
