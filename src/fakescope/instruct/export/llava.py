"""The JSON list that LLaVA reads, one file a split, written as it goes."""

from __future__ import annotations

from typing import ClassVar

from fakescope.instruct.export.writer import PLACE, Conversation, LinesWriter, Picture, path_of
from fakescope.records import JsonObject


class LlavaWriter(LinesWriter):
    """`[{id, image, conversations: [{from: human|gpt, value}]}]`; the first question begins with `<image>`."""

    before, between, after = "[\n", ",\n", "\n]\n"
    suffix: ClassVar[str] = "json"
    how: ClassVar[str] = """\
```sh
python llava/train/train_mem.py --data_path FOLDER/train.json --image_folder FOLDER ...
```

`image` is a path below FOLDER.
"""

    def entry(self, picture: Picture, conversation: Conversation) -> JsonObject:
        said = []
        for number, (question, answer) in enumerate(conversation.turns):
            asked = question if number else f"{PLACE}\n{question}"
            said += [{"from": "human", "value": asked}, {"from": "gpt", "value": answer}]
        return {"id": conversation.id, "image": path_of(picture), "conversations": said}
