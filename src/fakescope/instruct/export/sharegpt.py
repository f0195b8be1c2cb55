"""JSON Lines and the dataset_info.json that LLaMA-Factory reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from fakescope.instruct.export.writer import Conversation, LinesWriter, Picture, messages_of, path_of
from fakescope.records import JsonObject

INFO = "dataset_info.json"


def dataset_name(split: str) -> str:
    """What a split is called in dataset_info.json."""
    return f"fakeinstruct_{split}"


class SharegptWriter(LinesWriter):
    """`{id, messages: [{role, content}], images: [path]}`; the first question begins with `<image>`."""

    how: ClassVar[str] = f"""\
```yaml
dataset_dir: FOLDER
dataset: {dataset_name("train")}
eval_dataset: {dataset_name("dev")}
```

in the file for `llamafactory-cli train`. Paths of images are below `dataset_dir`, which is where LLaMA-Factory looks
unless `media_dir` says otherwise.
"""

    def entry(self, picture: Picture, conversation: Conversation) -> JsonObject:
        return {"id": conversation.id, "messages": messages_of(conversation), "images": [path_of(picture)]}

    @classmethod
    def finish(cls, folder: Path, splits: Sequence[str]) -> list[str]:
        info = {
            dataset_name(split): {
                "file_name": f"{split}.jsonl",
                "formatting": "sharegpt",
                "columns": {"messages": "messages", "images": "images"},
                "tags": {
                    "role_tag": "role",
                    "content_tag": "content",
                    "user_tag": "user",
                    "assistant_tag": "assistant",
                    "system_tag": "system",
                },
            }
            for split in splits
        }
        (folder / INFO).write_text(json.dumps(info, indent=2) + "\n", encoding="ascii")
        return [INFO]
