"""Configurations for several GPUs are read by accelerate itself; two processes do what one does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytest.importorskip("accelerate")
pytest.importorskip("safetensors")
pytest.importorskip("torch")
from safetensors.torch import load_file

from fakescope.train.lmm.folder import read_curve

RECIPE = {
    "stage": "tune", "trained": ["projector", "language"], "parts": ["judgement"], "steps": 4, "learning_rate": 1e-3,
    "dev_images": 4, "dev_texts": 2, "evaluate_every": 2, "workers": 0, "checkpointing": False,
}  # fmt: skip
CONFIGS = sorted((Path(__file__).parents[3] / "configs" / "train" / "accelerate").glob("*.yaml"))


def test_there_is_one_for_each_number_of_gpus() -> None:
    counts = {yaml.safe_load(path.read_text())["num_processes"] for path in CONFIGS}
    assert counts == {1, 4, 8, 32}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_accelerate_reads_it_and_knows_every_key(path: Path) -> None:
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import launch_command_parser

    config = load_config_from_file(str(path))
    assert path.stem.endswith(str(config.num_processes)) or path.stem == "single"
    known = {action.dest for action in launch_command_parser()._actions}
    for section in ("fsdp_config", "deepspeed_config"):
        assert set(yaml.safe_load(path.read_text()).get(section, {})) <= known
    if config.num_machines > 1:
        assert config.main_process_ip
        assert config.main_process_port


def run(folder: Path, name: str, start: list[str], **changes: int) -> None:
    """Four steps with four conversations each."""
    values = RECIPE | {"model": str(folder / "base")} | changes
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(values))
    words = [*start, "train", "run", str(folder / f"{name}.yaml"), "--data", str(folder / "set"), "--json"]
    words += ["--images", str(folder / "images"), "--out", str(folder / name)]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = [line for line in done.stdout.splitlines() if line.startswith('{"model"')]
    assert len(told) == 1, "one process tells what was done"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world, and in it the run `one`, of one process."""
    pytest.importorskip("trl")
    sys.path.insert(0, str(Path(__file__).parent))
    from world import make_world

    folder = tmp_path_factory.mktemp("world")
    make_world(folder)
    run(folder, "one", ["-m", "fakescope"], batch=4)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("config", ["ddp-4", "fsdp-4", "zero2-4", "zero3-8"])
def test_two_processes_take_the_losses_of_one(alone: Path, config: str) -> None:
    """Each has a conversation a pass and two passes a step; the configurations are those that ship, on CPUs."""
    if config.startswith("zero"):
        pytest.importorskip("deepspeed")
    path = next(path for path in CONFIGS if path.stem == config)
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    run(
        alone, config, [*start, str(Path(__file__).with_name("on_cpus.py")), str(path)], batch=1, accumulate=2
    )
    one, two = (read_curve(alone / name) for name in ("one", config))
    for name, close in (("loss", 1e-4), ("eval_dev_p_fake", 1e-5), ("eval_dev_auroc", 1e-6)):
        assert len(one[name]) > 1
        assert dict(two[name]) == pytest.approx(dict(one[name]), abs=close)
    texts = [(alone / name / "texts.jsonl").read_text().count("\n") for name in ("one", config)]
    assert texts[0] == texts[1] == 2 * 2 * 2  # looks, images, questions: one process writes
    first, second = (load_file(alone / name / "model" / "model.safetensors") for name in ("one", config))
    assert first.keys() == second.keys()
    assert max(float((first[name] - second[name]).abs().max()) for name in first) < 1e-4
    if config.startswith("zero"):
        assert list((alone / config / "checkpoints").glob("*/global_step*")), "DeepSpeed was at work"
    if config.startswith("fsdp"):
        assert list((alone / config / "checkpoints").glob("*/pytorch_model_fsdp.bin")), "FSDP was at work"
