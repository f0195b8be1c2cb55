"""The image encoder: CLIP's ViT, but for a fused projection of queries, keys and values."""

from __future__ import annotations

from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.activations import ACT2FN


class Embeddings(nn.Module):
    """Patches and a class token, with places."""

    def __init__(self, sizes: SimpleNamespace) -> None:
        super().__init__()
        patches = (sizes.image_size // sizes.patch_size) ** 2
        self.cls_token = nn.Parameter(torch.randn(1, 1, sizes.hidden_size))
        self.patch_embed = nn.Conv2d(3, sizes.hidden_size, sizes.patch_size, sizes.patch_size, bias=False)
        self.position_embedding = nn.Parameter(torch.randn(1, patches + 1, sizes.hidden_size))
        self.pre_layernorm = nn.LayerNorm(sizes.hidden_size, eps=sizes.layer_norm_eps)

    def forward(self, pixels: Tensor) -> Tensor:
        """[B, 3, side, side] -> [B, 1 + patches, width]."""
        patches = self.patch_embed(pixels).flatten(2).transpose(1, 2)
        first = self.cls_token.expand(len(pixels), -1, -1).to(patches.dtype)
        embedded = torch.cat([first, patches], dim=1)
        normed: Tensor = self.pre_layernorm(embedded + self.position_embedding.to(patches.dtype))
        return normed


class Attention(nn.Module):
    """Every patch sees every patch. The fused projection interleaves q, k and v by head."""

    def __init__(self, sizes: SimpleNamespace) -> None:
        super().__init__()
        self.heads, self.dropout = sizes.num_attention_heads, sizes.attention_dropout
        self.query_key_value = nn.Linear(sizes.hidden_size, 3 * sizes.hidden_size)
        self.dense = nn.Linear(sizes.hidden_size, sizes.hidden_size)

    def forward(self, hidden: Tensor) -> Tensor:
        """[B, T, width] -> the same."""
        batch, length, width = hidden.shape
        fused = self.query_key_value(hidden).reshape(batch, length, self.heads, 3, width // self.heads)
        query, key, value = fused.permute(3, 0, 2, 1, 4)
        dropout = self.dropout if self.training else 0.0
        seen = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        out: Tensor = self.dense(seen.transpose(1, 2).reshape(batch, length, width))
        return out


class Mlp(nn.Module):
    def __init__(self, sizes: SimpleNamespace) -> None:
        super().__init__()
        self.activation_fn = ACT2FN[sizes.hidden_act]
        self.fc1 = nn.Linear(sizes.hidden_size, sizes.intermediate_size)
        self.fc2 = nn.Linear(sizes.intermediate_size, sizes.hidden_size)

    def forward(self, hidden: Tensor) -> Tensor:
        out: Tensor = self.fc2(self.activation_fn(self.fc1(hidden)))
        return out


class Layer(nn.Module):
    def __init__(self, sizes: SimpleNamespace) -> None:
        super().__init__()
        self.self_attn = Attention(sizes)
        self.input_layernorm = nn.LayerNorm(sizes.hidden_size, eps=sizes.layer_norm_eps)
        self.mlp = Mlp(sizes)
        self.post_attention_layernorm = nn.LayerNorm(sizes.hidden_size, eps=sizes.layer_norm_eps)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = hidden + self.self_attn(self.input_layernorm(hidden))
        out: Tensor = hidden + self.mlp(self.post_attention_layernorm(hidden))
        return out


class Layers(nn.Module):
    def __init__(self, sizes: SimpleNamespace) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(sizes) for _ in range(sizes.num_hidden_layers))

    def forward(self, hidden: Tensor) -> Tensor:
        for layer in self.layers:
            hidden = layer(hidden)
        return hidden


class VisionModel(nn.Module):
    """Pixels -> features of the class token and every patch."""

    def __init__(self, sizes: SimpleNamespace) -> None:
        super().__init__()
        self.embeddings = Embeddings(sizes)
        self.encoder = Layers(sizes)
        self.post_layernorm = nn.LayerNorm(sizes.hidden_size, eps=sizes.layer_norm_eps)

    def forward(self, pixels: Tensor) -> Tensor:
        """[B, 3, side, side] -> [B, 1 + patches, width]."""
        out: Tensor = self.post_layernorm(self.encoder(self.embeddings(pixels)))
        return out
