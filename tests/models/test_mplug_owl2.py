"""The port of mPLUG-Owl2 against values of the released code (`benchmarks/mplug_owl2_reference.py` makes them)."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from fakescope.models.mplug_owl2.config import MPLUGOwl2Config  # noqa: E402
from fakescope.models.mplug_owl2.model import MPLUGOwl2ForConditionalGeneration  # noqa: E402

ROOT = Path(__file__).parents[2]
REFERENCE = Path(__file__).with_name("mplug_owl2_reference.npz")
MOST = 1e-4
"""Largest difference that is allowed, float32."""


def _script() -> Any:
    spec = importlib.util.spec_from_file_location("owl", ROOT / "benchmarks" / "mplug_owl2_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = _script()


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    with np.load(REFERENCE, allow_pickle=False) as values:
        return {name: values[name] for name in values.files}


def build(attention: str = "sdpa") -> Any:
    config = MPLUGOwl2Config(**SCRIPT.LANGUAGE, image_token_id=120, visual_config=SCRIPT.VISUAL)
    config._attn_implementation = attention
    model = MPLUGOwl2ForConditionalGeneration(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(SCRIPT.weights_of(name, tuple(parameter.shape))))
    return model


def given(model: Any) -> dict[str, Any]:
    """The reference's inputs, with the image's place written out as its visual tokens."""
    made = SCRIPT.inputs()
    width = model.config.image_seq_length
    rows, masks = [], []
    for ids, mask in zip(made["ids"], made["mask"], strict=True):
        at = int(np.flatnonzero(ids < 0)[0])
        rows.append([*ids[:at], *[model.config.image_token_id] * width, *ids[at + 1 :]])
        masks.append([*mask[:at], *[1] * width, *mask[at + 1 :]])
    ids, mask = torch.tensor(np.array(rows)), torch.tensor(np.array(masks))
    hidden = (ids == model.config.image_token_id) | (mask == 0)
    return {
        "input_ids": ids, "attention_mask": mask, "pixel_values": torch.from_numpy(made["pixels"]),
        "labels": ids.masked_fill(hidden, -100),
    }  # fmt: skip


def test_the_parameters_bear_the_published_names(reference: dict[str, Any]) -> None:
    assert sorted(name for name, _ in build().named_parameters()) == reference["names"].tolist()


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_every_block_and_the_whole_give_the_reference_values(
    reference: dict[str, Any], attention: str, record_property: Any
) -> None:
    model = build(attention)
    found: dict[str, Any] = {}
    for name in SCRIPT.BLOCKS:
        model.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: SCRIPT._keep(found, name, output)
        )
    inputs = given(model)
    with torch.no_grad():
        out = model(**inputs)
    seen = inputs["attention_mask"].bool().numpy()
    differences = {"loss": abs(float(out.loss) - float(reference["loss"]))}
    for name, value in {**found, "logits": out.logits.numpy()}.items():
        theirs = reference[name]
        assert value.shape == theirs.shape, name
        if value.shape[:2] == seen.shape:  # what stands at padding is nobody's
            value, theirs = value[seen], theirs[seen]
        assert np.abs(theirs).max() > 0.1, f"{name} says nothing"
        differences[name] = float(np.abs(value - theirs).max())
    record_property("largest difference", max(differences.values()))
    assert len(differences) == len(SCRIPT.BLOCKS) + 2
    assert max(differences.values()) < MOST, differences


def test_it_generates_as_the_reference(reference: dict[str, Any]) -> None:
    model = build()
    inputs = given(model)
    row = {name: inputs[name][:1] for name in ("input_ids", "attention_mask", "pixel_values")}
    said = model.generate(**row, max_new_tokens=8, do_sample=False, eos_token_id=-1, pad_token_id=0)
    assert said[0, row["input_ids"].shape[1] :].tolist() == reference["said"].tolist()
    again = model.generate(
        **row, max_new_tokens=8, do_sample=False, eos_token_id=-1, pad_token_id=0, use_cache=False
    )
    assert again.tolist() == said.tolist()


def test_the_image_has_its_own_norms_keys_and_values() -> None:
    model = build()
    inputs = given(model)
    with torch.no_grad():
        before = model(**inputs).logits
        for name in ("input_layernorm", "self_attn.k_proj", "self_attn.v_proj"):
            model.model.layers[0].get_submodule(name).multiway[1].weight.mul_(0.5)
        after = model(**inputs).logits
        words = {"input_ids": inputs["input_ids"][:1, :4]}
        plain = model(**words).logits
        model.model.layers[0].self_attn.k_proj.multiway[1].weight.mul_(0.5)
        assert (model(**words).logits - plain).abs().max() == 0, "text alone does not pass the image's ways"
    assert (after - before).abs().max() > 1e-3


def test_places_and_visual_tokens_must_agree() -> None:
    model = build()
    inputs = given(model)
    with pytest.raises(ValueError, match="visual tokens"):
        model(input_ids=inputs["input_ids"], pixel_values=inputs["pixel_values"][:1])


def test_it_is_saved_and_loaded_with_the_same_logits(tmp_path: Path) -> None:
    from transformers import AutoModelForImageTextToText

    from fakescope.models.mplug_owl2 import register

    register()
    model = build()
    model.save_pretrained(tmp_path)
    loaded = AutoModelForImageTextToText.from_pretrained(tmp_path).eval()
    inputs = given(model)
    with torch.no_grad():
        assert (model(**inputs).logits - loaded(**inputs).logits).abs().max() < 1e-6


def published(folder: Path, weights: dict[str, Any]) -> Path:
    """A checkpoint as it is published: a pickle in two parts, with buffers of old, and no processor of its own."""
    import json

    from transformers import CLIPImageProcessor

    from fakescope.models.hf.tokenizers import build_tokenizer

    folder.mkdir()
    names = sorted(weights)
    half = len(names) // 2
    for number, part in enumerate((names[:half], names[half:]), start=1):
        torch.save({name: weights[name] for name in part}, folder / f"pytorch_model-{number}-of-2.bin")
    config = SCRIPT.LANGUAGE | {"model_type": "mplug_owl2", "visual_config": SCRIPT.VISUAL}
    (folder / "config.json").write_text(json.dumps(config))
    build_tokenizer("pieces").save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}).save_pretrained(
        folder
    )
    return folder


def test_a_published_checkpoint_is_converted(tmp_path: Path) -> None:
    from fakescope.models.hf.load import load_parts
    from fakescope.models.mplug_owl2.convert import convert

    model = build()
    weights = {**model.state_dict(), "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(6)}
    made = convert(published(tmp_path / "published", weights), tmp_path / "made")
    assert not list(made.glob("*.bin"))
    loaded, processor = load_parts(str(made))
    inputs = given(model)
    with torch.no_grad():
        assert (model(**inputs).logits - loaded(**inputs).logits).abs().max() < 1e-6
    assert processor.image_seq_length == loaded.config.image_seq_length == 7


def test_what_is_not_this_model_is_not_converted(tmp_path: Path) -> None:
    import pickle

    from fakescope.errors import ModelError
    from fakescope.models.mplug_owl2.convert import convert

    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "opened",))

    weights = dict(build().state_dict())
    weights.pop("model.norm.weight")
    source = published(tmp_path / "other", weights)
    with pytest.raises(ModelError, match=r"missing, such as model\.norm\.weight"):
        convert(source, tmp_path / "made")
    (source / "pytorch_model-1-of-2.bin").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ModelError, match="cannot be read"):
        convert(source, tmp_path / "made")
    assert not (tmp_path / "opened").exists()
    with pytest.raises(ModelError, match=r"config\.json"):
        convert(tmp_path, tmp_path / "made")
