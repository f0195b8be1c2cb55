"""Pictures and chat text as inputs of mPLUG-Owl2."""

from __future__ import annotations

from typing import Any

from PIL import Image
from transformers import AddedToken, BatchFeature, ProcessorMixin

IMAGE_TOKEN = "<|image|>"  # noqa: S105 - a token of text
CHAT = (
    "{%- for m in messages -%}"
    "{%- if m.role == 'user' -%}{{- 'USER: ' -}}{%- elif m.role == 'assistant' -%}{{- 'ASSISTANT: ' -}}{%- endif -%}"
    "{%- if m.content is string -%}{{- m.content -}}{%- else -%}{%- for c in m.content -%}"
    "{{- '<|image|>' if c.type == 'image' else c.text -}}{%- endfor -%}{%- endif -%}"
    "{{- '</s>' if m.role == 'assistant' else ' ' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- 'ASSISTANT:' -}}{%- endif -%}"
)
"""The published code's `mplug_owl2` conversation: no system prompt, a blank after questions, </s> after answers."""


class MPLUGOwl2Processor(ProcessorMixin):  # type: ignore[misc]
    """CLIP's image processor at 448 pixels and LLaMA's tokenizer.

    Args:
        image_processor: A `CLIPImageProcessor`.
        tokenizer: LLaMA's; the image's token is added behind its vocabulary.
        image_seq_length: Visual tokens of an image.
    """

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: Any = None,
        image_seq_length: int = 65,
        chat_template: str | None = None,
        **kwargs: Any,
    ) -> None:
        token = AddedToken(IMAGE_TOKEN, normalized=False, special=True)
        tokenizer.add_tokens([token], special_tokens=True)
        self.image_token, self.image_seq_length = IMAGE_TOKEN, image_seq_length
        self.image_token_id = tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
        super().__init__(image_processor, tokenizer, chat_template=chat_template or CHAT, **kwargs)

    def __call__(
        self, images: Any = None, text: Any = None, return_tensors: str | None = None, **kwargs: Any
    ) -> BatchFeature:
        """`input_ids` and `attention_mask` [B, T], `pixel_values` [images, 3, side, side].

        Args:
            images: Pictures, or a list of them for every text.
            text: With `<|image|>` where a picture stands.
            return_tensors: `pt` for torch.
            kwargs: For the tokenizer, such as `padding`.
        """
        texts = [text] if isinstance(text, str) else list(text)
        repeated = self.image_token * self.image_seq_length
        made = self.tokenizer(
            [t.replace(self.image_token, repeated) for t in texts], return_tensors=return_tensors, **kwargs
        )
        made.pop("token_type_ids", None)
        pictures = [_squared(picture) for picture in _flat(images)]
        if pictures:
            made.update(self.image_processor(images=pictures, return_tensors=return_tensors))
        return BatchFeature(dict(made), tensor_type=return_tensors)

    @property
    def model_input_names(self) -> list[str]:
        return ["input_ids", "attention_mask", "pixel_values"]


def _flat(images: Any) -> list[Image.Image]:
    if images is None:
        return []
    if not isinstance(images, list | tuple):
        return [images]
    return [picture for one in images for picture in _flat(one)]


def _squared(picture: Image.Image) -> Image.Image:
    """Stretched to a square of the longer side, as the published code does before the image processor."""
    side = max(picture.size)
    return picture.convert("RGB").resize((side, side))
