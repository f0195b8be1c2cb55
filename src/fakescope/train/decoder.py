"""The decoder-only language model of fakescope-nano: a short Llama, in plain torch.

Shapes use B batch, T positions of this call, P positions in the cache, D width, H heads, K key/value heads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of the decoder. The defaults are SmolLM2-135M's, but for depth and vocabulary."""

    vocab_size: int = 8192
    width: int = 576
    layers: int = 6
    heads: int = 9
    kv_heads: int = 3
    mlp_width: int = 1536
    rope_base: float = 100_000.0
    norm_eps: float = 1e-5

    @property
    def head_dim(self) -> int:
        return self.width // self.heads


class RMSNorm(nn.Module):
    """Root-mean-square layer norm (Zhang and Sennrich, 2019)."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def rope_tables(positions: Tensor, head_dim: int, base: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines of rotary positions: [B, T] -> two of [B, 1, T, head_dim]."""
    inverse = base ** (-torch.arange(0, head_dim, 2, dtype=torch.float32, device=positions.device) / head_dim)
    angles = positions[..., None].float() * inverse
    angles = torch.cat([angles, angles], dim=-1)[:, None]
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Apply rotary positions to [B, heads, T, head_dim], halves paired as in Llama's reference code."""
    half = x.shape[-1] // 2
    turned = torch.cat([-x[..., half:], x[..., :half]], dim=-1)
    return x * cos + turned * sin


class Layer(nn.Module):
    """One pre-norm transformer layer with grouped-query attention and a gated MLP."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        width, kv_width = config.width, config.kv_heads * config.head_dim
        self.heads, self.kv_heads, self.head_dim = config.heads, config.kv_heads, config.head_dim
        self.attention_norm = RMSNorm(width, config.norm_eps)
        self.q = nn.Linear(width, width, bias=False)
        self.k = nn.Linear(width, kv_width, bias=False)
        self.v = nn.Linear(width, kv_width, bias=False)
        self.o = nn.Linear(width, width, bias=False)
        self.mlp_norm = RMSNorm(width, config.norm_eps)
        self.gate = nn.Linear(width, config.mlp_width, bias=False)
        self.up = nn.Linear(width, config.mlp_width, bias=False)
        self.down = nn.Linear(config.mlp_width, width, bias=False)

    def forward(
        self, x: Tensor, rope: tuple[Tensor, Tensor], mask: Tensor, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """x [B, T, D], mask additive [B, 1, T, P + T], past two of [B, K, P, head_dim]."""
        h = self.attention_norm(x)
        q = rotate(self._split(self.q(h), self.heads), *rope)
        k = rotate(self._split(self.k(h), self.kv_heads), *rope)
        v = self._split(self.v(h), self.kv_heads)
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        x = x + self.o(self._attend(q, k, v, mask))
        h = self.mlp_norm(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h)), (k, v)

    def _split(self, x: Tensor, heads: int) -> Tensor:
        return x.unflatten(-1, (heads, self.head_dim)).transpose(1, 2)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
        groups = self.heads // self.kv_heads
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return out.transpose(1, 2).flatten(2)


class Decoder(nn.Module):
    """Token and visual embeddings in, next-token logits out; the output head is tied to the embedding."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.width)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.width, config.norm_eps)

    def hidden(
        self,
        embeds: Tensor,
        positions: Tensor,
        mask: Tensor,
        past: list[tuple[Tensor, Tensor]] | None = None,
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Embeddings [B, T, D], positions [B, T] -> final hidden states [B, T, D] and the grown cache."""
        rope = rope_tables(positions, self.config.head_dim, self.config.rope_base)
        x, cache = embeds, []
        for index, layer in enumerate(self.layers):
            x, kv = layer(x, rope, mask, past[index] if past is not None else None)
            cache.append(kv)
        return self.norm(x), cache

    def logits(self, hidden: Tensor) -> Tensor:
        """[..., D] -> [..., vocab_size]."""
        return hidden @ self.embedding.weight.T
