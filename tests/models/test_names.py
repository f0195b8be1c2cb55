"""What models are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakescope.errors import ModelError
from fakescope.models.hf.options import LoadOptions
from fakescope.models.names import parse_name
from fakescope.models.zoo import card_text, list_models, load_model


def test_settings_follow_a_question_mark():
    name = parse_name("qwen3-vl-8b?quantise=nf4&tiles=4&device=cuda:1&trust_code=no&attention=sdpa")
    assert name.source == "qwen3-vl-8b"
    assert not name.hub
    assert name.options == LoadOptions(
        quantise="nf4", tiles=4, device="cuda:1", trust_code=False, attention="sdpa"
    )


def test_a_name_on_the_hub_may_bring_its_revision():
    name = parse_name("hf:org/model@abc123?dtype=bfloat16")
    assert (name.source, name.hub, name.options.revision) == ("org/model", True, "abc123")
    assert parse_name("hf:org/model").options.revision is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("?tiles=1", "names no model"),
        ("hf:", "names no model"),
        ("x?size=3", "no setting 'size'"),
        ("x?tiles=many", "a number"),
        ("x?dtype=int3", "cannot be 'int3'"),
        ("x?dtype=", "cannot be ''"),
        ("x?trust_code=1", "yes or no"),
        ("x?tiles=1&tiles=2", "given twice"),
        ("fakescope-nano?tiles=2", "no settings"),
        ("none-such", "no model named"),
        ("none-such?tiles=2", "no settings"),
    ],
)
def test_what_cannot_be_meant_is_told(text, said):
    with pytest.raises(ModelError, match=said):
        load_model(text or "?")


def test_backbones_say_that_nothing_was_measured():
    cards = {card.name: card for card in list_models()[1:]}
    assert len(cards) >= 9
    for card in cards.values():
        assert card.memory_bytes
        assert not card.figures
        assert card.calibration.id == "none"
        text = card_text(card.name)
        assert "not measured" in text
        assert card.licence in text


def test_a_folder_of_transformers_is_a_model_with_the_card_that_lies_in_it(tmp_path: Path):
    pytest.importorskip("torch")
    from fakescope.models.hf.tiny import save_tiny

    folder = save_tiny("smolvlm", tmp_path / "mine")
    model = load_model(f"{folder}?tiles=1")
    assert model.card.name == "mine"
    assert any("not calibrated" in limit for limit in model.card.limits)
    (folder / "fakescope_card.json").write_text(
        '{"name": "tuned", "revision": "1", "licence": "MIT", "fake_words": ["fake"], "real_words": ["real"],'
        ' "calibration": {"id": "c", "temperature": 2.0, "bias": 0.1}}'
    )
    assert load_model(str(folder)).card.calibration.temperature == 2.0
