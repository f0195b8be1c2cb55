"""Export fakescope-nano to ONNX and prove that what ships does what was trained.

Weights are stored in int8 blocks with a scale each, and unpacked to float32 when the model is loaded: under a third of
the size, and answers that do not depend on what else is in the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from fakescope.train.abstractor import Abstractor
from fakescope.train.encoder import GRID, GRID_TAPS, TAPS, WIDTH
from fakescope.train.nano_model import Nano
from fakescope.train.readout import SCORES, WORDS, Readout

OPSET = 18
BLOCK = 32
"""Neighbouring weights that share a scale."""

_SMALLEST_QUANTISED = 4096


class _AbstractorGraph(nn.Module):
    """Readers and abstractor, without its auxiliary head, which gives no verdict and does not ship."""

    def __init__(self, readout: Readout, abstractor: Abstractor) -> None:
        super().__init__()
        self.readout = readout
        self.abstractor = abstractor

    def forward(self, grid: Tensor, stats: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        words, scores = self.readout(grid, stats)
        return self.abstractor(grid, stats, scores)[0], words, scores


class _DecoderGraph(nn.Module):
    """One call of decoder and its heads, with the cache as a single tensor.

    ids [B, T] (ids past the vocabulary stand for rows of `visual`), visual [B, n, D], positions [B, T],
    mask [B, 1, T, P + T] additive, past [2 * layers, B, kv_heads, P, head_dim], words [B, 12] and which of them are
    still offered [B, 12], trace scores [B, 30] ->
    logits [B, vocabulary] of the last position, present [2 * layers, B, kv_heads, P + T, head_dim].
    """

    def __init__(self, nano: Nano) -> None:
        super().__init__()
        self.nano = nano

    def forward(
        self,
        ids: Tensor,
        visual: Tensor,
        positions: Tensor,
        mask: Tensor,
        past: Tensor,
        words: Tensor,
        offered: Tensor,
        scores: Tensor,
    ) -> tuple[Tensor, Tensor]:
        decoder = self.nano.decoder
        vocab = decoder.config.vocab_size
        is_text = (ids < vocab)[..., None]
        text = decoder.embedding(ids.clamp(max=vocab - 1))
        place = (ids - vocab).clamp(min=0)[..., None].expand(-1, -1, visual.shape[-1])
        seen = torch.gather(visual, 1, place)
        caches = [(past[2 * i], past[2 * i + 1]) for i in range(decoder.config.layers)]
        hidden, cache = decoder.hidden(torch.where(is_text, text, seen), positions, mask, caches)
        present = torch.stack([tensor for pair in cache for tensor in pair])
        return self.nano.logits(hidden[:, -1], words, offered, scores), present


def export_nano(nano: Nano, folder: Path) -> None:
    """Write abstractor.onnx and decoder.onnx with int8 weights into `folder`."""
    nano = nano.eval()
    folder.mkdir(parents=True, exist_ok=True)
    grid = torch.zeros(1, GRID * GRID, len(GRID_TAPS) * WIDTH)
    stats = torch.zeros(1, 3 * len(TAPS), WIDTH)
    _export(
        _AbstractorGraph(nano.readout, nano.abstractor),
        (grid, stats),
        folder / "abstractor.onnx",
        ["grid", "stats"],
        ["visual", "words", "scores"],
        {name: {0: "batch"} for name in ("grid", "stats", "visual", "words", "scores")},
    )
    _export(
        _DecoderGraph(nano),
        _decoder_example(nano),
        folder / "decoder.onnx",
        ["ids", "visual", "positions", "mask", "past", "words", "offered", "scores"],
        ["logits", "present"],
        {
            "ids": {0: "batch", 1: "length"},
            "visual": {0: "batch", 1: "seen"},
            "positions": {0: "batch", 1: "length"},
            "mask": {0: "batch", 2: "length", 3: "total"},
            "past": {1: "batch", 3: "held"},
            "words": {0: "batch"},
            "offered": {0: "batch"},
            "scores": {0: "batch"},
            "logits": {0: "batch"},
            "present": {1: "batch", 3: "total"},
        },
    )


def _decoder_example(nano: Nano) -> tuple[Tensor, ...]:
    config = nano.decoder.config
    return (
        torch.zeros(2, 5, dtype=torch.int64),
        torch.zeros(2, 3, config.width),
        torch.arange(4, 9).repeat(2, 1),
        torch.zeros(2, 1, 5, 9),
        torch.zeros(2 * config.layers, 2, config.kv_heads, 4, config.head_dim),
        torch.arange(2 * WORDS).reshape(2, WORDS),
        torch.ones(2, WORDS),
        torch.full((2, SCORES), 0.5),
    )


def _export(
    module: nn.Module,
    example: tuple[Tensor, ...],
    path: Path,
    inputs: Sequence[str],
    outputs: Sequence[str],
    axes: dict[str, dict[int, str]],
) -> None:
    with torch.no_grad():
        torch.onnx.export(
            module.eval(),
            example,
            str(path),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
            do_constant_folding=False,
        )
    graph = onnx.load(str(path))
    _store_int8(graph)
    onnx.save(graph, str(path))


def _store_int8(model: onnx.ModelProto) -> None:
    """Replace large float weights by int8 blocks and the three nodes that unpack them."""
    graph = model.graph
    for weight in [t for t in graph.initializer if _is_large(t)]:
        values, scale = quantise(numpy_helper.to_array(weight))
        name = weight.name
        shape = np.array(weight.dims, np.int64)
        graph.initializer.remove(weight)
        for suffix, array in (("int8", values), ("scale", scale), ("shape", shape)):
            graph.initializer.append(numpy_helper.from_array(array, f"{name}_{suffix}"))
        steps = [
            helper.make_node("Cast", [f"{name}_int8"], [f"{name}_float"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}_float", f"{name}_scale"], [f"{name}_blocks"]),
            helper.make_node("Reshape", [f"{name}_blocks", f"{name}_shape"], [name]),
        ]
        for place, node in enumerate(steps):
            graph.node.insert(place, node)


def _is_large(tensor: TensorProto) -> bool:
    return tensor.data_type == TensorProto.FLOAT and _worth_it(tuple(tensor.dims))


def _worth_it(shape: tuple[int, ...]) -> bool:
    size = int(np.prod(shape)) if shape else 0
    return len(shape) >= 2 and size >= _SMALLEST_QUANTISED and size % BLOCK == 0


def quantise(values: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Any shape -> int8 [n, BLOCK] and float32 scales [n, 1]. The error is at most half a scale.

    Doing it twice changes nothing: a block's largest value is kept, so its scale is too.
    """
    blocks = values.reshape(-1, BLOCK)
    scale = np.maximum(np.abs(blocks).max(axis=1, keepdims=True) / np.float32(127.0), np.float32(1e-12))
    return np.clip(np.rint(blocks / scale), -127, 127).astype(np.int8), scale.astype(np.float32)


def unpack_decoder(path: Path) -> dict[str, Tensor]:
    """The weights of an exported decoder, as `Decoder.load_state_dict` takes them: to train on from a release."""
    initializers = onnx.load(str(path)).graph.initializer
    stored = {t.name.removeprefix("nano."): numpy_helper.to_array(t) for t in initializers}
    weights: dict[str, Tensor] = {}
    for name, values in stored.items():
        if not name.startswith("decoder."):
            continue
        if name.endswith("_int8"):
            base = name.removesuffix("_int8")
            unpacked = values.astype(np.float32) * stored[f"{base}_scale"]
            weights[base] = torch.from_numpy(unpacked.reshape(stored[f"{base}_shape"]))
        elif not name.endswith(("_scale", "_shape")):
            weights[name] = torch.from_numpy(values.copy())
    return {name.removeprefix("decoder."): value for name, value in weights.items()}


def round_weights(module: nn.Module) -> None:
    """Round the weights in place to what int8 storage holds, so that torch and the export compute the same."""
    with torch.no_grad():
        for parameter in module.parameters():
            if _worth_it(tuple(parameter.shape)):
                values, scale = quantise(parameter.numpy())
                parameter.copy_(torch.from_numpy((values * scale).reshape(parameter.shape)))
