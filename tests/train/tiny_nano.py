"""A nano that trains in milliseconds: everything real but the sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, pre_tokenizers

from fakescope.prompts.paper import AUTHENTICITY_QUESTION
from fakescope.prompts.product import DESCRIBE_PROMPT, authenticity_answer, description_prefix
from fakescope.records import ImageRef, Instruction, Label, Message
from fakescope.train.abstractor import AbstractorConfig
from fakescope.train.decoder import DecoderConfig
from fakescope.train.features import ViewKey
from fakescope.train.nano_data import BatchMaker, ConversationPool, Features
from fakescope.train.nano_model import Nano
from fakescope.train.readout import SCORES, Readings, Readout
from fakescope.train.readout import WORDS as WORDS_READ
from fakescope.train.smollm2 import Source, build_tokenizer

WORDS = ("Ġfake", "Ġreal", "ĠThis", "Ġimage", "Ġis", "Ġbecause", "Ġthe")


def source(words: tuple[str, ...] = WORDS, more_merges: tuple[str, ...] = ()) -> Source:
    """A language model's vocabulary: control tokens, bytes, and words merged from left to right."""
    merges = [f"{word[:i]} {word[i]}" for word in words for i in range(1, len(word))]
    merges = list(dict.fromkeys([*merges, *more_merges]))
    made = dict.fromkeys(merge.replace(" ", "") for merge in merges)
    tokens = [*(f"<|{i}|>" for i in range(17)), *sorted(pre_tokenizers.ByteLevel.alphabet()), *made]
    return Source(None, {}, tokens, merges)


def tiny_tokenizer() -> Tokenizer:
    return build_tokenizer(source(), [" This image is fake because the", " real"], 2000)


def tiny_nano(tokenizer: Tokenizer, seed: int = 0, dropout: float = 0.3) -> Nano:
    torch.manual_seed(seed)
    decoder = DecoderConfig(
        vocab_size=tokenizer.get_vocab_size(), width=64, layers=2, heads=4, kv_heads=2, mlp_width=96
    )
    abstractor = AbstractorConfig(64, hidden=32, forensic_tokens=2, dropout=dropout)
    return Nano(decoder, abstractor, tokenizer, tiny_readout())


def tiny_readout() -> Readout:
    """Readers with random weights; their words are the tokens 40 to 59."""
    readout = Readout(768 + 12 * 384, 20, rank=4)
    readout.word_ids.copy_(torch.arange(40, 60))
    for part in (readout.basis, readout.words, readout.scores):
        part.normal_(std=0.02)
    return readout


def features(ids: list[str], views: int = 2, seed: int = 0) -> Features:
    """Random features, `views` of each image."""
    rng = np.random.default_rng(seed)
    keys = [ViewKey(i, "plain", v) for i in ids for v in range(views)]
    grid = rng.normal(size=(len(keys), 49, 768)).astype(np.float16)
    stats = rng.normal(size=(len(keys), 12, 384)).astype(np.float16)
    words = rng.integers(40, 60, (len(keys), WORDS_READ))
    return Features(keys, grid, stats, Readings(words, rng.random((len(keys), SCORES), np.float32)))


def refs(count: int, fakes: int) -> dict[str, ImageRef]:
    """`count` images, of which the first `fakes` are fake, by two generators."""
    return {
        f"i{n}": ImageRef(
            id=f"i{n}",
            path=f"i{n}.jpg",
            label=Label.FAKE if n < fakes else Label.REAL,
            generator=f"g{n % 2}" if n < fakes else None,
            source="s",
            split="train",
        )
        for n in range(count)
    }


def talk(question: str, answer: str) -> tuple[Message, ...]:
    return (
        Message(role="user", content=question),
        Message(role="assistant", content=answer, train=True),
    )


def instructions(images: dict[str, ImageRef]) -> list[Instruction]:
    """A judgement and a description of each image."""
    made = []
    for ref in images.values():
        assert ref.label
        judged = talk(AUTHENTICITY_QUESTION, authenticity_answer(ref.label))
        described = talk(DESCRIBE_PROMPT, f"{description_prefix(ref.label)} the {ref.id}.")
        made.append(Instruction(image=ref.id, messages=judged, part="judgement"))
        made.append(Instruction(image=ref.id, messages=described, part="reasoning"))
    return made


def batch_maker(tokenizer: Tokenizer, seed: int = 0, told: dict[str, list[int]] | None = None) -> BatchMaker:
    images = refs(8, 5)
    made = instructions(images)
    whole = ConversationPool(made, {"judgement": 1, "description": 1})
    labels = ConversationPool(made, {"judgement": 1})
    seen = features(list(images))
    return BatchMaker((seen, whole), (seen, labels), images, tokenizer, seed, told)


def write_stub_encoder(path: Path) -> Path:
    """An encoder that sees nothing but how bright each colour of a view is."""
    values = [
        numpy_helper.from_array(np.array(shape, np.int64), name)
        for name, shape in (("grid_shape", [1, 49, 768]), ("stats_shape", [1, 12, 384]))
    ]
    weights = [
        numpy_helper.from_array(np.random.default_rng(width).normal(size=(3, width)).astype(np.float32), name)
        for name, width in (("grid_weight", 768), ("stats_weight", 384))
    ]
    nodes = [helper.make_node("GlobalAveragePool", ["pixels"], ["pooled"])]
    nodes.append(helper.make_node("Flatten", ["pooled"], ["colour"], axis=1))
    for name in ("grid", "stats"):
        nodes.append(helper.make_node("MatMul", ["colour", f"{name}_weight"], [f"{name}_row"]))
        nodes.append(helper.make_node("Expand", [f"{name}_row", f"{name}_shape"], [name]))
    graph = helper.make_graph(
        nodes,
        "stub",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, 196, 196])],
        [
            helper.make_tensor_value_info("grid", TensorProto.FLOAT, [1, 49, 768]),
            helper.make_tensor_value_info("stats", TensorProto.FLOAT, [1, 12, 384]),
        ],
        [*values, *weights],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path
