"""How a model is loaded: settings, tiles, adapters; and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from fakescope.errors import MissingExtraError, ModelError  # noqa: E402
from fakescope.images.load import LoadedImage, load_image  # noqa: E402
from fakescope.models.base import ModelCard  # noqa: E402
from fakescope.models.hf.forensic import HfModel  # noqa: E402
from fakescope.models.hf.load import load_parts  # noqa: E402
from fakescope.models.hf.options import LoadOptions  # noqa: E402
from fakescope.models.hf.tiny import save_tiny  # noqa: E402
from fakescope.prompts.paper import AUTHENTICITY_QUESTION  # noqa: E402
from fakescope.records import Message  # noqa: E402

pytestmark = pytest.mark.slow
EXAMPLE = Path(__file__).parents[2] / "examples" / "images" / "real-fallen-leaf.jpg"
CARD = ModelCard("tiny", "r1", "Apache-2.0", fake_words=("fake",), real_words=("real",))


@pytest.fixture(scope="module")
def image() -> LoadedImage:
    return load_image(EXAMPLE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny("llava-1.5", tmp_path_factory.mktemp("models") / "llava")


def length(source: Path, image: LoadedImage, **options: Any) -> int:
    """Tokens of a question about the image."""
    model = HfModel(*load_parts(str(source), LoadOptions(**options)), CARD)
    prompt = model._prompter.render([Message(role="user", content=AUTHENTICITY_QUESTION)])
    encoded = model._encode([image.pixels], [prompt])
    assert np.isfinite(model.answer_logits(image).values).all(), "and the model takes it"
    return int(encoded.last[0])


@pytest.mark.parametrize(
    "family", ["llava-next", "llava-onevision", "internvl", "smolvlm", "idefics3", "qwen2.5-vl", "qwen3-vl"]
)
def test_fewer_tiles_make_fewer_tokens(family: str, image: LoadedImage, tmp_path: Path) -> None:
    source = save_tiny(family, tmp_path / family)
    if "qwen" in family:
        image = replace(image, pixels=image.pixels.resize((900, 900)))  # levelled to 512 x 512
        assert length(source, image, tiles=3) > length(source, image, tiles=1)
    else:
        assert length(source, image) > length(source, image, tiles=1)


@pytest.mark.parametrize("family", ["llava-1.5", "paligemma", "mplug-owl2"])
def test_families_with_one_view_keep_it(family: str, image: LoadedImage, tmp_path: Path) -> None:
    source = save_tiny(family, tmp_path / family)
    assert length(source, image) == length(source, image, tiles=3)


def test_no_tiles_at_all_are_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="0 tiles"):
        load_parts(str(folder), LoadOptions(tiles=0))


def test_precision_and_attention_are_as_asked(folder: Path, image: LoadedImage) -> None:
    exact = HfModel(*load_parts(str(folder)), CARD)
    assert exact.parts[0].dtype == torch.float32
    half = HfModel(*load_parts(str(folder), LoadOptions(dtype="bfloat16", attention="eager")), CARD)
    assert half.parts[0].dtype == torch.bfloat16
    assert half.parts[0].config.text_config._attn_implementation == "eager"
    there, here = exact.answer_logits(image).values, half.answer_logits(image).values
    assert here.dtype == np.float32
    assert 0 < np.abs(there - here).max() < 0.1


def test_a_device_that_is_none_is_told(folder: Path) -> None:
    with pytest.raises(ModelError, match="no device 'tpu9000'"):
        load_parts(str(folder), LoadOptions(device="tpu9000"))


def test_quantisation_says_what_it_needs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torchao", None)
    monkeypatch.setitem(sys.modules, "torchao.quantization", None)
    with pytest.raises(MissingExtraError, match=r"fakescope\[quantise\]"):
        load_parts(str(folder), LoadOptions(quantise="torchao-int8"))


@pytest.mark.parametrize(
    ("kind", "package", "close"),
    [("int8", "bitsandbytes", 0.1), ("torchao-int8", "torchao", 0.1), ("nf4", "bitsandbytes", 0.6)],
)
def test_quantised_weights_are_smaller_and_say_nearly_the_same(
    folder: Path, image: LoadedImage, kind: Any, package: str, close: float
) -> None:
    pytest.importorskip(package)
    exact = HfModel(*load_parts(str(folder)), CARD)
    small = HfModel(*load_parts(str(folder), LoadOptions(quantise=kind)), CARD)
    there, here = exact.answer_logits(image).values, small.answer_logits(image).values
    assert 0 < np.abs(there - here).max() < close
    assert 1 <= len(list(small.steps(image, [Message(role="user", content="What?")], max_tokens=4))) <= 4


def test_what_needs_a_gpu_says_so(folder: Path) -> None:
    pytest.importorskip("torchao")
    with pytest.raises(ModelError, match="needs a GPU"):
        load_parts(str(folder), LoadOptions(quantise="torchao-int4", device="cpu"))


def adapter(folder: Path, to: Path) -> Path:
    """A LoRA adapter whose weights are not zero."""
    from peft import LoraConfig, get_peft_model

    model, _ = load_parts(str(folder))
    torch.manual_seed(1)
    tuned = get_peft_model(
        model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    )
    tuned.peft_config["default"].base_model_name_or_path = str(folder)
    tuned.save_pretrained(to)
    return to


def test_an_adapter_changes_the_answer_and_brings_its_model(
    folder: Path, image: LoadedImage, tmp_path: Path
) -> None:
    made = adapter(folder, tmp_path / "adapter")
    plain = HfModel(*load_parts(str(folder)), CARD).answer_logits(image).values
    put_on = HfModel(*load_parts(str(folder), LoadOptions(adapter=str(made))), CARD)
    alone = HfModel(*load_parts(str(made)), CARD)
    assert np.abs(put_on.answer_logits(image).values - plain).max() > 1e-3
    assert np.abs(put_on.answer_logits(image).values - alone.answer_logits(image).values).max() < 1e-6
    asked = [[Message(role="user", content=text)] for text in ("Is it fake or real?", "Fake or real?")]
    together = put_on.choice_logits(image, asked, ("fake", "real"))
    one = np.concatenate([put_on.choice_logits(image, [talk], ("fake", "real")) for talk in asked])
    assert np.abs(together - one).max() < 1e-4


def test_adapters_that_cannot_be_trusted_are_refused(folder: Path, tmp_path: Path) -> None:
    made = adapter(folder, tmp_path / "adapter")
    (made / "adapter_model.safetensors").rename(made / "adapter_model.bin")
    with pytest.raises(ModelError, match=r"adapter_model\.safetensors"):
        load_parts(str(folder), LoadOptions(adapter=str(made)))
    with pytest.raises(ModelError, match="NAME@COMMIT"):
        load_parts(str(folder), LoadOptions(adapter="someone/adapter@main"))
    with pytest.raises(ModelError, match="an adapter itself"):
        load_parts(str(made), LoadOptions(adapter=str(made)))
