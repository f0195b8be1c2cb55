"""The JSON Lines that ms-swift reads."""

from __future__ import annotations

from typing import ClassVar

from fakescope.instruct.export.writer import Conversation, LinesWriter, Picture, messages_of, path_of
from fakescope.records import JsonObject


class SwiftWriter(LinesWriter):
    """`{messages: [{role, content}], images: [path]}`; the first question begins with `<image>`."""

    how: ClassVar[str] = """\
```sh
ROOT_IMAGE_DIR=FOLDER swift sft --dataset FOLDER/train.jsonl --val_dataset FOLDER/dev.jsonl ...
```

Paths of images are below FOLDER; without `ROOT_IMAGE_DIR` ms-swift takes them from the working directory.
"""

    def entry(self, picture: Picture, conversation: Conversation) -> JsonObject:
        return {"messages": messages_of(conversation), "images": [path_of(picture)]}
