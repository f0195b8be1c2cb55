"""Chain records as rows of Parquet, and back.

What is searched and counted has columns of its own; what happened on the way (judgements, drafts, reviews) is one
column of JSON. Units: regions are fractions of the upright image, sizes are pixels and bytes.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from fakescope.records import ChainRecord, ImageRef, JsonObject, TraceNote

SHARD_SCHEMA_VERSION = 1
VERSION_KEY = b"fakescope_chain_schema"

_REGION = pa.list_(pa.float64(), 4)
_TRACE = pa.struct(
    [
        pa.field("criterion", pa.string(), nullable=False),
        pa.field("finding", pa.string()),
        pa.field("observation", pa.string()),
        pa.field("region", _REGION),
    ]
)
_LINEAGE = pa.struct(
    [pa.field(name, pa.string()) for name in ("made_by", "kind", "model", "prompt_hash", "at", "notes")]
)
_IMAGE_TEXTS = (
    "sha256",
    "phash",
    "generator",
    "source",
    "licence",
    "origin",
    "date",
    "format",
    "group",
    "caption",
)
_RECORD_TEXTS = ("subject", "kind", "description", "limits", "advice", "status")
_HISTORY = ("judgements", "exemplars", "drafts", "reviews")

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("split", pa.string()),
        pa.field("label", pa.string()),
        pa.field("path", pa.string(), nullable=False),
        *(pa.field(name, pa.string()) for name in _IMAGE_TEXTS),
        *(pa.field(name, pa.int64()) for name in ("width_px", "height_px", "size_bytes")),
        pa.field("blind_p_fake", pa.float64()),
        *(pa.field(name, pa.string()) for name in _RECORD_TEXTS),
        pa.field("traces", pa.list_(_TRACE)),
        pa.field("lineage", pa.list_(_LINEAGE)),
        pa.field("history", pa.string()),
    ],
    metadata={VERSION_KEY: str(SHARD_SCHEMA_VERSION).encode()},
)
IMAGE = pa.field("image", pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())]))


def schema_with_images() -> pa.Schema:
    """The schema with a column of image bytes, marked so that `datasets` decodes it."""
    schema = SCHEMA.append(IMAGE)
    features = {"features": {"image": {"_type": "Image"}}}
    marked = {b"huggingface": json.dumps({"info": features}).encode()}
    return schema.with_metadata({**(schema.metadata or {}), **marked})


def to_row(record: ChainRecord, image: bytes | None = None) -> JsonObject:
    """A record as a row; `image` adds the column of bytes."""
    values = record.model_dump(mode="json")
    ref = values["image"]
    row = {name: ref[name] for name in SCHEMA.names if name in ref}
    row |= {name: values[name] for name in (*_RECORD_TEXTS, "blind_p_fake")}
    row["traces"] = [
        {"criterion": criterion, **(note or {"finding": None, "observation": None, "region": None})}
        for criterion, note in values["traces"].items()
    ]
    row["lineage"] = values["lineage"]
    history = {name: values[name] for name in _HISTORY if values[name]}
    row["history"] = json.dumps(history, ensure_ascii=False) if history else None
    if image is not None:
        row["image"] = {"bytes": image, "path": None}
    return row


def from_row(row: JsonObject) -> ChainRecord:
    """A row as a record.

    Raises:
        ValueError: It is none (pydantic's errors are ValueErrors).
    """
    ref = {name: value for name, value in row.items() if name in ImageRef.model_fields and value is not None}
    history: dict[str, Any] = json.loads(row.get("history") or "{}")
    if not isinstance(history, dict) or set(history) - set(_HISTORY):
        raise ValueError("the column history is not what it should be")
    return ChainRecord(
        image=ImageRef.model_validate(ref),
        blind_p_fake=row.get("blind_p_fake"),
        traces={trace["criterion"]: _note(trace) for trace in row.get("traces") or ()},
        lineage=row.get("lineage") or (),
        **{name: row[name] for name in _RECORD_TEXTS if row.get(name) is not None},
        **history,
    )


def _note(trace: JsonObject) -> TraceNote | None:
    if trace["finding"] is None:
        return None
    return TraceNote(
        finding=trace["finding"], observation=trace["observation"] or "", region=trace["region"] or None
    )
