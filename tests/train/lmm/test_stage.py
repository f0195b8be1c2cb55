"""A stage of training on a tiny LLaVA: it learns, goes on where it was stopped, and what it saves can be asked."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("datasets")
sys.path.insert(0, str(Path(__file__).parents[2] / "instruct"))

from made_records import make_record

from fakescope.chain.release.write import ALL, Release, write_release
from fakescope.errors import DataError
from fakescope.images.load import load_image
from fakescope.instruct.build import Plan, build
from fakescope.instruct.compose import Quota
from fakescope.models.hf.tiny import save_tiny
from fakescope.models.zoo import load_model
from fakescope.records import Label
from fakescope.train.lmm import stage
from fakescope.train.lmm.folder import read_curve
from fakescope.train.lmm.recipe import Lora, Recipe

CLOSE = 1e-4
COLOURS = {Label.FAKE: (210, 60, 60), Label.REAL: (60, 60, 210)}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model, a set of instructions, and its images: fakes are reddish and reals bluish."""
    root = tmp_path_factory.mktemp("world")
    records = [
        make_record(n, label, split)
        for label in Label
        for n, split in enumerate(["train"] * 10 + ["dev"] * 4)
    ]
    write_release(records, root / "release", Release("made", "1"), statuses=ALL)
    build(Plan(root / "release", root / "set", Quota(2, 2, 2, 2)))
    (root / "images").mkdir()
    draw = np.random.default_rng(0)
    for record in records:
        colour = np.array(COLOURS[record.image.label], float)  # type: ignore[index]
        pixels = np.clip(colour + draw.normal(0, 30, (70, 80, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / "images" / f"{record.image.id}.jpg")
    save_tiny("llava-1.5", root / "base")
    return {name: root / name for name in ("set", "images", "base")}


def recipe(world: dict[str, Path], **changes: Any) -> Recipe:
    values: dict[str, Any] = {
        "stage": "tune", "model": str(world["base"]), "trained": ("vision", "projector", "language"),
        "parts": ("judgement",), "steps": 8, "batch": 4, "learning_rate": 1e-3, "vision_rate": 1e-3,
        "evaluate_every": 4, "dev_images": 8, "checkpointing": False, "workers": 0,
    }  # fmt: skip
    return Recipe(**(values | changes))


@pytest.mark.slow
def test_a_stage_that_was_stopped_goes_on_with_the_same_losses(
    world: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = stage.train(recipe(world), world["set"], world["images"], tmp_path / "whole")
    assert whole.steps == 8
    add = stage.add_row

    def killed(folder: Path, step: int, row: dict[str, float]) -> None:
        add(folder, step, row)
        if step == 6:
            raise KeyboardInterrupt

    monkeypatch.setattr(stage, "add_row", killed)
    with pytest.raises(KeyboardInterrupt):
        stage.train(recipe(world), world["set"], world["images"], tmp_path / "stopped")
    monkeypatch.setattr(stage, "add_row", add)
    again = stage.train(recipe(world), world["set"], world["images"], tmp_path / "stopped")
    first, second = (dict(read_curve(tmp_path / name)["loss"]) for name in ("whole", "stopped"))
    assert first.keys() == second.keys() == set(range(1, 9))
    assert max(abs(first[step] - second[step]) for step in first) < CLOSE
    assert again.dev == pytest.approx(whole.dev, abs=CLOSE)


@pytest.mark.slow
def test_it_learns_what_can_be_seen_and_the_model_can_be_asked(
    world: dict[str, Path], tmp_path: Path
) -> None:
    done = stage.train(
        recipe(world, steps=40, batch=8, evaluate_every=20), world["set"], world["images"], tmp_path / "run"
    )
    assert done.dev["dev_auroc"] >= 0.95
    assert done.dev["dev_answer_mass"] > 0.5
    model = load_model(str(done.folder))
    assert any("not calibrated" in limit for limit in model.card.limits)
    for label, low in (("fake", "fake"), ("real", "real")):
        image = load_image(world["images"] / f"{low}12.jpg")
        said = "".join(model.generate(image, [stage_question()], max_tokens=12))
        assert said.strip().endswith(f"This image is {label}.")
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["data"]["instructions"] == 40
    assert about["parameters"]["language"][1] > 0
    assert about["environment"]["torch"]
    assert (tmp_path / "run" / "curve.svg").read_text().startswith("<svg")


def stage_question() -> Any:
    from fakescope.prompts.paper import AUTHENTICITY_QUESTION
    from fakescope.records import Message

    return Message(role="user", content=AUTHENTICITY_QUESTION)


@pytest.mark.slow
def test_aligned_then_tuned_with_adapters(world: dict[str, Path], tmp_path: Path) -> None:
    aligned = stage.train(
        recipe(world, stage="align", trained=("projector",), parts=(), steps=4, dev_images=0),
        world["set"], world["images"], tmp_path / "align",
    )  # fmt: skip
    about = json.loads((tmp_path / "align" / "run.json").read_text())
    learning = {group: numbers[1] for group, numbers in about["parameters"].items()}
    assert learning["projector"] > 0
    assert learning["vision"] == learning["language"] == 0
    tuned = stage.train(
        recipe(world, model=str(aligned.folder), trained=("projector",), lora=Lora(4, 8, 0.0), steps=6),
        world["set"], world["images"], tmp_path / "tune",
    )  # fmt: skip
    assert (tuned.folder / "adapter_model.safetensors").is_file()
    model = load_model(str(tuned.folder))
    image = load_image(world["images"] / "fake12.jpg")
    base = load_model(str(aligned.folder)).answer_logits(image).values
    assert np.abs(model.answer_logits(image).values - base).max() > 1e-3


def test_what_is_missing_is_told_before_anything_is_trained(world: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="pictures are missing"):
        stage.train(recipe(world), world["set"], tmp_path / "none", tmp_path / "run")
    with pytest.raises(DataError, match="no instructions of tracks"):
        stage.train(recipe(world, parts=("tracks",)), world["set"], world["images"], tmp_path / "run")


@pytest.mark.slow
def test_the_command_trains_and_goes_on_with_what_a_stage_made(
    world: dict[str, Path], tmp_path: Path
) -> None:
    import subprocess

    path = tmp_path / "recipe.yaml"
    path.write_text(
        f"stage: tune\nmodel: {world['base']}\nlora: {{rank: 4}}\nparts: [judgement]\nsteps: 2\nbatch: 2\n"
        "dev_images: 4\nevaluate_every: 2\nworkers: 0\n"
    )
    command = [
        sys.executable, "-m", "fakescope", "train", "run", str(path), "--data", str(world["set"]), "--images",
        str(world["images"]), "--out", str(tmp_path / "run"), "--json",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert told["steps"] == 2
    assert 0 <= told["dev"]["dev_auroc"] <= 1
    path.write_text("stage: dance\nmodel: x\n")
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert failed.returncode != 0
    assert "stage must be one of" in failed.stderr
    assert "Traceback" not in failed.stderr
