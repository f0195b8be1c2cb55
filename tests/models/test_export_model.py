"""Exported models stand alone, and say what they said before."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakescope.errors import DataError, ModelError
from fakescope.images.load import load_image
from fakescope.models.base import Calibration
from fakescope.models.card import read_card, save_card
from fakescope.models.hf.export import export_model
from fakescope.models.zoo import OWN_CARD, card_text, load_model

EXAMPLE = Path(__file__).parents[2] / "examples" / "images" / "real-fallen-leaf.jpg"


def test_the_embedded_model_is_written_in_onnx_with_another_card(tmp_path: Path) -> None:
    card = replace(load_model().card, calibration=Calibration("other", 2.0, 0.5))
    save_card(tmp_path / "card.json", card)
    made = export_model(f"fakescope-nano?card={tmp_path / 'card.json'}", tmp_path / "out")
    assert {f.name for f in made.iterdir()} >= {"encoder.onnx", "decoder.onnx", "tokenizer.json", "card.json"}
    image = load_image(EXAMPLE)
    assert load_model(str(made)).card == card
    np.testing.assert_array_equal(
        load_model(str(made)).answer_logits(image).values, load_model().answer_logits(image).values
    )
    assert "nano" in card_text("fakescope-nano")
    assert "Exported with another card" in (made / "MODEL_CARD.md").read_text().splitlines()[0]


def test_nothing_is_overwritten_and_nothing_half_done_is_left(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="not empty"):
        export_model("fakescope-nano", tmp_path / "out")
    with pytest.raises(ModelError, match="no model named"):
        export_model("nothing", tmp_path / "other")
    with pytest.raises(ModelError, match="on a server"):
        export_model("http://localhost:9/v1", tmp_path / "other")
    with pytest.raises(ModelError, match="leave --dtype out"):
        export_model("fakescope-nano", tmp_path / "other", "float16")
    assert [f.name for f in tmp_path.iterdir()] == ["out"]
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="is a link"):
        export_model("fakescope-nano", tmp_path / "link")


def test_a_model_is_not_written_into_itself(tmp_path: Path) -> None:
    made = export_model("fakescope-nano", tmp_path / "model")
    with pytest.raises(DataError, match="own folder"):
        export_model(str(made), made / "inner")
    (tmp_path / "door").symlink_to(made)
    with pytest.raises(DataError, match="own folder"):
        export_model(str(made), tmp_path / "door" / "inner")


NESTED = {
    "llava-1.5": True,
    "llava-next": True,
    "gemma3": True,
    "paligemma": True,
    "internvl": False,
    "smolvlm": False,
}
"""Whether the published checkpoints of a family have `vision_tower.vision_model`."""


@pytest.mark.slow
@pytest.mark.parametrize("family", NESTED)
def test_towers_are_named_as_in_published_checkpoints_and_read_again(family: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from safetensors import safe_open

    from fakescope.models.hf.tiny import save_tiny

    base = save_tiny(family, tmp_path / "base")
    made = export_model(str(base), tmp_path / "out")
    with safe_open(made / "model.safetensors", "pt") as file:
        names = list(file.keys())
    assert any("vision_tower.vision_model." in name for name in names) is NESTED[family]
    image = load_image(EXAMPLE)
    before, after = (load_model(str(folder)).answer_logits(image).values for folder in (base, made))
    np.testing.assert_allclose(after, before, atol=1e-4)


@pytest.mark.slow
def test_an_adapter_is_merged_and_the_result_needs_no_base(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    peft = pytest.importorskip("peft")
    from fakescope.models.hf.load import load_parts
    from fakescope.models.hf.tiny import save_tiny
    from fakescope.train.lmm.groups import language_linears

    base = save_tiny("qwen2.5-vl", tmp_path / "base")
    model, _ = load_parts(str(base))
    torch.manual_seed(1)
    config = peft.LoraConfig(r=4, target_modules=language_linears(model), init_lora_weights=False)
    peft.get_peft_model(model, config).save_pretrained(tmp_path / "adapter")
    adapter = tmp_path / "adapter"
    config_file = adapter / "adapter_config.json"
    values: dict[str, Any] = json.loads(config_file.read_text())
    config_file.write_text(json.dumps(values | {"base_model_name_or_path": str(base)}))
    save_card(
        adapter / OWN_CARD,
        replace(load_model(str(base)).card, name="tuned", calibration=Calibration("c", 3.0)),
    )

    made = export_model(str(adapter), tmp_path / "whole")
    assert not (made / "adapter_config.json").exists()
    assert list(made.glob("*.safetensors"))
    assert read_card(made / OWN_CARD).calibration == Calibration("c", 3.0)
    image = load_image(EXAMPLE)
    before, after = load_model(str(adapter)), load_model(str(made))
    plain = load_model(str(base)).answer_logits(image).values
    np.testing.assert_allclose(
        after.answer_logits(image).values, before.answer_logits(image).values, atol=1e-4
    )
    assert np.abs(plain - after.answer_logits(image).values).max() > 1e-2
    half = export_model(str(adapter), tmp_path / "half", "bfloat16")
    sizes = [sum(f.stat().st_size for f in m.glob("*.safetensors")) for m in (half, made)]
    assert sizes[0] == pytest.approx(sizes[1] / 2, rel=0.05)
    with pytest.raises(ModelError, match="cannot be merged"):
        export_model(f"{adapter}?quantise=nf4", tmp_path / "nf4")
