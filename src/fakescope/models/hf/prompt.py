"""Conversations about an image as text in a model's own format, with nothing that a user wrote able to steer it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fakescope.errors import ModelError
from fakescope.images.text import clean_text
from fakescope.records import Message


@dataclass(frozen=True)
class Prompt:
    """What a processor is given.

    Attributes:
        text: With the model's placeholder where the image stands.
        suffix: The begun answer, for models that take it apart from the question (PaliGemma); else None, and a begun
            answer is part of `text`.
    """

    text: str
    suffix: str | None = None


class Prompter:
    """Renders conversations by the chat template of a processor.

    Args:
        processor: Of a model that chats; or PaliGemma's, which knows a question and an answer only.

    Raises:
        ModelError: There is no chat template.
    """

    def __init__(self, processor: Any) -> None:
        self._processor = processor
        self.bare = "PaliGemma" in type(processor).__name__ and not processor.chat_template
        if not self.bare and not getattr(processor, "chat_template", None):
            raise ModelError("the model has no chat template", "a model tuned for chat is needed")

    def render(self, messages: Sequence[Message], images: int = 1) -> Prompt:
        """The prompt of a conversation; the images stand before the first user's words.

        A trailing assistant message is an answer begun, else the answer is still to begin.
        """
        return self._render(messages, images, begun=messages[-1].role == "assistant")

    def whole(self, messages: Sequence[Message], images: int = 1) -> Prompt:
        """The text of a conversation whose last answer is complete, with the token that ends it."""
        return self._render(messages, images, begun=False)

    def _render(self, messages: Sequence[Message], images: int, *, begun: bool) -> Prompt:
        turns = [m.model_copy(update={"content": self.disarm(m.content)}) for m in messages]
        if self.bare:
            return self._bare(turns, images)
        from jinja2 import TemplateError

        try:
            return Prompt(self._template(turns, images, begun))
        except TemplateError as error:  # how templates say that they know no system prompt
            if turns[0].role == "system":
                return Prompt(self._template(_without_system(turns), images, begun))
            raise ModelError(f"the chat template refuses this: {clean_text(error, 200)}") from error

    def disarm(self, text: str) -> str:
        """Text whose control tokens are broken up, so that it cannot end its own turn or bring in an image."""
        return self._control.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)

    @cached_property
    def _control(self) -> re.Pattern[str]:
        tokenizer = self._processor.tokenizer
        tokens = {str(t) for t in tokenizer.added_tokens_decoder.values() if t.special}
        tokens |= set(tokenizer.all_special_tokens)
        names = ("image_token", "boi_token", "video_token", "fake_image_token", "global_image_token")
        tokens |= {str(getattr(self._processor, name, "") or "") for name in names}
        longest_first = sorted((t for t in tokens if len(t) > 1), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def _template(self, turns: Sequence[Message], images: int, begun: bool) -> str:
        content = [{"role": t.role, "content": [{"type": "text", "text": t.content}]} for t in turns]
        first = next((turn for turn in content if turn["role"] == "user"), None)
        if first is not None:
            first["content"] = [*[{"type": "image"}] * images, *first["content"]]  # type: ignore[list-item]
        rendered: str = self._processor.apply_chat_template(
            content,
            tokenize=False,
            add_generation_prompt=turns[-1].role != "assistant",
            continue_final_message=begun,
        )
        # A blank before an answer is part of the answer's first token, in training as in use: alone it would be a
        # token that the model has never seen there.
        return rendered if begun else rendered.rstrip(" ")

    def _bare(self, turns: Sequence[Message], images: int) -> Prompt:
        begun = turns[-1].content if turns[-1].role == "assistant" else ""
        asked = turns[:-1] if turns[-1].role == "assistant" else turns
        image = self._processor.image_token * images
        return Prompt(image + "\n".join(t.content for t in asked), begun)


def _without_system(turns: Sequence[Message]) -> list[Message]:
    """The system prompt as the beginning of the user's first turn."""
    system, first, *rest = turns
    return [first.model_copy(update={"content": f"{system.content}\n\n{first.content}"}), *rest]
