"""Reading the seed of FakeChain, `chain.jsonl` beside `labels.csv`, and writing chain records.

Every line is taken as hostile: a fault costs the entry or the part of it that is broken, is counted by
name, and nothing else is lost.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fakescope.errors import DataError
from fakescope.records import ChainRecord, ImageRef, Label, Lineage, Region, TraceNote
from fakescope.taxonomy import CRITERION_IDS

SAFE_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
"""An id becomes a file name, so it may not climb out of the folder."""

MAX_TEXT_CHARS = 2000
_TEXTS = ("subject", "kind", "description", "limits", "advice")
_SEED_LINEAGE = Lineage(
    made_by="seed",
    kind="machine",
    notes="judged blind, then described with the label known; not reviewed by people; regions approximate",
)


@dataclass(frozen=True)
class Seed:
    """The records of a seed file.

    Attributes:
        records: One per image, in the order of the file; all splits.
        dropped: How many entries were left out, by reason.
        patched: How many parts of kept entries were left out or mended, by reason.
    """

    records: tuple[ChainRecord, ...]
    dropped: Counter[str]
    patched: Counter[str]


def read_labels(path: Path) -> dict[str, ImageRef]:
    """Read `labels.csv` or a manifest with the same columns; faulty rows are passed over.

    The columns id, label and split are needed; generator, source, licence, kind, group and caption are
    used when present. The image of a row is `images/ID.jpg` beside the table.

    Raises:
        DataError: The file cannot be read as a table, or lacks the needed columns.
    """
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            reader = csv.DictReader(lines)
            missing = {"id", "label", "split"} - set(reader.fieldnames or ())
            if missing:
                raise DataError(f"{path} lacks the columns {sorted(missing)}")
            refs = [ref for row in reader if (ref := _image_ref(row, path.parent)) is not None]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    return {ref.id: ref for ref in refs}


def load_seed(chain: Path, labels: Path) -> Seed:
    """Read the seed of FakeChain.

    Args:
        chain: JSON Lines, one entry an image.
        labels: The table that knows split, source and licence of each image.

    Raises:
        DataError: A file cannot be read at all.
    """
    refs = read_labels(labels)
    dropped: Counter[str] = Counter()
    patched: Counter[str] = Counter()
    records: dict[str, ChainRecord] = {}
    for entry in _json_lines(chain):
        reason = _reason_to_drop(entry, refs, records)
        if reason:
            dropped[reason] += 1
        else:
            records[entry["id"]] = _record(entry, refs[entry["id"]], patched)
    return Seed(tuple(records.values()), dropped, patched)


def write_chain(records: Iterable[ChainRecord], path: Path) -> int:
    """Write records as JSON Lines; the file appears only when it is complete. Returns their number."""
    part = path.with_name(path.name + ".part")
    count = 0
    with part.open("w", encoding="utf-8") as out:
        for record in records:
            out.write(record.model_dump_json() + "\n")
            count += 1
    os.replace(part, path)
    return count


def read_chain(path: Path) -> list[ChainRecord]:
    """Read what `write_chain` wrote.

    Raises:
        DataError: Unreadable, or a line that is not a chain record; the line is named.
    """
    records: list[ChainRecord] = []
    number = 0
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):  # noqa: B007 - names the faulty line below
                if line.strip():
                    records.append(ChainRecord.model_validate_json(line))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        raise DataError(f"{path}, line {number}, is not a chain record: {error}") from error
    return records


def _image_ref(row: dict[str, Any], folder: Path) -> ImageRef | None:
    values = {key: (value or "") for key, value in row.items() if isinstance(key, str)}
    if not SAFE_ID.fullmatch(values["id"]) or values["label"] not in list(Label):
        return None
    if values["split"] not in ("train", "dev", "test"):
        return None
    return ImageRef.model_validate(
        {
            "id": values["id"],
            "path": str(folder / "images" / f"{values['id']}.jpg"),
            "label": values["label"],
            "generator": values.get("generator") or None,
            "source": values.get("source", ""),
            "licence": values.get("licence", ""),
            "split": values["split"],
            "group": values.get("group") or values.get("kind", ""),
            "caption": values.get("caption", ""),
            "origin": _origin(values),
            "format": values.get("original_format", ""),
            "width_px": _count(values.get("original_width")),
            "height_px": _count(values.get("original_height")),
            "size_bytes": _count(values.get("original_bytes")),
        }
    )


def _origin(values: dict[str, str]) -> str:
    """Place in the source, as `COMMIT:PATH`."""
    return ":".join(part for part in (values.get("commit", ""), values.get("path", "")) if part)


def _count(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"[1-9][0-9]{0,11}", text) else None


def _json_lines(path: Path) -> list[Any]:
    """The values of a JSON Lines file; None stands for a line that is not JSON."""
    values: list[Any] = []
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.strip():
                    try:
                        values.append(json.loads(line))
                    except (ValueError, RecursionError):
                        values.append(None)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    return values


def _reason_to_drop(entry: Any, refs: dict[str, ImageRef], seen: dict[str, ChainRecord]) -> str:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        return "not an entry"
    if entry["id"] not in refs:
        return "image not in the labels"
    if entry["id"] in seen:
        return "image twice"
    if entry.get("label") != refs[entry["id"]].label:
        return "label disagrees with the labels"
    if not isinstance(entry.get("traces"), dict):
        return "no traces"
    return ""


def _record(entry: dict[str, Any], image: ImageRef, patched: Counter[str]) -> ChainRecord:
    texts: dict[str, Any] = {}
    for name in _TEXTS:
        value = entry.get(name, "")
        if not isinstance(value, str):
            patched[f"{name} is not text"] += 1
            value = ""
        texts[name] = _text(value)
    blind = entry.get("blind_p_fake")
    if blind is not None and not (_is_number(blind) and 0.0 <= blind <= 1.0):
        patched["blind_p_fake out of range"] += 1
        blind = None
    return ChainRecord(
        image=image,
        blind_p_fake=blind,
        traces=_traces(entry["traces"], patched),
        lineage=(_SEED_LINEAGE,),
        **texts,
    )


def _traces(entry: dict[str, Any], patched: Counter[str]) -> dict[str, TraceNote | None]:
    """Notes in taxonomy order. A broken note is left out: None would say that it cannot be judged."""
    if unknown := entry.keys() - set(CRITERION_IDS):
        patched["unknown criterion"] += len(unknown)
    traces: dict[str, TraceNote | None] = {}
    for criterion in CRITERION_IDS:
        if criterion not in entry:
            patched["criterion missing"] += 1
        elif entry[criterion] is None:
            traces[criterion] = None
        elif (note := _note(entry[criterion], patched)) is not None:
            traces[criterion] = note
    return traces


def _note(value: Any, patched: Counter[str]) -> TraceNote | None:
    if not isinstance(value, dict):
        patched["broken note"] += 1
        return None
    finding, observation = value.get("finding"), value.get("observation")
    if finding not in ("abnormal", "natural") or not isinstance(observation, str) or not observation.strip():
        patched["broken note"] += 1
        return None
    region = value.get("region")
    mended = None if region is None else _region(region)
    if region is not None and (mended is None or list(mended) != list(region)):
        patched["region mended" if mended else "broken region"] += 1
    return TraceNote(finding=finding, observation=_text(observation), region=mended)


def _text(value: str) -> str:
    """Stripped, of bounded length, and without lone surrogates, which JSON allows and UTF-8 does not."""
    return value.strip()[:MAX_TEXT_CHARS].encode("utf-8", "replace").decode("utf-8")


def _region(value: Any) -> Region | None:
    """The region, clipped to the image and with its corners in order; None when nothing is left of it."""
    if not isinstance(value, list | tuple) or len(value) != 4 or not all(_is_number(v) for v in value):
        return None
    x0, y0, x1, y1 = (min(1.0, max(0.0, float(v))) for v in value)
    x0, x1, y0, y1 = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def _is_number(value: Any) -> bool:
    # the bound also refuses infinities, not-a-number, and integers too long for a float
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e6 <= value <= 1e6
