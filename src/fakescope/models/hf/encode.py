"""Pictures and prompts as a model's inputs, padded so that a row's values do not depend on its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fakescope.models.hf.prompt import Prompt, Prompter

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

Side = Literal["left", "right"]


@dataclass(frozen=True)
class Encoded:
    """A batch.

    Attributes:
        inputs: What the model is called with.
        last: int64 [B]: the position of each row's last token, when padded at the right.
    """

    inputs: dict[str, Any]
    last: Tensor


class Encoder:
    """A processor, asked in the one way that all families understand."""

    def __init__(self, model: Any, processor: Any, prompter: Prompter) -> None:
        self._model, self._processor, self._prompter = model, processor, prompter

    def encode(
        self, pictures: Sequence[Image.Image], prompts: Sequence[Prompt], side: Side = "right", drop: int = 0
    ) -> Encoded:
        """Inputs of one picture and prompt a row.

        Args:
            pictures: RGB.
            prompts: As many.
            side: Where rows are padded: at the right to read logits, at the left to generate.
            drop: Tokens cut off the end of every row.
        """
        text: dict[str, Any] = {"padding": True, "padding_side": side}
        if self._prompter.bare:
            text["suffix"] = [p.suffix or "" for p in prompts]
            drop += 1  # the processor ends the suffix with an end of text
        else:
            text["add_special_tokens"] = not self._starts_itself(prompts[0])
        made = self._processor(
            images=[[picture] for picture in pictures],
            text=[p.text for p in prompts],
            return_tensors="pt",
            **text,
        )
        made.pop("labels", None)
        inputs = dict(made.to(self._model.device, dtype=self._model.dtype))
        return self._cut(inputs, side, drop)

    def _cut(self, inputs: dict[str, Any], side: Side, drop: int) -> Encoded:
        mask = inputs["attention_mask"]
        if drop and side == "left":
            aligned = mask.shape[1]
            inputs = {
                name: value[:, :-drop] if value.ndim == 2 and value.shape[1] == aligned else value
                for name, value in inputs.items()
            }
            mask = inputs["attention_mask"]
        last = mask.sum(dim=1) - 1
        if drop and side == "right":
            import torch

            last = last - drop
            places = torch.arange(mask.shape[1], device=mask.device)
            inputs["attention_mask"] = mask * (places[None] <= last[:, None])
        return Encoded(inputs, last)

    def ids(self, prompt: Prompt) -> list[int]:
        """Token ids with one placeholder for the image; of a bare model, those of the begun answer."""
        tokenizer = self._processor.tokenizer
        if self._prompter.bare:
            return list(tokenizer(prompt.suffix or "", add_special_tokens=False)["input_ids"])
        return list(tokenizer(prompt.text, add_special_tokens=not self._starts_itself(prompt))["input_ids"])

    def _starts_itself(self, prompt: Prompt) -> bool:
        """Whether the template wrote the token that begins a text; two would be read as something unseen."""
        begin = self._processor.tokenizer.bos_token
        return bool(begin) and prompt.text.startswith(begin)
