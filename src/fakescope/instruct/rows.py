"""Instructions as rows of Parquet, and back. One shard holds what was made of one block of records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa

from fakescope.instruct.made import Made
from fakescope.records import Instruction, JsonObject, Message

SCHEMA_VERSION = 1
VERSION_KEY = b"fakescope_instruct_schema"
TASK_KEY = b"fakescope_instruct_task"
COUNTS_KEY = b"fakescope_instruct_counts"

_MESSAGE = pa.struct(
    [pa.field("role", pa.string(), nullable=False), pa.field("content", pa.string(), nullable=False)]
)
SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("image", pa.string(), nullable=False),
        pa.field("part", pa.dictionary(pa.int8(), pa.string()), nullable=False),
        pa.field("form", pa.dictionary(pa.int8(), pa.string()), nullable=False),
        pa.field("criterion", pa.dictionary(pa.int8(), pa.string())),
        pa.field("answer", pa.string(), nullable=False),
        pa.field("messages", pa.list_(_MESSAGE), nullable=False),
        pa.field("rests_on", pa.list_(pa.string()), nullable=False),
        pa.field("writer", pa.dictionary(pa.int8(), pa.string()), nullable=False),
    ],
    metadata={VERSION_KEY: str(SCHEMA_VERSION).encode()},
)
"""`answer` is the closed answer, empty for free text; `rests_on` names facts of the record of that image."""


class Row(NamedTuple):
    """An instruction with its place: `id` is RECORD/ROUND/NUMBER."""

    id: str
    image: str
    made: Made


def to_batch(rows: Sequence[Row], writer: str, metadata: dict[bytes, bytes]) -> pa.RecordBatch:
    """Rows as Arrow, built by column: there are millions of them."""
    roles: list[str] = []
    texts: list[str] = []
    ends = [0]
    for row in rows:
        for question, answer in row.made.turns:
            roles += ("user", "assistant")
            texts += (question, answer)
        ends.append(len(roles))
    messages = pa.ListArray.from_arrays(
        pa.array(ends, pa.int32()),
        pa.StructArray.from_arrays(
            [pa.array(roles, pa.string()), pa.array(texts, pa.string())], fields=list(_MESSAGE)
        ),
    )
    columns = [
        pa.array([row.id for row in rows], pa.string()),
        pa.array([row.image for row in rows], pa.string()),
        _words([row.made.part for row in rows]),
        _words([row.made.form for row in rows]),
        _words([row.made.criterion for row in rows]),
        pa.array([row.made.answer for row in rows], pa.string()),
        messages,
        pa.array([row.made.rests_on for row in rows], pa.list_(pa.string())),
        _words([writer] * len(rows)),
    ]
    schema = SCHEMA.with_metadata({**(SCHEMA.metadata or {}), **metadata})
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def from_row(row: JsonObject) -> Instruction:
    """A row as an instruction; the model learns what the assistant says.

    Raises:
        ValueError: It is none (pydantic's errors are ValueErrors).
    """
    messages = tuple(
        Message(role=message["role"], content=message["content"], train=message["role"] == "assistant")
        for message in row["messages"]
    )
    return Instruction(
        id=row["id"],
        image=row["image"],
        messages=messages,
        part=row["part"],
        form=row["form"],
        criterion=row["criterion"],
        answer=row["answer"],
        rests_on=tuple(row["rests_on"]),
        writer=row["writer"],
        source_record=row["image"],
    )


def _words(values: Sequence[str | None]) -> pa.DictionaryArray:
    """A column of few different words, in a fixed order of first appearance."""
    return pa.array(values, pa.string()).dictionary_encode().cast(pa.dictionary(pa.int8(), pa.string()))
