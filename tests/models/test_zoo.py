"""Models by name, the files that ship, and what is said when one is missing or broken."""

from __future__ import annotations

import json
import shutil

import pytest

from fakescope.errors import ModelError
from fakescope.models import zoo
from fakescope.models.base import ForensicModel
from fakescope.models.card import read_card
from fakescope.models.nano import NanoModel
from fakescope.models.zoo import card_text, list_models, load_model
from fakescope.verdict.labels import candidate_sets

FOLDER = zoo._FOLDERS[zoo.DEFAULT_MODEL]
MIB = 1024**2
CARD = {"name": "n", "revision": "r", "licence": "MIT", "fake_words": ["fake"], "real_words": ["real"]}


def test_the_default_model_loads_once_and_fits_its_seam():
    model = load_model()
    assert model is load_model("fakescope-nano")
    assert isinstance(model, ForensicModel)
    sets = candidate_sets(model)
    assert len(sets.fake) == len(sets.real) == 1


def test_the_card_that_ships():
    card, *_ = list_models()
    assert card.name == "fakescope-nano"
    assert card.licence
    assert card.limits
    assert 0 <= card.band.low <= card.threshold <= card.band.high <= 1
    assert card.calibration.temperature > 0
    assert 0 < card.finding_threshold < 1


def test_the_card_can_be_read_by_people():
    assert isinstance(card_text("fakescope-nano"), str)


def test_weights_are_small_enough_to_ship():
    sizes = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert max(sizes.values()) < 50 * MIB, sizes
    assert sum(sizes.values()) < 60 * MIB, sizes


def test_no_pickle_ships():
    for path in FOLDER.iterdir():
        assert path.suffix in {".onnx", ".json", ".md", ".csv"}, path
        head = path.open("rb").read(2)
        assert head not in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), path


def test_onnx_files_need_no_other_file():
    assert {p.name for p in FOLDER.glob("*.onnx")} == {"encoder.onnx", "abstractor.onnx", "decoder.onnx"}
    assert not list(FOLDER.glob("*.data"))


@pytest.mark.parametrize("name", ["no-such-model", "/no/such/folder", "x" * 5000, "a\0b", "../..", "\n"])
def test_an_unknown_name(name):
    with pytest.raises(ModelError, match="there is no model named"):
        load_model(name)
    with pytest.raises(ModelError):
        card_text(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        json.dumps(CARD | {"surprise": 1}),
        json.dumps(CARD | {"calibration": {"slope": 1}}),
        json.dumps(CARD | {"band": None}),
        json.dumps({k: v for k, v in CARD.items() if k != "fake_words"}),
        "\xff\xfe",
        "[" * 100_000,
    ],
)
def test_a_broken_card(tmp_path, text):
    (tmp_path / "card.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError, match="model card"):
        read_card(tmp_path / "card.json")
    with pytest.raises(ModelError):
        load_model(str(tmp_path))


def test_a_folder_without_weights(tmp_path):
    (tmp_path / "card.json").write_text(json.dumps(CARD))
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(str(tmp_path))
    with pytest.raises(ModelError):
        card_text(str(tmp_path))


@pytest.mark.parametrize("broken", ["encoder.onnx", "tokenizer.json"])
def test_a_folder_with_a_broken_file(tmp_path, broken):
    for path in FOLDER.iterdir():
        if path.name in ("card.json", "encoder.onnx", "abstractor.onnx", "decoder.onnx", "tokenizer.json"):
            shutil.copyfile(path, tmp_path / path.name)
    (tmp_path / broken).write_bytes(b"\x80\x04not a model")
    with pytest.raises(ModelError, match="cannot be loaded"):
        NanoModel(tmp_path, threads=1)


def test_a_folder_is_a_name(tmp_path):
    (tmp_path / "card.json").write_text(json.dumps(CARD))
    assert read_card(tmp_path / "card.json").name == "n"
