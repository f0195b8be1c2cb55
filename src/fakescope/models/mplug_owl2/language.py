"""LLaMA with a second set of norms, keys and values for visual tokens: the modality-adaptive module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers.cache_utils import Cache
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.llama.modeling_llama import (
    LlamaMLP,
    LlamaRMSNorm,
    apply_rotary_pos_emb,
    eager_attention_forward,
)

from fakescope.models.mplug_owl2.config import MPLUGOwl2Config

TEXT, IMAGE = 0, 1


class Multiway(nn.Module):
    """Two modules of one kind, text's and image's; every position goes through its own."""

    def __init__(self, make: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.multiway = nn.ModuleList([make(), make()])

    def forward(self, hidden: Tensor, is_image: Tensor | None) -> Tensor:
        """hidden [B, T, width]; is_image [B, T], or None where all is text.

        Both ways are computed for all positions and one is chosen: that costs a few small products more, and keeps
        shapes fixed for compilers and sharded training, where every rank must touch every parameter.
        """
        text: Tensor = self.multiway[TEXT](hidden)
        if is_image is None:
            return text
        return torch.where(is_image[..., None], self.multiway[IMAGE](hidden), text)


class Attention(nn.Module):
    """Causal attention; queries are common to both modalities."""

    def __init__(self, config: MPLUGOwl2Config, layer: int) -> None:
        super().__init__()
        self.config, self.layer_idx = config, layer
        self.head_dim = config.hidden_size // config.num_attention_heads
        self.num_key_value_groups = config.num_attention_heads // config.num_key_value_heads
        self.scaling, self.attention_dropout, self.is_causal = (
            self.head_dim**-0.5,
            config.attention_dropout,
            True,
        )
        width, bias = config.hidden_size, config.attention_bias
        held = config.num_key_value_heads * self.head_dim
        self.q_proj = nn.Linear(width, width, bias=bias)
        self.k_proj = Multiway(lambda: nn.Linear(width, held, bias=bias))
        self.v_proj = Multiway(lambda: nn.Linear(width, held, bias=bias))
        self.o_proj = nn.Linear(width, width, bias=bias)

    def forward(
        self,
        hidden: Tensor,
        is_image: Tensor | None,
        rotary: tuple[Tensor, Tensor],
        mask: Tensor | None,
        cache: Cache | None,
        **kwargs: Any,
    ) -> Tensor:
        """[B, T, width] -> the same; the cache grows by T."""
        shape = (*hidden.shape[:-1], -1, self.head_dim)
        query = self.q_proj(hidden).view(shape).transpose(1, 2)
        key = self.k_proj(hidden, is_image).view(shape).transpose(1, 2)
        value = self.v_proj(hidden, is_image).view(shape).transpose(1, 2)
        query, key = apply_rotary_pos_emb(query, key, *rotary)
        if cache is not None:
            key, value = cache.update(key, value, self.layer_idx)
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        dropout = self.attention_dropout if self.training else 0.0
        seen, _ = attend(self, query, key, value, mask, dropout=dropout, scaling=self.scaling, **kwargs)
        out: Tensor = self.o_proj(seen.reshape(*hidden.shape[:-1], -1))
        return out


class Layer(GradientCheckpointingLayer):  # type: ignore[misc]
    def __init__(self, config: MPLUGOwl2Config, layer: int) -> None:
        super().__init__()
        width, eps = config.hidden_size, config.rms_norm_eps
        self.self_attn = Attention(config, layer)
        self.mlp = LlamaMLP(config)
        self.input_layernorm = Multiway(lambda: LlamaRMSNorm(width, eps=eps))
        self.post_attention_layernorm = Multiway(lambda: LlamaRMSNorm(width, eps=eps))

    def forward(
        self,
        hidden: Tensor,
        is_image: Tensor | None,
        rotary: tuple[Tensor, Tensor],
        mask: Tensor | None = None,
        past_key_values: Cache | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """[B, T, width] -> the same."""
        normed = self.input_layernorm(hidden, is_image)
        hidden = hidden + self.self_attn(normed, is_image, rotary, mask, past_key_values, **kwargs)
        out: Tensor = hidden + self.mlp(self.post_attention_layernorm(hidden, is_image))
        return out
