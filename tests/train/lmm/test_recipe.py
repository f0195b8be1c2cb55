"""Recipes say what is wrong with them, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakescope.errors import ConfigError
from fakescope.models.names import parse_name
from fakescope.models.zoo import list_models
from fakescope.train.lmm.recipe import Lora, Recipe, load_recipe

CONFIGS = Path(__file__).parents[3] / "configs" / "train" / "lmm"


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


def test_a_recipe_needs_little(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, "stage: tune\nmodel: qwen3-vl-8b\nlora: {rank: 16}\n"))
    assert recipe == Recipe("tune", "qwen3-vl-8b", lora=Lora(rank=16))


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_recipes_that_ship_can_be_read(path: Path) -> None:
    recipe = load_recipe(path)
    name = parse_name(recipe.model)
    assert name.source in {card.name for card in list_models()}
    assert path.stem == f"{name.source}-{recipe.stage}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stage: dance\nmodel: x\n", "stage must be one of"),
        ("stage: tune\nmodel: x\ntrained: [brain]\n", "trained must be of"),
        ("stage: tune\nmodel: x\ntrained: []\n", "nothing is trained"),
        ("stage: tune\nmodel: x\ntrained: [language]\nlora: {}\n", "exclude each other"),
        ("stage: tune\nmodel: x\nbatch: 0\nwarmup: 2\n", "2 fault"),
        ("stage: tune\nmodel: x\nlora: {dropout: 1.0}\n", "dropout in"),
        ("stage: tune\nmodel: x\nspeed: 3\n", "not a known key"),
        ("stage: tune\n", "model is missing"),
    ],
)
def test_faults_are_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_recipe(write(tmp_path, text))
