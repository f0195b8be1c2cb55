"""`bench speed`: what a user waits for, measured on the command line as installed, and the rates inside
it."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from fakescope.bench.process import FAKESCOPE, measure, median_wall_s
from fakescope.bench.run import Report, model_figures, progress
from fakescope.bench.tables import Table
from fakescope.errors import DataError, FakescopeError
from fakescope.images.load import LoadedImage, iter_image_paths, load_image
from fakescope.models.base import AUTHENTICITY_QUESTION, ForensicModel
from fakescope.records import Message
from fakescope.verdict.judge import judge
from fakescope.verdict.labels import candidate_sets

if TYPE_CHECKING:
    from rich.console import Console

EXAMINE_SIDE_PX, DETECT_SIDE_PX = 1024, 512
QUALITY = 90
LONG_QUESTION = "Describe this image and explain what speaks for and against its authenticity."


def bench_speed(
    model: ForensicModel,
    images: Path,
    *,
    count: int = 500,
    repeats: int = 3,
    clip: bool = True,
    console: Console | None = None,
) -> Report:
    """Measure times, memory and rates on this machine.

    Args:
        model: For the rates inside a running process; the cold commands load the default model themselves.
        images: A file or a folder of real images; they are cut to squares and used in turn.
        count: JPEGs for the detection rate.
        repeats: Cold runs of `examine`; the median counts.
        clip: Also time a CLIP ViT-L/14 encoder, when torch and transformers are installed.
        console: Where progress is shown.
    """
    sources = list(iter_image_paths([str(images)]))
    if not sources:
        raise DataError(f"{images} holds no images", "give a folder of photographs")
    with tempfile.TemporaryDirectory(prefix="fakescope-speed-") as scratch:
        large = squares(sources[:1], Path(scratch) / "large", EXAMINE_SIDE_PX, 1)
        small = squares(sources, Path(scratch) / "small", DETECT_SIDE_PX, count)
        with progress("speed", 5, console) as tick:
            figures: dict[str, Any] = {"model": model_figures(model), "cpus": cpus(), "start": start_times()}
            tick(1)
            figures["examine_1024"] = examine_cold(large[0], repeats)
            tick(1)
            figures["detect_512"] = detect_rates(model, small)
            tick(1)
            figures["decode"] = decode_rate(model, load_image(large[0]))
            tick(1)
            figures["clip_vit_l14"] = clip_rate() if clip else {"images_per_s": None, "why": "not asked for"}
            tick(1)
    rate, clip_rate_ = figures["detect_512"]["images_per_s"], figures["clip_vit_l14"]["images_per_s"]
    figures["detect_over_clip"] = rate / clip_rate_ if clip_rate_ else None
    return Report("speed", "Speed", figures, [_table(figures)])


def squares(sources: Sequence[str | os.PathLike[str]], folder: Path, side_px: int, count: int) -> list[Path]:
    """Write `count` square JPEGs made from the sources in turn; unreadable sources are passed over.

    Raises:
        DataError: Not one source can be read.
    """
    folder.mkdir()
    written: list[Path] = []
    pictures: list[Image.Image] = []
    for source in sources[:count]:
        try:
            pixels = load_image(source).pixels
        except FakescopeError:
            continue
        pictures.append(pixels.resize((side_px, side_px), Image.Resampling.BICUBIC, reducing_gap=3.0))
    if not pictures:
        raise DataError("Not one of the images can be read")
    for place in range(count):
        picture = pictures[place % len(pictures)]
        # A turn of the wheel for every round keeps repeated pictures from being the same file.
        path = folder / f"{place:05d}.jpg"
        picture.rotate(90 * (place // len(pictures) % 4)).save(
            path, "JPEG", quality=QUALITY - place // len(pictures)
        )
        written.append(path)
    return written


def start_times() -> dict[str, float]:
    """Seconds for the help text and the import, each in a process of its own, interpreter included."""
    return {
        "python_s": median_wall_s([sys.executable, "-c", "pass"]),
        "import_s": median_wall_s([sys.executable, "-c", "import fakescope"]),
        "help_s": median_wall_s([*FAKESCOPE, "--help"]),
    }


def examine_cold(image: Path, repeats: int) -> dict[str, Any]:
    """Wall time and peak memory of `examine --json` in a fresh process: median, and the largest peak."""
    runs = [measure([*FAKESCOPE, "examine", str(image), "--json"]) for _ in range(repeats)]
    walls = sorted(run.wall_s for run in runs)
    peaks = [run.peak_bytes for run in runs if run.peak_bytes is not None]
    return {
        "wall_s": walls[len(walls) // 2],
        "walls_s": walls,
        "peak_bytes": max(peaks) if peaks else None,
        "side_px": EXAMINE_SIDE_PX,
    }


def detect_rates(model: ForensicModel, paths: Sequence[Path]) -> dict[str, Any]:
    """Images a second of `detect` in a fresh process, start-up included, and of the warm model in this
    one."""
    cold = measure([*FAKESCOPE, "detect", str(paths[0].parent), "--json"])
    answers = sum(line.startswith("{") for line in cold.stdout.splitlines())
    if answers != len(paths):
        raise FakescopeError(f"`detect` answered for {answers} of {len(paths)} images")
    sets = candidate_sets(model)
    some = [load_image(path) for path in paths[:64]]
    model.answer_logits_batch(some[:2])  # first use builds what is built once
    start = time.perf_counter()
    for place in range(0, len(some), 16):
        for logits in model.answer_logits_batch(some[place : place + 16]):
            judge(logits, sets, model.card)
    warm_s = time.perf_counter() - start
    return {
        "images": len(paths),
        "side_px": DETECT_SIDE_PX,
        "wall_s": cold.wall_s,
        "images_per_s": len(paths) / cold.wall_s,
        "peak_bytes": cold.peak_bytes,
        "warm_model_images_per_s": len(some) / warm_s,
    }


def decode_rate(model: ForensicModel, image: LoadedImage, max_tokens: int = 160) -> dict[str, Any]:
    """Pieces of text a second while the model writes, the first piece (reading the image) apart.

    A streamed piece is one token for models that stream token by token; bytes of a split character may be
    held back.
    """
    rounds = []
    for question in (AUTHENTICITY_QUESTION, LONG_QUESTION):
        start = time.perf_counter()
        times = [time.perf_counter() for _ in model.generate(
            image, [Message(role="user", content=question)], max_tokens=max_tokens)]  # fmt: skip
        if len(times) > 1:
            rounds.append((len(times), times[-1] - times[0], times[0] - start))
    if not rounds:
        return {"tokens": 0, "tokens_per_s": None, "first_token_s": None}
    tokens, seconds, first_s = max(rounds)
    return {"tokens": tokens, "tokens_per_s": (tokens - 1) / max(seconds, 1e-9), "first_token_s": first_s}


def clip_rate(images: int = 16, batch: int = 8) -> dict[str, Any]:
    """Images a second through CLIP ViT-L/14 in a process of its own, or why it was not measured."""
    if find_spec("torch") is None or find_spec("transformers") is None:
        return {"images_per_s": None, "why": "torch and transformers are not installed"}
    usage = measure([sys.executable, "-m", "fakescope.train.clip_forward", str(images), str(batch)])
    return {**json.loads(usage.stdout.strip().splitlines()[-1]), "peak_bytes": usage.peak_bytes}


def cpus() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _table(figures: dict[str, Any]) -> Table:
    examine, detect, decode = figures["examine_1024"], figures["detect_512"], figures["decode"]
    table = Table(f"Speed, {figures['cpus']} processors", ["what", "figure", "unit"])
    table.add("import fakescope", figures["start"]["import_s"], "s")
    table.add("fakescope --help", figures["start"]["help_s"], "s")
    table.add(f"examine one {EXAMINE_SIDE_PX} px JPEG, cold", examine["wall_s"], "s")
    table.add("  its peak memory", _mib(examine["peak_bytes"]), "MiB")
    table.add(
        f"detect {detect['images']} JPEGs of {DETECT_SIDE_PX} px, cold", detect["images_per_s"], "images/s"
    )
    table.add("  its peak memory", _mib(detect["peak_bytes"]), "MiB")
    table.add("verdicts of the warm model, decoding apart", detect["warm_model_images_per_s"], "images/s")
    table.add("language model", decode["tokens_per_s"], "tokens/s")
    table.add("CLIP ViT-L/14 forward, random weights", figures["clip_vit_l14"]["images_per_s"], "images/s")
    table.add("detect over CLIP", figures["detect_over_clip"], "times")
    table.note = "Times of commands include starting Python. CLIP is timed without decoding its images."
    return table


def _mib(size_bytes: int | None) -> float | None:
    return None if size_bytes is None else size_bytes / 2**20
