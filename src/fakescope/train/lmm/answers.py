"""Conversations about images -> batches in which only the answers are learned.

Where an answer begins and ends is read off the model's own chat template: the conversation is written out up to the
question and up to the answer, and what the second has more than the first is the answer, with the token that ends it.
Nothing is ever cut off, so no image loses tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fakescope.errors import ModelError
from fakescope.models.hf.prompt import Prompt, Prompter
from fakescope.records import Message

if TYPE_CHECKING:
    from PIL import Image

IGNORED = -100
"""The label of a token that is not learned."""

Row = Mapping[str, Any]
"""`image`: id; `messages`: role and content; a missing or null `train` means that assistants' words are learned."""


class AnswerCollator:
    """Rows -> input_ids, attention_mask, pixels as the family has them, labels.

    Args:
        processor: The model's.
        picture: Gives the RGB picture of an image's id.
    """

    def __init__(self, processor: Any, picture: Callable[[str], Image.Image]) -> None:
        self._processor, self._picture = processor, picture
        self._prompter = Prompter(processor)

    def __call__(self, rows: Sequence[Row]) -> dict[str, Any]:
        """A batch, padded at the right.

        Raises:
            ModelError: The chat template does not tell where an answer begins.
        """
        talks = [_messages(row) for row in rows]
        pictures = [[self._picture(row["image"])] for row in rows]
        if self._prompter.bare:
            return self._bare(talks, pictures)
        texts = [self._prompter.whole(talk) for talk in talks]
        batch = dict(self._processor(
            images=pictures, text=[t.text for t in texts], return_tensors="pt", padding=True, padding_side="right",
            add_special_tokens=self._adds(texts[0]),
        ))  # fmt: skip
        batch["labels"] = self._labels(batch, talks)
        return batch

    def _labels(self, batch: Mapping[str, Any], talks: Sequence[Sequence[Message]]) -> Any:
        labels = batch["input_ids"].new_full(batch["input_ids"].shape, IGNORED)
        for number, talk in enumerate(talks):
            length = int(batch["attention_mask"][number].sum())
            for start, end in self.spans(talk, length):
                labels[number, start:end] = batch["input_ids"][number, start:end]
        return labels

    def spans(self, talk: Sequence[Message], length: int) -> list[tuple[int, int]]:
        """Where the learned answers of a conversation lie among its `length` tokens."""
        whole = self._ids(self._prompter.whole(talk))
        image = length - len(
            whole
        )  # what the image takes more than its placeholder; it stands before all answers
        found = []
        for place, message in enumerate(talk):
            if message.role == "assistant" and message.train:
                start = _common(whole, self._ids(self._prompter.render(talk[:place])))
                end = _common(whole, self._ids(self._prompter.whole(talk[: place + 1])))
                if end <= start:
                    raise ModelError(
                        "the chat template rewrites earlier turns, so the answers to learn cannot be found",
                        "give it a template that writes every turn as it is",
                    )
                found.append((start + image, end + image))
        return found

    def _bare(self, talks: Sequence[Sequence[Message]], pictures: Sequence[Any]) -> dict[str, Any]:
        """Of a model that knows one question and one answer: the last ones. Its processor makes the labels."""
        prompts = [self._prompter.render(talk) for talk in talks]
        return dict(self._processor(
            images=list(pictures), text=[p.text for p in prompts], suffix=[p.suffix for p in prompts],
            return_tensors="pt", padding=True, padding_side="right",
        ))  # fmt: skip

    def _ids(self, prompt: Prompt) -> list[int]:
        ids: list[int] = self._processor.tokenizer(prompt.text, add_special_tokens=self._adds(prompt))[
            "input_ids"
        ]
        return ids

    def _adds(self, prompt: Prompt) -> bool:
        begin = self._processor.tokenizer.bos_token
        return not (begin and prompt.text.startswith(begin))


def _messages(row: Row) -> list[Message]:
    return [
        Message(
            role=m["role"],
            content=m["content"],
            train=m["role"] == "assistant" and m.get("train") is not False,
        )
        for m in row["messages"]
    ]


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """Length of the common beginning."""
    return next(
        (n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b),
        min(len(first), len(second)),
    )
