"""The visual abstractor: 64 learned queries read 1024 patches, layer by layer."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn


def sincos_1d(width: int, places: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sines and cosines of places, [len(places), width]."""
    omega = np.arange(width // 2, dtype=np.float32) / (width / 2.0)
    angles = np.einsum("m,d->md", places.reshape(-1), 1.0 / 10000**omega)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


def sincos_2d(width: int, side: int) -> NDArray[np.float64]:
    """Places of a class token (zeros) and a grid of side x side patches, [1 + side * side, width].

    The first half of the width holds the column and the second the row, as in MAE's code.
    """
    steps = np.arange(side, dtype=np.float32)
    columns, rows = np.meshgrid(steps, steps)
    grid = np.concatenate([sincos_1d(width // 2, columns), sincos_1d(width // 2, rows)], axis=1)
    return np.concatenate([np.zeros([1, width]), grid], axis=0)


class QueryAttention(nn.Module):
    """Queries read themselves and the patches; places are added to queries and keys, not to values."""

    q_pos_embed: Tensor
    k_pos_embed: Tensor

    def __init__(self, sizes: SimpleNamespace) -> None:
        super().__init__()
        self.heads, self.dropout = sizes.num_attention_heads, sizes.attention_probs_dropout_prob
        self.query = nn.Linear(sizes.hidden_size, sizes.hidden_size)
        self.key = nn.Linear(sizes.encoder_hidden_size, sizes.hidden_size)
        self.value = nn.Linear(sizes.encoder_hidden_size, sizes.hidden_size)
        queries = np.arange(sizes.num_learnable_queries, dtype=np.float32)
        self.register_buffer("q_pos_embed", torch.from_numpy(sincos_1d(sizes.hidden_size, queries)).float())
        grid = sincos_2d(sizes.hidden_size, sizes.grid_size)
        self.register_buffer("k_pos_embed", torch.from_numpy(grid).float())

    def forward(self, queries: Tensor, seen: Tensor) -> Tensor:
        """queries [B, Q, width], seen [B, Q + 1 + patches, width] -> [B, Q, width]."""
        own = self.q_pos_embed.to(queries.dtype)
        places = torch.cat([own, self.k_pos_embed.to(queries.dtype)])
        query = self._by_head(self.query(queries + own))
        key, value = self._by_head(self.key(seen + places)), self._by_head(self.value(seen))
        dropout = self.dropout if self.training else 0.0
        read = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        return read.transpose(1, 2).flatten(2)

    def _by_head(self, hidden: Tensor) -> Tensor:
        batch, length, width = hidden.shape
        return hidden.view(batch, length, self.heads, width // self.heads).transpose(1, 2)


class GatedMlp(nn.Module):
    def __init__(self, sizes: SimpleNamespace) -> None:
        super().__init__()
        self.w1 = nn.Linear(sizes.hidden_size, sizes.intermediate_size)
        self.w2 = nn.Linear(sizes.intermediate_size, sizes.hidden_size)
        self.w3 = nn.Linear(sizes.hidden_size, sizes.intermediate_size)
        self.ffn_ln = nn.LayerNorm(sizes.intermediate_size, eps=sizes.layer_norm_eps)

    def forward(self, hidden: Tensor) -> Tensor:
        out: Tensor = self.w2(self.ffn_ln(F.silu(self.w1(hidden)) * self.w3(hidden)))
        return out


class Output(nn.Module):
    def __init__(self, sizes: SimpleNamespace) -> None:
        super().__init__()
        self.out_proj = nn.Linear(sizes.encoder_hidden_size, sizes.encoder_hidden_size)
        self.norm2 = nn.LayerNorm(sizes.encoder_hidden_size)
        self.mlp = GatedMlp(sizes)

    def forward(self, read: Tensor, queries: Tensor) -> Tensor:
        queries = queries + self.out_proj(read)
        out: Tensor = queries + self.mlp(self.norm2(queries))
        return out


class CrossAttention(nn.Module):
    """One reading. The residual is taken after the first norm, as the published code does."""

    def __init__(self, sizes: SimpleNamespace) -> None:
        super().__init__()
        self.attention = QueryAttention(sizes)
        self.output = Output(sizes)
        self.norm1 = nn.LayerNorm(sizes.encoder_hidden_size)
        self.normk = nn.LayerNorm(sizes.encoder_hidden_size)

    def forward(self, queries: Tensor, patches: Tensor) -> Tensor:
        queries = self.norm1(queries)
        seen = torch.cat([queries, self.normk(patches)], dim=1)
        out: Tensor = self.output(self.attention(queries, seen), queries)
        return out


class Layer(nn.Module):
    def __init__(self, sizes: SimpleNamespace) -> None:
        super().__init__()
        self.crossattention = CrossAttention(sizes)

    def forward(self, queries: Tensor, patches: Tensor) -> Tensor:
        """As `CrossAttention`."""
        out: Tensor = self.crossattention(queries, patches)
        return out


class Layers(nn.Module):
    def __init__(self, sizes: SimpleNamespace) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(sizes) for _ in range(sizes.num_hidden_layers))


class Abstractor(nn.Module):
    """Patch features -> visual tokens in the language model's width, closed by a learned end of the image."""

    def __init__(self, sizes: SimpleNamespace, language_width: int) -> None:
        super().__init__()
        self.encoder = Layers(sizes)
        self.visual_fc = nn.Linear(sizes.hidden_size, language_width)
        self.query_embeds = nn.Parameter(torch.randn(1, sizes.num_learnable_queries, sizes.hidden_size))
        self.vit_eos = nn.Parameter(torch.randn(1, 1, language_width))

    def forward(self, patches: Tensor) -> Tensor:
        """[B, 1 + patches, width] -> [B, queries + 1, language width]."""
        queries = self.query_embeds.expand(len(patches), -1, -1).to(patches.dtype)
        for layer in self.encoder.layers:
            queries = layer(queries, patches)
        tokens = self.visual_fc(queries)
        end = self.vit_eos.expand(len(tokens), -1, -1).to(tokens.dtype)
        return torch.cat([tokens, end], dim=1)
