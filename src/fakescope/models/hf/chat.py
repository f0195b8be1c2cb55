"""One turn with a chat model of transformers that sees pictures, as teachers ask it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fakescope.errors import ModelError
from fakescope.images.text import clean_text
from fakescope.models.hf.load import load_parts
from fakescope.models.hf.options import LoadOptions
from fakescope.models.hf.stream import end_tokens

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class ChatAnswer:
    """What a chat model said.

    Attributes:
        text: Without special tokens.
        tokens_in: Length of the prompt, pictures included.
        tokens_out: Length of the answer.
        ended: Whether the model ended it; else the limit did.
    """

    text: str
    tokens_in: int
    tokens_out: int
    ended: bool


class ChatModel:
    """A loaded model and its processor. Make one with `load_chat_model`.

    It generates as its own `generation_config.json` says: greedily, or with the sampling that its authors chose.
    """

    def __init__(self, model: Any, processor: Any) -> None:
        self._model, self._processor = model, processor

    def answer(self, images: Sequence[Image.Image], system: str, text: str, max_tokens: int) -> ChatAnswer:
        """Answer one turn of a user.

        Args:
            images: RGB; they stand before the text.
            system: The system prompt; goes before the text for models whose template has no place for it.
            text: The user's words.
            max_tokens: Longest answer.

        Raises:
            ModelError: The model cannot take it: more than it can hold, or out of memory.
        """
        import torch

        try:
            inputs = self._inputs(images, system, text)
            with torch.inference_mode():
                produced = self._model.generate(**inputs, max_new_tokens=max_tokens)
        except (RuntimeError, ValueError, IndexError, TypeError, KeyError) as error:
            said = clean_text(error, 300)
            raise ModelError(
                f"the model cannot answer this: {said}", "a shorter prompt or a smaller picture?"
            ) from error
        length = inputs["input_ids"].shape[1]
        answer = produced[0, length:]
        words = self._processor.batch_decode(answer[None], skip_special_tokens=True)[0]
        ended = len(answer) < max_tokens or int(answer[-1]) in end_tokens(self._model)
        return ChatAnswer(words, length, len(answer), ended)

    def _inputs(self, images: Sequence[Image.Image], system: str, text: str) -> Any:
        inputs = self._processor(
            images=list(images) or None, text=self._prompt(len(images), system, text), return_tensors="pt"
        )
        return inputs.to(self._model.device, dtype=self._model.dtype)

    def _prompt(self, images: int, system: str, text: str) -> str:
        from jinja2 import TemplateError

        def rendered(turns: list[dict[str, Any]]) -> str:
            prompt: str = self._processor.apply_chat_template(
                turns, add_generation_prompt=True, tokenize=False
            )
            return prompt

        pictures = [{"type": "image"}] * images
        before = {"role": "system", "content": [{"type": "text", "text": system}]}
        try:
            return rendered(
                [before, {"role": "user", "content": [*pictures, {"type": "text", "text": text}]}]
            )
        except TemplateError:  # how templates say that they know no system prompt
            both = {"type": "text", "text": f"{system}\n\n{text}"}
            return rendered([{"role": "user", "content": [*pictures, both]}])


def load_chat_model(source: str, *, trust_code: bool = False, device: str | None = None) -> ChatModel:
    """Load a chat model that sees pictures.

    Weights are read from safetensors alone: a pickle could run anything. Code that comes with a model runs only when
    asked for.

    Args:
        source: A folder with a model as `save_pretrained` writes it, or a name on the hub.
        trust_code: Run the code that comes with the model.
        device: Of torch; by default the first GPU, or else the CPU.

    Raises:
        ModelError: There is no such model, or it cannot be loaded in these ways.
        MissingExtraError: torch or transformers is not installed.
    """
    model, processor = load_parts(source, LoadOptions(trust_code=trust_code, device=device))
    if not getattr(processor, "chat_template", None):
        raise ModelError(f"the model {source!r} has no chat template", "a model tuned for chat is needed")
    return ChatModel(model, processor)
