"""Every command of docs/training.md, run at toy size: nothing in it may be wrong."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("datasets")
pytest.importorskip("uvicorn")
pytest.importorskip("httpx")
sys.path.insert(0, str(Path(__file__).parent))

from PIL import Image
from world import make_world

from fakescope.train.lmm.recipe import Recipe
from fakescope.train.lmm.stage import train

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "training.md"
SMALL = {
    "steps": 2, "batch": 2, "accumulate": 1, "dev_images": 4, "dev_texts": 1, "evaluate_every": 2, "workers": 0,
}  # fmt: skip
NOT_RUN = ("pip install",)
"""Of the guide; the test's own environment is installed already."""

ON_A_CPU = [
    "--cpu",
    "--num_processes",
    "1",
    "--num_machines",
    "1",
    "--mixed_precision",
    "no",
    "--dynamo_backend",
    "no",
]


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line and not line.startswith(NOT_RUN)]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_guide_can_be_followed_line_by_line(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", reviewed=True)
    world["base"] = taught(world, tmp_path / "taught")
    lay_out(tmp_path, world)
    done = []
    for command in commands():
        words = [at_toy_size(word) for word in shlex.split(command)]
        if "plan" in words:  # computed for the real recipes
            words = [
                str(ROOT / word) if word.startswith("configs/") else word for word in shlex.split(command)
            ]
        if words[0] == "accelerate":
            words = [sys.executable, "-m", "accelerate.commands.launch", *words[2:4], *ON_A_CPU, *words[4:]]
        else:
            words = [sys.executable, "-m", *words]
        if "--images" in words:
            words[words.index("--images") + 1] = str(world["images"])
        if words[3] == "serve":
            serve_and_ask(words, tmp_path)
        else:
            run(words, tmp_path)
        done.append(command.split()[1])
    assert {"instruct", "train", "launch", "calibrate", "bench", "examine", "export", "serve"} <= set(done)
    assert (tmp_path / "runs" / "tune" / "model" / "adapter_model.safetensors").is_file()
    assert (tmp_path / "runs" / "prefer" / "curve.csv").is_file()
    assert json.loads((tmp_path / "runs" / "tune" / "model" / "fakescope_card.json").read_text())["wordings"]
    assert list((tmp_path / "fakescope-7b").glob("*.safetensors"))


def taught(world: dict[str, Path], out: Path) -> Path:
    """A toy that sees the difference already: two steps teach nothing that could be calibrated."""
    recipe = Recipe(
        "tune", str(world["base"]), trained=("vision", "projector", "language"), parts=("judgement",), steps=40,
        batch=8, learning_rate=1e-3, vision_rate=1e-3, dev_images=0, checkpointing=False, workers=0,
    )  # fmt: skip
    return train(recipe, world["set"], world["images"], out).folder


def lay_out(root: Path, world: dict[str, Path]) -> None:
    """What the guide presumes: a release, labelled images, a photograph, recipes; the last for a toy."""
    (root / "RELEASE").symlink_to(world["release"])
    (root / "DATA" / "images").mkdir(parents=True)
    pictures = sorted(world["images"].glob("*.jpg"))
    with (root / "DATA" / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "label", "split"])
        for number, path in enumerate(pictures):
            writer.writerow([path.stem, path.stem[:4], "test" if number % 14 > 11 else "dev"])
            (root / "DATA" / "images" / path.name).symlink_to(path)
    Image.open(pictures[0]).save(root / "photo.jpg")
    (root / "recipes").mkdir()
    for path in (ROOT / "configs" / "train" / "lmm").glob("llava-1.5-7b-*.yaml"):
        recipe = yaml.safe_load(path.read_text()) | SMALL | {"model": str(world["base"])}
        if "lora" in recipe:
            recipe["lora"] = {"rank": 4, "alpha": 8, "dropout": 0.0}
        (root / "recipes" / path.name).write_text(yaml.safe_dump(recipe))


def at_toy_size(word: str) -> str:
    if word.startswith("configs/train/lmm/"):
        return f"recipes/{Path(word).name}"
    return str(ROOT / word) if word.startswith("configs/") else word


def run(words: list[str], folder: Path) -> str:
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stderr[-3000:]}"
    return done.stdout


def serve_and_ask(words: list[str], folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words[words.index("--port") + 1] = str(port)
    with serving(words, folder, port) as url:
        detect = [sys.executable, "-m", "fakescope", "detect", "photo.jpg", "--json", "--model"]
        there, here = (json.loads(run([*detect, model], folder)) for model in (url, "fakescope-7b"))
        assert there["p_fake"] == pytest.approx(here["p_fake"], abs=0.01)


@contextmanager
def serving(words: list[str], folder: Path, port: int) -> Iterator[str]:
    with subprocess.Popen(words, cwd=folder, stderr=subprocess.DEVNULL) as server:
        try:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1)
                    break
                except OSError:
                    time.sleep(0.3)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.send_signal(signal.SIGINT)
