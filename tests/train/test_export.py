"""What ships computes what was trained: int8 storage is within half a scale, and ONNX Runtime agrees with torch."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tiny_nano import features, tiny_nano, write_stub_encoder

from fakes import make_jpeg
from fakescope.images.load import load_image
from fakescope.models.base import ModelCard
from fakescope.models.nano import NanoModel
from fakescope.train.export import BLOCK, export_nano, quantise, round_weights, unpack_decoder
from fakescope.train.parity import compare

pytestmark = pytest.mark.slow

TOLERANCE = 1e-3
"""Of logits and visual tokens, after the weights were rounded on both sides."""


@settings(max_examples=60, deadline=None)
@given(arrays(np.float32, (3, BLOCK), elements=st.floats(-1e6, 1e6, width=32)))
def test_int8_is_off_by_half_a_scale_at_most(values):
    stored, scale = quantise(values)
    assert stored.dtype == np.int8
    error = np.abs(stored.astype(np.float64) * scale - values)
    assert (error <= 0.5 * scale.astype(np.float64) * (1 + 1e-4)).all()


@settings(max_examples=60, deadline=None)
@given(arrays(np.float32, (2, BLOCK), elements=st.floats(-100, 100, width=32)))
def test_storing_twice_changes_nothing(values):
    stored, scale = quantise(values)
    once = stored * scale
    again, scale_again = quantise(once)
    np.testing.assert_allclose(again * scale_again, once, rtol=1e-6, atol=1e-11)


def test_blocks_follow_the_order_of_the_values():
    values = np.arange(4 * BLOCK, dtype=np.float32).reshape(2, 2, BLOCK)
    stored, scale = quantise(values)
    assert stored.shape == (4, BLOCK)
    assert scale.shape == (4, 1)
    np.testing.assert_allclose((stored * scale).reshape(values.shape), values, atol=0.5)


@pytest.fixture(scope="module")
def exported(tmp_path_factory, tokenizer):
    """A rounded tiny nano, and the folder it was exported to."""
    folder = tmp_path_factory.mktemp("release")
    trained = tiny_nano(tokenizer).eval()
    with torch.no_grad():
        for norm in (
            trained.decoder.norm,
            *(n for x in trained.decoder.layers for n in (x.attention_norm, x.mlp_norm)),
        ):
            norm.weight.uniform_(0.5, 1.5)  # equal tensors would be stored once
    torch.nn.init.normal_(trained.decoder.embedding.weight, std=0.3)
    nano = copy.deepcopy(trained)
    round_weights(nano)
    export_nano(nano, folder)
    write_stub_encoder(folder / "encoder.onnx")
    tokenizer.save(str(folder / "tokenizer.json"))
    card = ModelCard("tiny", "r1", "Apache-2.0", ("fake",), ("real",))
    (folder / "card.json").write_text(json.dumps(asdict(card)))
    return trained, nano, folder


def test_rounding_moves_no_weight_by_more_than_half_a_scale(exported):
    trained, rounded, _ = exported
    before = trained.decoder.layers[0].q.weight.detach().numpy()
    after = rounded.decoder.layers[0].q.weight.detach().numpy()
    _, scale = quantise(before)
    assert (np.abs(before - after).reshape(-1, BLOCK) <= 0.5001 * scale).all()
    assert not np.array_equal(before, after)


def test_large_weights_are_stored_in_int8(exported):
    for name in ("abstractor", "decoder"):
        graph = onnx.load(str(exported[2] / f"{name}.onnx")).graph
        large = [t for t in graph.initializer if len(t.dims) >= 2 and np.prod(t.dims) >= 4096]
        assert large
        scales = {t.name for t in large if t.name.endswith("_scale")}
        assert {t.data_type for t in large if t.name not in scales} == {onnx.TensorProto.INT8}


@torch.no_grad()
def test_the_exported_abstractor_equals_torch(exported):
    _, nano, folder = exported
    session = ort.InferenceSession(str(folder / "abstractor.onnx"), providers=["CPUExecutionProvider"])
    seen = features(["a", "b", "c"], views=1)
    grid, stats = seen.grid.astype(np.float32), seen.stats.astype(np.float32)
    visual, words, read_scores = session.run(None, {"grid": grid, "stats": stats})
    want_words, scores = nano.readout(torch.from_numpy(grid), torch.from_numpy(stats))
    want, _ = nano.abstractor(torch.from_numpy(grid), torch.from_numpy(stats), scores)
    np.testing.assert_allclose(visual, want.numpy(), atol=TOLERANCE)
    np.testing.assert_array_equal(words, want_words.numpy())
    np.testing.assert_allclose(read_scores, scores.numpy(), atol=TOLERANCE)


@torch.no_grad()
def test_a_release_can_be_trained_on(exported):
    _, nano, folder = exported
    weights = unpack_decoder(folder / "decoder.onnx")
    assert weights.keys() == nano.decoder.state_dict().keys()
    for name, value in nano.decoder.state_dict().items():
        torch.testing.assert_close(weights[name], value, atol=1e-6, rtol=1e-5)


def test_the_exported_model_says_what_torch_says(exported, tmp_path):
    _, nano, folder = exported
    images = [load_image(make_jpeg(tmp_path / f"{n}.jpg", seed=n)) for n in range(3)]
    parity = compare(nano, NanoModel(folder, threads=1), images)
    assert parity.images == 3
    assert parity.max_logit_difference < TOLERANCE
    assert parity.max_llr_difference < TOLERANCE
    assert parity.same_text == 1.0


def test_parity_sees_another_model(exported, tokenizer, tmp_path):
    other = tiny_nano(tokenizer, seed=5)
    image = load_image(make_jpeg(tmp_path / "photo.jpg"))
    parity = compare(other, NanoModel(exported[2], threads=1), [image])
    assert parity.max_logit_difference > 0.1
