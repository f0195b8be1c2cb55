"""Tar shards that the webdataset library reads: KEY.jpg and KEY.json.

One sample is one image with all conversations about it, so that an image is stored once. The json holds
{id, instructions: [{id, part, form, messages: [{role, content}]}]}; contents are plain text, and the image belongs
before the first question.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from fakescope.errors import DataError
from fakescope.instruct.export.writer import Conversation, Picture, Writer, to_json
from fakescope.records import JsonObject

SHARD_SAMPLES = 2_000
"""About 120 MB."""


class WebdatasetWriter(Writer):
    """`SPLIT-00000.tar`, the same bytes every time. Keys begin with the number of the sample, so none comes twice."""

    how: ClassVar[str] = """\
```python
import json
import webdataset

def conversations(samples):
    for sample in samples:
        for one in sample["json"]["instructions"]:
            yield {"image": sample["jpg"], **one}

data = webdataset.WebDataset(
    "FOLDER/train-{00000..LAST}.tar", shardshuffle=False, handler=webdataset.warn_and_continue
)
data = data.decode("pil").compose(conversations).shuffle(1000)
```

A sample is KEY.jpg and KEY.json: one image with all conversations about it,
`{"id", "instructions": [{"id", "part", "form", "messages": [{"role", "content"}]}]}`. Contents are plain text; the
image belongs before the first question. `datasets.load_dataset("FOLDER")` reads the shards too.
"""

    def __init__(self, folder: Path, split: str) -> None:
        super().__init__(folder, split)
        self._tar: tarfile.TarFile | None = None
        self._samples = 0

    def add(self, picture: Picture, conversations: Sequence[Conversation]) -> None:
        if picture.jpeg is None:
            raise DataError("this format embeds its images")
        if self._tar is None:
            name = f"{self.split}-{len(self.files):05d}.tar"
            self._tar = tarfile.open(self.folder / name, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115
            self.files.append(name)
        key = f"{self._samples:08d}-{picture.name}"
        told = {"id": picture.id, "instructions": [_instruction(one) for one in conversations]}
        _put(self._tar, f"{key}.jpg", picture.jpeg)
        _put(self._tar, f"{key}.json", to_json(told).encode("ascii"))
        self._samples += 1
        if self._samples % SHARD_SAMPLES == 0:
            self.close()

    def close(self) -> None:
        if self._tar is not None:
            self._tar.close()
        self._tar = None

    @classmethod
    def front(cls, splits: Sequence[str]) -> JsonObject:
        files = [{"split": split, "path": f"{split}-*.tar"} for split in splits]
        return {"configs": [{"config_name": "default", "data_files": files}]}


def _instruction(conversation: Conversation) -> JsonObject:
    messages: list[JsonObject] = []
    for question, answer in conversation.turns:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"id": conversation.id, "part": conversation.part, "form": conversation.form, "messages": messages}


def _put(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(data), 0o644, 0
    tar.addfile(entry, io.BytesIO(data))
