"""mPLUG-Owl2 as a model of transformers: a cache, generation, a loss, sharding and adapters come with that."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.cache_utils import Cache, DynamicCache
from transformers.generation import GenerationMixin
from transformers.masking_utils import create_causal_mask
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.models.llama.modeling_llama import LlamaRMSNorm, LlamaRotaryEmbedding

from fakescope.models.mplug_owl2.abstractor import Abstractor, QueryAttention, sincos_1d, sincos_2d
from fakescope.models.mplug_owl2.config import MPLUGOwl2Config
from fakescope.models.mplug_owl2.language import Layer
from fakescope.models.mplug_owl2.vision import VisionModel


class MPLUGOwl2PreTrainedModel(PreTrainedModel):  # type: ignore[misc]
    """What transformers must know of the model."""

    config_class = MPLUGOwl2Config
    base_model_prefix = "model"
    input_modalities = ("image", "text")
    supports_gradient_checkpointing = True
    _no_split_modules = ("Layer",)
    _skip_keys_device_placement = ("past_key_values",)
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, QueryAttention):  # buffers of fixed places, lost when built without memory
            count, width = module.q_pos_embed.shape
            side = int((len(module.k_pos_embed) - 1) ** 0.5)
            steps = torch.arange(count, dtype=torch.float32).numpy()
            with torch.no_grad():
                module.q_pos_embed.copy_(torch.from_numpy(sincos_1d(width, steps)))
                module.k_pos_embed.copy_(torch.from_numpy(sincos_2d(width, side)))


class MPLUGOwl2Model(MPLUGOwl2PreTrainedModel):
    """Image encoder, abstractor and decoder layers; hidden states out."""

    def __init__(self, config: MPLUGOwl2Config) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size, config.pad_token_id)
        self.layers = nn.ModuleList(Layer(config, n) for n in range(config.num_hidden_layers))
        self.norm = LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.rotary_emb = LlamaRotaryEmbedding(config=config)
        self.vision_model = VisionModel(config.vision)
        self.visual_abstractor = Abstractor(config.abstractor, config.hidden_size)
        self.post_init()

    def get_image_features(self, pixel_values: Tensor) -> Tensor:
        """[images, 3, side, side] -> visual tokens [images, 65, width]."""
        tokens: Tensor = self.visual_abstractor(self.vision_model(pixel_values))
        return tokens

    def forward(
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """Hidden states [B, T, width].

        Args:
            input_ids: [B, T]; `image_token_id` at every visual token.
            pixel_values: [images, 3, side, side], all images of the batch in order.
            attention_mask: [B, held + T].
            inputs_embeds: In the place of `input_ids`, for text alone.
        """
        is_image = None
        if inputs_embeds is None:
            if input_ids is None:
                raise ValueError("input_ids or inputs_embeds are needed")
            at_image = input_ids == self.config.image_token_id
            # A branch on the shape of the call alone: past the image, no position is visual.
            is_image = at_image if pixel_values is not None else None
            inputs_embeds = self.embed_tokens(input_ids.masked_fill(at_image, 0))
            if pixel_values is not None:
                inputs_embeds = self._place(inputs_embeds, at_image, pixel_values)
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache(config=self.config)
        held = past_key_values.get_seq_length() if past_key_values is not None else 0
        if position_ids is None:
            position_ids = torch.arange(held, held + inputs_embeds.shape[1], device=inputs_embeds.device)[
                None
            ]
        mask = create_causal_mask(
            config=self.config, inputs_embeds=inputs_embeds, attention_mask=attention_mask,
            past_key_values=past_key_values, position_ids=position_ids,
        )  # fmt: skip
        hidden, rotary = inputs_embeds, self.rotary_emb(inputs_embeds, position_ids=position_ids)
        for layer in self.layers:
            hidden = layer(hidden, is_image, rotary, mask, past_key_values=past_key_values, **kwargs)
        return BaseModelOutputWithPast(
            last_hidden_state=self.norm(hidden), past_key_values=past_key_values if use_cache else None
        )

    def _place(self, embeds: Tensor, at_image: Tensor, pixel_values: Tensor) -> Tensor:
        tokens = self.get_image_features(pixel_values).to(embeds.dtype).flatten(0, 1)
        if int(at_image.sum()) != len(tokens):
            raise ValueError(f"{int(at_image.sum())} places for {len(tokens)} visual tokens")
        return embeds.masked_scatter(at_image[..., None].expand_as(embeds), tokens)


class MPLUGOwl2ForConditionalGeneration(MPLUGOwl2PreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """With a language head."""

    def __init__(self, config: MPLUGOwl2Config) -> None:
        super().__init__(config)
        self.model = MPLUGOwl2Model(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Logits [B, T or what is kept, vocabulary], and with labels (-100: not learned) their mean loss in nats."""
        out = self.model(
            input_ids,
            pixel_values,
            attention_mask,
            position_ids,
            past_key_values,
            inputs_embeds,
            use_cache,
            **kwargs,
        )
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(out.last_hidden_state[:, kept])
        loss = None
        if labels is not None:
            loss = self.loss_function(
                logits=logits, labels=labels, vocab_size=self.config.vocab_size, **kwargs
            )
        return CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=out.past_key_values)

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor,
        pixel_values: Tensor | None = None,
        is_first_iteration: bool = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """The image goes in with the first tokens only; then it is in the cache."""
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(
            input_ids, is_first_iteration=is_first_iteration, **kwargs
        )
        if is_first_iteration or not kwargs.get("use_cache", True):
            inputs["pixel_values"] = pixel_values
        return inputs
