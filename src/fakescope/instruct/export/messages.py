"""Parquet shards of messages with images, as TRL and the Hugging Face libraries read them.

Every content is a list of parts, {type: image} or {type: text, text}: it says where the image stands, and is what chat
templates and processors of transformers take. The image itself is in the column `images`, from where TRL puts it into
its place.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from fakescope.instruct.export.writer import Conversation, Picture, Writer
from fakescope.records import JsonObject

GROUP_ROWS = 500
"""Rows of a row group; they are what is held in memory at once."""
SHARD_GROUPS = 10
_DICTIONARY_BYTES = 256 * 1024 * 1024
"""So large that a row group holds the bytes of an image once, however many instructions are about it."""

_IMAGE = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
_PART = pa.struct([pa.field("type", pa.string()), pa.field("text", pa.string())])
_MESSAGE = pa.struct([pa.field("role", pa.string()), pa.field("content", pa.list_(_PART))])
_TEXT = {"dtype": "string", "_type": "Value"}
_FEATURES = {
    "id": _TEXT,
    "part": _TEXT,
    "form": _TEXT,
    "images": [{"_type": "Image"}],
    "messages": [{"role": _TEXT, "content": [{"type": _TEXT, "text": _TEXT}]}],
}
"""For the library `datasets`, in the notation that its old and new versions read."""
SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("part", pa.string()),
        pa.field("form", pa.string()),
        pa.field("images", pa.list_(_IMAGE)),
        pa.field("messages", pa.list_(_MESSAGE)),
    ],
    metadata={b"huggingface": json.dumps({"info": {"features": _FEATURES}}).encode()},
)


class MessagesWriter(Writer):
    """`data/SPLIT-00000.parquet` with the columns id, part, form, images and messages."""

    how: ClassVar[str] = """\
```python
from datasets import load_dataset
from trl import SFTConfig, SFTTrainer

data = load_dataset("FOLDER")  # splits train and dev; streaming=True reads shard by shard
SFTTrainer(model, SFTConfig(max_length=None), train_dataset=data["train"], eval_dataset=data["dev"])
```

`max_length=None` keeps long answers from cutting into the tokens of the image. Without `streaming`, `datasets` copies
every image once for each instruction about it into its cache.

Where the images are files beside the shards, their paths are below FOLDER, while `datasets` takes paths from the
working directory. Either work there, or put the folder before them:

```python
from datasets import Image, List

bare = data.cast_column("images", List(Image(decode=False)))
data = bare.map(
    lambda row: {"images": [{"bytes": None, "path": "FOLDER/" + one["path"]} for one in row["images"]]}
).cast_column("images", List(Image()))
```
"""

    def __init__(self, folder: Path, split: str) -> None:
        super().__init__(folder, split)
        (folder / "data").mkdir(exist_ok=True)
        self._rows: list[JsonObject] = []
        self._writer: pq.ParquetWriter | None = None
        self._groups = 0

    def add(self, picture: Picture, conversations: Sequence[Conversation]) -> None:
        image = {"bytes": picture.jpeg, "path": picture.path or f"{picture.name}.jpg"}
        for one in conversations:
            self._rows.append(
                {
                    "id": one.id,
                    "part": one.part,
                    "form": one.form,
                    "images": [image],
                    "messages": _structured(one),
                }
            )
            if len(self._rows) >= GROUP_ROWS:
                self._flush()

    def close(self) -> None:
        if self._rows:
            self._flush()
        self._end_shard()

    @classmethod
    def front(cls, splits: Sequence[str]) -> JsonObject:
        files = [{"split": split, "path": f"data/{split}-*.parquet"} for split in splits]
        return {"configs": [{"config_name": "default", "data_files": files}]}

    def _flush(self) -> None:
        if self._writer is None:
            name = f"data/{self.split}-{len(self.files):05d}.parquet"
            self._writer = pq.ParquetWriter(
                self.folder / name,
                SCHEMA,
                compression="zstd",
                dictionary_pagesize_limit=_DICTIONARY_BYTES,
                write_statistics=False,
            )
            self.files.append(name)
        rows, self._rows = self._rows, []
        self._writer.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))
        self._groups += 1
        if self._groups >= SHARD_GROUPS:
            self._end_shard()

    def _end_shard(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer, self._groups = None, 0


def _structured(conversation: Conversation) -> list[JsonObject]:
    messages: list[JsonObject] = []
    for number, (question, answer) in enumerate(conversation.turns):
        asked: list[JsonObject] = [{"type": "text", "text": question}]
        if number == 0:
            asked.insert(0, {"type": "image", "text": None})
        messages += [
            {"role": "user", "content": asked},
            {"role": "assistant", "content": [{"type": "text", "text": answer}]},
        ]
    return messages
