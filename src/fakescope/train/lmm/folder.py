"""A run folder that explains itself: what was run, on what, with which code, where it stands, and its curve."""

from __future__ import annotations

import csv
import hashlib
import json
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import fakescope
from fakescope.errors import ConfigError
from fakescope.files import sha256_of
from fakescope.records import JsonObject
from fakescope.train.lmm.recipe import Recipe

PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "numpy")
ABOUT = "run.json"
CURVE = "curve.csv"
TEXTS = "texts.jsonl"
FREE = frozenset({"tracker", "workers", "keep", "dev_texts", "folder", "source"})
"""What may change when a run goes on: none of it moves the weights."""


def describe(recipe: Recipe, source: str, data: Path, counts: JsonObject, rows: int) -> JsonObject:
    """What run.json says.

    Args:
        recipe: What is run.
        source: Of the model: a folder, or its name on the hub.
        data: The list of contents of what is trained on.
        counts: Group -> parameters and learning ones.
        rows: Instructions, or pairs, that are trained on.
    """
    about: JsonObject = {
        "fakescope": fakescope.__version__,
        "code": _revision(),
        "recipe": asdict(recipe),
        "model": {"source": source, "sha256": _fingerprint(Path(source))},
        "data": {"folder": data.parent.name, "sha256": sha256_of(data), "instructions": rows},
        "parameters": counts,
        "environment": {"python": platform.python_version(), "machine": platform.machine(), **_versions()},
    }
    return about


def write_about(folder: Path, about: JsonObject) -> None:
    """Write run.json, whole or not at all: other processes of the run read it."""
    part = folder / f"{ABOUT}.part"
    part.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    part.replace(folder / ABOUT)


def check_same(folder: Path, about: JsonObject) -> None:
    """A run folder holds one run, stopped and gone on with as often as need be.

    Raises:
        ConfigError: It holds a run of another recipe, model or data; the differences are named.
    """
    try:
        before = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        then = {name: dict(before[name]) for name in ("recipe", "model", "data")}
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{folder / ABOUT} cannot be read", "choose another folder for the run") from error
    now = json.loads(json.dumps(about))
    differing = [
        f"{part}.{name}"
        for part, values in then.items()
        for name in sorted(values.keys() | now[part].keys())
        if name not in FREE and values.get(name) != now[part].get(name)
    ]
    if differing:
        raise ConfigError(
            f"{folder} holds another run: {', '.join(differing)} differ",
            "choose another folder for this run, or go on with what is in run.json",
        )


def add_row(folder: Path, step: int, row: dict[str, float]) -> None:
    """Append figures of a step to the curve; those of steps that a resumed run takes again come once more."""
    with (folder / CURVE).open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for name, value in row.items():
            writer.writerow([step, name, repr(value)])


def add_texts(folder: Path, step: int, texts: Sequence[Any]) -> None:
    """Append what the model said of dev images at a step; each a dataclass."""
    with (folder / TEXTS).open("a", encoding="utf-8") as file:
        for text in texts:
            file.write(json.dumps({"step": step, **asdict(text)}, ensure_ascii=False) + "\n")


def read_curve(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Name -> steps and values, in the order of steps; of a step that was taken twice, the last."""
    found: dict[str, dict[int, float]] = {}
    if (folder / CURVE).is_file():
        with (folder / CURVE).open(newline="", encoding="utf-8") as file:
            for step, name, value in csv.reader(file):
                found.setdefault(name, {})[int(step)] = float(value)
    return {name: sorted(values.items()) for name, values in found.items()}


def draw_curve(folder: Path) -> Path | None:
    """curve.svg with loss and dev AUROC over steps; None while there is nothing to draw."""
    curve = read_curve(folder)
    wanted = {"loss": "#1f6f8b", "eval_dev_auroc": "#c1541c"}
    lines = {name: curve[name] for name in wanted if len(curve.get(name, ())) > 1}
    if not lines:
        return None
    last = max(step for points in lines.values() for step, _ in points) or 1
    parts = [_line(name, points, last, wanted[name], at) for at, (name, points) in enumerate(lines.items())]
    text = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 300" font-family="sans-serif" font-size="12">'
        '<rect width="640" height="300" fill="white"/>'
        '<line x1="50" y1="260" x2="620" y2="260" stroke="#888"/>'
        f'<text x="50" y="280">0</text><text x="620" y="280" text-anchor="end">{last} steps</text>'
        f"{''.join(parts)}</svg>\n"
    )
    path = folder / "curve.svg"
    path.write_text(text, encoding="utf-8")
    return path


def _line(name: str, points: list[tuple[int, float]], last: int, colour: str, at: int) -> str:
    low, high = (0.0, 1.0) if "auroc" in name else (0.0, max(value for _, value in points) or 1.0)
    spots = " ".join(
        f"{50 + 570 * step / last:.1f},{260 - 220 * (value - low) / (high - low):.1f}"
        for step, value in points
    )
    label = f"{name.removeprefix('eval_').replace('_', ' ')}: last {points[-1][1]:.3f}, axis {low:g} to {high:.3g}"
    return (
        f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{spots}"/>'
        f'<text x="56" y="{20 + 16 * at}" fill="{colour}">{label}</text>'
    )


def _fingerprint(folder: Path) -> str:
    """Of a model on disk: its configuration, and names and sizes of its files; empty for one of the hub.

    Gigabytes of weights are not read for it.
    """
    if not folder.is_dir():
        return ""
    files = sorted(p for p in folder.iterdir() if p.is_file())
    digest = hashlib.sha256("".join(f"{p.name} {p.stat().st_size}\n" for p in files).encode())
    for path in files:
        if path.name in ("config.json", "adapter_config.json"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _revision() -> str:
    """The commit of the code, where it lies in a repository."""
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(Path(fakescope.__file__).parent), "rev-parse", "HEAD"],  # noqa: S607
            capture_output=True, text=True, check=True, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
