"""A stage of training on a tiny LLaVA: it learns, goes on where it was stopped, and what it saves can be asked."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("datasets")
from safetensors import safe_open

sys.path.insert(0, str(Path(__file__).parent))

from world import make_world

from fakescope.errors import ConfigError, DataError, ModelError
from fakescope.images.load import load_image
from fakescope.models.hf.tiny import save_tiny
from fakescope.models.zoo import load_model
from fakescope.train.lmm import stage
from fakescope.train.lmm.folder import read_curve
from fakescope.train.lmm.recipe import Lora, Recipe

CLOSE = 1e-4


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_world(tmp_path_factory.mktemp("world"))


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
def test_a_folder_holds_one_run_alone(world: dict[str, Path], tmp_path: Path) -> None:
    short = {"steps": 1, "dev_images": 0}
    run = tmp_path / "run"
    stage.train(recipe(world, **short), world["set"], world["images"], run)
    with pytest.raises(ConfigError, match=r"another run: recipe\.learning_rate, recipe\.seed differ"):
        stage.train(recipe(world, **short, learning_rate=2e-3, seed=1), world["set"], world["images"], run)
    config = world["base"] / "config.json"
    before = config.read_text()
    config.write_text(before + "\n")
    try:
        with pytest.raises(ConfigError, match=r"model\.sha256 differ"):
            stage.train(recipe(world, **short), world["set"], world["images"], run)
    finally:
        config.write_text(before)
    stage.train(recipe(world, **short, workers=1), world["set"], world["images"], run)


@pytest.mark.slow
def test_an_adapter_goes_on_only_as_it_is(world: dict[str, Path], tmp_path: Path) -> None:
    short = {"steps": 1, "dev_images": 0, "trained": ()}
    first = stage.train(
        recipe(world, **short, lora=Lora(4, 8, 0.0)), world["set"], world["images"], tmp_path / "first"
    )
    with pytest.raises(ConfigError, match="rank 64 but 4, alpha 128 but 8 in the adapter"):
        stage.train(
            recipe(world, **short, model=str(first.folder), lora=Lora()),
            world["set"], world["images"], tmp_path / "second",
        )  # fmt: skip


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


@pytest.mark.slow
def test_texts_trackers_and_batches_of_like_length(world: dict[str, Path], tmp_path: Path) -> None:
    tracker = "tensorboard" if find_spec("tensorboard") else "none"
    grouped = recipe(world, grouping="length", tracker=tracker, dev_texts=3, parts=())
    stage.train(grouped, world["set"], world["images"], tmp_path / "run")
    said = [json.loads(line) for line in (tmp_path / "run" / "texts.jsonl").read_text().splitlines()]
    assert {text["step"] for text in said} == {4, 8}
    assert len(said) == 2 * 3 * 2  # looks, images, questions
    assert {text["image"][:4] for text in said} == {"fake", "real"}
    assert bool(list((tmp_path / "run").rglob("events.out.tfevents.*"))) == (tracker == "tensorboard")
    curve = read_curve(tmp_path / "run")
    assert 0 <= dict(curve["eval_dev_text_agrees"])[8] <= 1
    words = [len(text["text"].split()) for text in said if text["step"] == 8]
    assert dict(curve["eval_dev_text_words"])[8] == pytest.approx(sum(words) / len(words))


@pytest.mark.slow
def test_every_learned_token_counts_the_same_however_a_step_is_cut_into_passes(
    world: dict[str, Path], tmp_path: Path
) -> None:
    """Qwen's models refuse the number of learned tokens, so passes with few and with many would weigh the same."""
    base, curves = save_tiny("qwen2.5-vl", tmp_path / "base"), []
    for batch in (4, 1):
        cut = recipe(
            world, model=str(base), trained=("projector", "language"), parts=(), steps=4, batch=batch,
            accumulate=4 // batch, dev_images=0,
        )  # fmt: skip
        stage.train(cut, world["set"], world["images"], tmp_path / f"{batch}")
        curves.append(dict(read_curve(tmp_path / f"{batch}")["loss"]))
    assert curves[0] == pytest.approx(curves[1], abs=CLOSE)


@pytest.mark.slow
def test_a_checkpoint_that_was_being_written_is_passed_over(world: dict[str, Path], tmp_path: Path) -> None:
    short = recipe(world, steps=4, evaluate_every=2, dev_images=0)
    stage.train(short, world["set"], world["images"], tmp_path / "run")
    whole = dict(read_curve(tmp_path / "run")["loss"])
    (tmp_path / "run" / "checkpoints" / "checkpoint-4" / "trainer_state.json").unlink()
    (tmp_path / "run" / "curve.csv").unlink()
    stage.train(short, world["set"], world["images"], tmp_path / "run")
    again = dict(read_curve(tmp_path / "run")["loss"])
    assert again.keys() == {3, 4}
    assert again == pytest.approx({step: whole[step] for step in again}, abs=CLOSE)


def test_packages_that_a_recipe_asks_for_are_asked_for_first(
    world: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "find_spec", lambda name: None)
    for changes, package in (({"liger": True}, "liger-kernel"), ({"tracker": "wandb"}, "wandb")):
        with pytest.raises(ConfigError, match=f"pip install {package}"):
            stage.train(recipe(world, **changes), world["set"], world["images"], tmp_path / "run")


@pytest.mark.slow
def test_adapters_on_four_bits_learn_and_are_read_again(world: dict[str, Path], tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    quantised = f"{world['base']}?quantise=nf4"
    tuned = stage.train(
        recipe(world, model=quantised, trained=("projector",), lora=Lora(4, 8, 0.0), steps=6, dev_images=4),
        world["set"], world["images"], tmp_path / "run",
    )  # fmt: skip
    assert 0 <= tuned.dev["dev_auroc"] <= 1
    with safe_open(tuned.folder / "adapter_model.safetensors", "pt") as file:
        names = list(file.keys())
    assert any("multi_modal_projector" in name for name in names)
    assert any("lora_B" in name for name in names)
    losses = dict(read_curve(tmp_path / "run")["loss"])
    assert losses[6] < losses[1]
    image = load_image(world["images"] / "fake12.jpg")
    assert np.isfinite(load_model(str(tuned.folder)).answer_logits(image).values).all()
    with pytest.raises(ModelError, match="cannot learn"):
        stage.train(recipe(world, model=quantised), world["set"], world["images"], tmp_path / "full")


@pytest.mark.slow
def test_projectors_in_lists_are_saved_beside_adapters(world: dict[str, Path], tmp_path: Path) -> None:
    base = save_tiny("qwen3-vl", tmp_path / "base")
    tuned = stage.train(
        recipe(world, model=str(base), trained=("projector",), lora=Lora(4, 8, 0.0), steps=2, dev_images=0),
        world["set"], world["images"], tmp_path / "run",
    )  # fmt: skip
    with safe_open(tuned.folder / "adapter_model.safetensors", "pt") as file:
        assert any("deepstack_merger_list" in name for name in list(file.keys()))


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
