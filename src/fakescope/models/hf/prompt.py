"""Conversations about an image as text in a model's own format, with nothing that a user wrote able to steer it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from fakescope.errors import ModelError
from fakescope.images.text import clean_text
from fakescope.records import Message

_ROLE = re.compile(r"(\w+:)\s*$")
"""A word such as USER: at the end of what stands before a turn's text."""


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

        plain = _alternating(turns)
        if all(turn.role != "user" for turn in turns):  # somebody has to show the image
            turns = plain
        try:
            try:
                return Prompt(self._template(turns, images, begun))
            except TemplateError:  # how templates say that they know no system prompt, or no two turns of one side
                if plain == turns:
                    raise
                return Prompt(self._template(plain, images, begun))
        except TemplateError as error:
            raise ModelError(f"the chat template refuses this: {clean_text(error, 200)}") from error

    def disarm(self, text: str) -> str:
        """Text whose control tokens are broken up, so that it cannot end its own turn or bring in an image.

        So are the words that begin a turn where a template has no tokens for it, such as LLaVA's `ASSISTANT:`.
        """
        return self._control.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)

    @cached_property
    def _control(self) -> re.Pattern[str]:
        tokenizer = self._processor.tokenizer
        tokens = {str(t) for t in tokenizer.added_tokens_decoder.values() if t.special}
        tokens |= set(tokenizer.all_special_tokens)
        names = ("image_token", "boi_token", "video_token", "fake_image_token", "global_image_token")
        tokens |= {str(getattr(self._processor, name, "") or "") for name in names}
        tokens |= self._role_words()
        longest_first = sorted((t for t in tokens if len(t) > 1), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def _role_words(self) -> set[str]:
        """Plain words with a colon that stand right before a user's or the model's text; none in most dialects."""
        if self.bare:
            return set()
        from jinja2 import TemplateError

        said = ("\ue000", "\ue001", "\ue002")  # private characters: no template writes them itself
        roles: tuple[Literal["user", "assistant"], ...] = ("user", "assistant", "user")
        talk = [Message(role=role, content=content) for role, content in zip(roles, said, strict=True)]
        try:
            before = [self._template(talk[: at + 1], 0, begun=False).split(said[at])[0] for at in range(len(said))]
        except TemplateError:
            return set()
        return {found[1] for text in before if (found := _ROLE.search(text))}

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


def _alternating(turns: Sequence[Message]) -> list[Message]:
    """The same words as turns of user and model alone, in turn: a system prompt is said by the user."""
    merged: list[Message] = []
    for turn in turns:
        role = "assistant" if turn.role == "assistant" else "user"
        if merged and merged[-1].role == role:
            before = merged.pop().content
            merged.append(turn.model_copy(update={"role": role, "content": f"{before}\n\n{turn.content}"}))
        else:
            merged.append(turn.model_copy(update={"role": role}))
    return merged
