"""The tokenizer that is cut out keeps every token it needs to make the ones it keeps."""

from __future__ import annotations

import pytest
import torch
from tiny_nano import WORDS, source

from fakescope.models.nano_format import ANSWER_WORDS, SPECIAL_TOKENS
from fakescope.train.decoder import DecoderConfig
from fakescope.train.smollm2 import Source, build_tokenizer, cut_decoder

BYTES = 256
FIXED = len(SPECIAL_TOKENS) + len(ANSWER_WORDS)


def ancestors_missing(tokenizer, made: Source) -> list[str]:
    """Kept tokens that no merge of kept tokens makes."""
    kept = tokenizer.get_vocab().keys()
    pairs = [merge.split(" ") for merge in made.merges]
    possible = {a + b for a, b in pairs if a in kept and b in kept}
    known = {*SPECIAL_TOKENS, *ANSWER_WORDS}
    return [t for t in kept if len(t) > 1 and t not in known and t not in possible]


@pytest.mark.parametrize("room", [0, 1, 4, 5, 9, 1000])
def test_a_kept_token_keeps_its_parts(room):
    made = source()
    tokenizer = build_tokenizer(made, [" image image fake real because"], FIXED + BYTES + room)
    assert tokenizer.get_vocab_size() <= FIXED + BYTES + room
    assert ancestors_missing(tokenizer, made) == []


def test_what_the_corpus_uses_most_is_kept_first():
    corpus = [" fake" * 9 + " because" * 2]
    tokenizer = build_tokenizer(source(), corpus, FIXED + BYTES + 4)
    assert tokenizer.token_to_id("Ġfake") is not None
    assert tokenizer.token_to_id("Ġbecause") is None


def test_any_text_survives():
    tokenizer = build_tokenizer(source(), [" fake"], FIXED + BYTES + 10)
    text = " This image is fake: 2024 \u2013 na\u00efve \U0001f600"
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


def test_control_tokens_are_one_token_each():
    tokenizer = build_tokenizer(source(), [" fake"], 1000)
    for place, token in enumerate((*SPECIAL_TOKENS, *ANSWER_WORDS)):
        assert tokenizer.encode(token).ids == [place]


def test_a_token_with_two_ways_of_making_it():
    made = source(("Ġcat",), more_merges=("a t", "Ġc at"))
    for room in range(6):
        tokenizer = build_tokenizer(made, [" cat"], FIXED + BYTES + room)
        assert ancestors_missing(tokenizer, made) == []


def test_kept_rows_keep_their_meaning():
    made = source()
    config = DecoderConfig(vocab_size=0, width=8, layers=1, heads=2, kv_heads=1, mlp_width=12)
    tokenizer = build_tokenizer(made, [" fake real"], 1000)
    config = DecoderConfig(tokenizer.get_vocab_size(), 8, 1, 2, 1, 12)
    shapes = {
        "attn_norm": (8,), "attn_q": (8, 8), "attn_k": (4, 8), "attn_v": (4, 8), "attn_output": (8, 8),
        "ffn_norm": (8,), "ffn_gate": (12, 8), "ffn_up": (12, 8), "ffn_down": (8, 12),
    }  # fmt: skip
    tensors = {f"blk.3.{name}.weight": torch.randn(shape) for name, shape in shapes.items()}
    tensors |= {"output_norm.weight": torch.randn(8), "token_embd.weight": torch.randn(len(made.tokens), 8)}
    decoder = cut_decoder(Source(None, tensors, made.tokens, made.merges), tokenizer, config, [3])
    for word in WORDS[:2]:
        row = decoder.embedding.weight[tokenizer.token_to_id(word)]
        assert torch.equal(row, tensors["token_embd.weight"][made.tokens.index(word)])
    assert torch.equal(decoder.layers[0].v.weight, tensors["blk.3.attn_v.weight"])
