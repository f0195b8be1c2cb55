"""The plan of a run: sizes of the zoo's models, image tokens, and memory against measured peaks."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("trl")
pytest.importorskip("datasets")
sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

import train_memory

from fakescope.errors import ConfigError, ModelError
from fakescope.models import zoo
from fakescope.models.hf.tiny import save_tiny
from fakescope.train.lmm.plan.compute import count_flops
from fakescope.train.lmm.plan.gpus import GIB, find_gpu
from fakescope.train.lmm.plan.layout import read_layout
from fakescope.train.lmm.plan.make import Plan, Wish, make_plan
from fakescope.train.lmm.plan.pictures import look
from fakescope.train.lmm.plan.skeleton import build_skeleton, shapes
from fakescope.train.lmm.plan.texts import measure_texts
from fakescope.train.lmm.recipe import Lora, Recipe, load_recipe

CONFIGS = Path(__file__).parents[3] / "configs" / "train" / "lmm"
ROWS = yaml.safe_load(Path(zoo.__file__).with_name("zoo.yaml").read_text(encoding="utf-8"))
STATED = {row["name"]: row["parameters"] * 1e9 for row in ROWS}
WITHIN = 0.15
TOKENS = {  # of a picture of 512 x 512, as the models' papers and cards have them, with the tokens that frame it
    "mplug-owl2-7b": 65,
    "llava-1.5-7b": 576,
    "llava-next-7b": 2928,
    "qwen2.5-vl-7b": 18 * 18 + 2,
    "qwen3-vl-8b": 16 * 16 + 2,
    "internvl3-8b": 256 + 3,
    "gemma3-4b": 256 + 6,
}


def wish(**changes: Any) -> Wish:
    return replace(Wish.of("a100-80", 1, None, None, 0.35), **changes)


def tune(model: str, **changes: Any) -> Plan:
    where = {name: changes.pop(name) for name in ("gpu", "gpus", "strategy", "price") if name in changes}
    return make_plan(Recipe("tune", model, **changes), wish(**where))


def test_every_backbone_of_the_zoo_has_its_sizes() -> None:
    assert shapes().keys() == STATED.keys()


@pytest.mark.parametrize("name", STATED)
def test_a_backbone_without_weights_has_the_parameters_that_its_card_states(name: str) -> None:
    layout = read_layout(build_skeleton(Recipe("tune", f"{name}?dtype=bfloat16")).model)
    total = sum(number for number, _ in layout.counts.values())
    assert total == pytest.approx(STATED[name], rel=0.01)
    assert layout.bytes == 2 * total
    layers = layout.language.layers * layout.language.parameters
    assert 0.75 < layers / layout.counts["language"][0] <= 1


@pytest.mark.parametrize("name", TOKENS)
def test_image_tokens_are_those_of_the_published_processor(name: str) -> None:
    assert look(build_skeleton(Recipe("tune", name))).tokens == TOKENS[name]


def test_fewer_tiles_take_fewer_tokens() -> None:
    many, few = (look(build_skeleton(Recipe("tune", f"smolvlm2-2.2b{more}"))) for more in ("", "?tiles=4"))
    assert many.views == 17
    assert few.views == 5
    assert few.tokens < many.tokens / 3


@pytest.mark.slow
@pytest.mark.parametrize("name", train_memory.CASES)
def test_the_plan_is_within_15_percent_of_measured_peaks(name: str, tmp_path: Path) -> None:
    said, found = train_memory.measure(train_memory.CASES[name], tmp_path)
    assert said.peak == pytest.approx(found.peak, rel=WITHIN)
    assert said.activations == pytest.approx(found.activations, rel=WITHIN)
    assert found.peak > 100 * train_memory.MIB, "large enough that noise does not count"


def test_adapters_are_counted_as_they_are_put_on() -> None:
    made = tune("llava-1.5-7b", lora=Lora(128, 256, 0.05))
    adapters, learning = made.layout.counts["adapters"]
    width, inner = 4096, 11008
    assert adapters == learning == 32 * 128 * (4 * 2 * width + 3 * (width + inner))
    assert made.layout.counts["language"][1] == 0
    assert made.memory.states == pytest.approx(2 * made.memory.gradients)


def test_operations_are_six_four_or_two_a_parameter() -> None:
    def of(recipe: Recipe) -> tuple[float, float]:
        layout = read_layout(build_skeleton(recipe).model, checkpointing=recipe.checkpointing)
        flops = count_flops(
            layout, length=100, learned=0, image_tokens=0, views=1, patches=577,
            checkpointing=recipe.checkpointing,
        )  # fmt: skip
        stack = layout.language
        attention = stack.layers * 100 * 4 * 50 * stack.query
        forward = stack.layers * 100 * 2 * stack.parameters + attention
        vision = layout.vision.layers * 577 * (2 * layout.vision.parameters + 4 * 577 * layout.vision.query)
        return flops.language / forward, flops.vision / vision

    everything = ("vision", "projector", "language")
    assert of(Recipe("tune", "llava-1.5-7b", trained=everything, checkpointing=False)) == (3, 3)
    assert of(Recipe("tune", "llava-1.5-7b", trained=everything)) == (4, 4)
    assert of(Recipe("align", "llava-1.5-7b", checkpointing=False)) == (2, 1)
    assert of(Recipe("align", "llava-1.5-7b")) == (3, 1)


def test_what_does_not_fit_is_told_with_what_would() -> None:
    whole = tune("qwen2.5-vl-7b?dtype=bfloat16", trained=("projector", "language"), batch=8)
    assert not tune(
        "qwen2.5-vl-7b?dtype=bfloat16", trained=("projector", "language"), gpu=find_gpu("rtx4090-24")
    ).fits
    small = tune("qwen2.5-vl-7b?dtype=bfloat16", lora=Lora(16), batch=32, checkpointing=False)
    assert not small.fits
    assert any(hint.startswith("checkpointing: true") for hint in small.hints)
    card = tune("qwen2.5-vl-7b?dtype=bfloat16", lora=Lora(16), gpu=find_gpu("rtx4090-24"), batch=16)
    assert any("batch: " in hint or "nf4" in hint for hint in card.hints)
    nf4 = tune(
        "qwen2.5-vl-7b?dtype=bfloat16&quantise=nf4", lora=Lora(16), gpu=find_gpu("rtx4090-24"), batch=1
    )
    assert nf4.memory.weights < 0.5 * whole.memory.weights
    assert nf4.fits


def test_a_model_that_takes_no_fast_attention_is_planned_without() -> None:
    layouts = {
        name: read_layout(build_skeleton(Recipe("tune", name)).model)
        for name in ("paligemma2-3b", "gemma3-4b")
    }
    assert layouts["paligemma2-3b"].language.eager, "Gemma 2 caps its attention"
    assert not layouts["paligemma2-3b"].vision.eager
    assert not layouts["gemma3-4b"].language.eager


def test_shared_training_takes_less_of_each() -> None:
    everything: dict[str, Any] = {"trained": ("projector", "language"), "batch": 1}
    alone = tune("llava-1.5-7b?dtype=bfloat16", **everything).memory
    sharded = {
        strategy: tune("llava-1.5-7b?dtype=bfloat16", gpus=8, strategy=strategy, **everything).memory
        for strategy in ("ddp", "zero2", "zero3", "fsdp")
    }
    assert sharded["ddp"].peak > alone.peak
    assert sharded["zero3"].weights == pytest.approx(alone.weights / 8)
    assert sharded["zero3"].peak < sharded["zero2"].peak < sharded["ddp"].peak
    assert sharded["fsdp"].peak < alone.peak


def test_hours_and_cost_follow_from_operations() -> None:
    one = tune("smolvlm2-2.2b", steps=100, batch=4, accumulate=2, price=2.0)
    assert one.seen == 800
    time = one.times["a100-80"]
    assert time.hours == pytest.approx(one.flops.total * 800 / (312e12 * 0.35) / 3600)
    assert time.dollars == pytest.approx(2.0 * time.gpu_hours)
    assert one.times["h100-80"].hours < time.hours / 3
    eight = tune("smolvlm2-2.2b", steps=100, batch=4, accumulate=2, gpus=8, strategy="ddp")
    assert eight.seen == 6400
    assert eight.times["a100-80"].hours == pytest.approx(time.hours)


def test_a_folder_is_planned_by_its_own_configuration(tmp_path: Path) -> None:
    folder = save_tiny("llava-1.5", tmp_path / "toy")
    made = tune(str(folder), batch=2)
    assert sum(number for number, _ in made.layout.counts.values()) < 10e6
    assert made.picture.tokens == 16
    assert made.dtype == "float32"
    assert made.memory.peak < 3 * GIB


def test_an_adapter_of_an_earlier_stage_goes_on(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    from fakescope.models.hf.load import load_parts
    from fakescope.train.lmm.groups import language_linears

    model, _ = load_parts(str(save_tiny("llava-1.5", tmp_path / "base")))
    config = LoraConfig(r=4, target_modules=language_linears(model), task_type="CAUSAL_LM")
    get_peft_model(model, config).save_pretrained(tmp_path / "adapter")
    with pytest.raises(ConfigError, match="rank 64 but 4"):
        tune(str(tmp_path / "adapter"), lora=Lora(64))
    made = tune(str(tmp_path / "adapter"), trained=(), lora=Lora(4, 8))
    adapters, learning = made.layout.counts["adapters"]
    assert adapters == learning > 0
    assert made.layout.rank == 4
    merged = tune(str(tmp_path / "adapter"))
    assert "adapters" not in merged.layout.counts


def test_lengths_are_read_off_a_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = [
        {"part": part, "form": "f", "messages": [
            {"role": "user", "content": "one two three four five"}, {"role": "assistant", "content": "six " * words},
        ]}
        for part, words in (("judgement", 10), ("judgement", 20), ("traces", 500))
    ]  # fmt: skip
    monkeypatch.setattr("fakescope.instruct.read.read_rows", lambda *_: iter(rows))
    texts = measure_texts(tmp_path, ("judgement",), None, None)
    assert texts.conversations == 2
    assert texts.longest == 7 + 28 + 12
    assert texts.most_learned == 29
    assert texts.learned < texts.mean


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_recipes_that_ship_fit_where_they_say(path: Path) -> None:
    assert make_plan(load_recipe(path), wish()).fits


@pytest.mark.parametrize(
    ("gpu", "gpus", "strategy", "said"),
    [
        ("voodoo2", 1, None, "no GPU is known"),
        ("l40s-48", 2, "single", "cannot share"),
        ("l40s-48", 2, "magic", "no strategy is known"),
    ],
)
def test_wishes_that_cannot_be_are_told(gpu: str, gpus: int, strategy: str | None, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Wish.of(gpu, gpus, strategy, None, 0.35)


def test_a_model_that_is_not_known_is_told() -> None:
    with pytest.raises(ModelError, match="not known"):
        build_skeleton(Recipe("tune", "no-such-model"))


@pytest.mark.slow
def test_the_command_prints_tables_and_json(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fakescope", "train", "plan", str(CONFIGS / "llava-1.5-7b-tune.yaml")]
    done = subprocess.run([*command, "--gpu", "h100-80"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "adapters" in done.stdout
    assert "yes: h100-80" in done.stdout
    done = subprocess.run([*command, "--json", "--price", "2"], capture_output=True, text=True, check=False)
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert told[0]["fits"] is True
    assert told[0]["memory"]["peak"] > 15 * GIB
    for wrong in (["--gpu", "voodoo2"], ["--model", "no-such-model"]):
        failed = subprocess.run([*command, *wrong], capture_output=True, text=True, check=False)
        assert failed.returncode != 0
        assert "Traceback" not in failed.stderr
    (tmp_path / "bad.yaml").write_text("stage: dance\nmodel: x\n")
    failed = subprocess.run(
        [*command[:-1], str(tmp_path / "bad.yaml")], capture_output=True, text=True, check=False
    )
    assert failed.returncode != 0
    assert "stage must be one of" in failed.stderr
