"""The facts of a file that a probe may see, at each stage on the way to a model.

    original   the file as it was found: format, width, height, bytes
    stored     the file as it lies here: width, height, quantisation table, bytes
    levelled   after `images.preprocess.level`: one format and quality; width, height and bytes still differ
    fed        the square that a model is given, re-encoded at a quality drawn alike for both classes

`fed` comes without and with the number of bytes. Without it, only the drawn quality varies between images, so chance
is the sole outcome of a sound path. With it the probe sees how hard the picture is to compress, which is content
(smooth against busy) and not metadata: a figure over chance there is a difference of content between the classes.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from fakescope.bench.aligned import drawn_quality
from fakescope.bench.data import Sample
from fakescope.images import jpeg
from fakescope.images.load import LoadedImage, load_image
from fakescope.images.preprocess import VIEW_PX, level

Features = dict[str, list[float]]
"""Stage -> feature vector of one image; all images of a stage have vectors of one length."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "MPO", "TIFF", "BMP")
ORIGINAL, STORED, LEVELLED = "original", "stored", "levelled"
FED, FED_BYTES = "fed, without bytes", "fed, with bytes"
STAGES = (ORIGINAL, STORED, LEVELLED, FED, FED_BYTES)


def features_of(sample: Sample, seed: int = 0) -> Features:
    """Metadata of one image at every stage; `original` only where the table has it.

    Raises:
        ImageError: It cannot be read.
    """
    image = load_image(sample.path)
    return stage_features(sample, image, *aligned_files(sample, image, seed))


def aligned_files(sample: Sample, image: LoadedImage, seed: int = 0) -> tuple[bytes, bytes]:
    """The JPEG files of an image after levelling, and as it is fed to a model."""
    levelled = level(image.pixels)
    return levelled, _fed(levelled, drawn_quality(sample.id, seed))


def stage_features(sample: Sample, image: LoadedImage, levelled: bytes, fed: bytes) -> Features:
    """The features of all stages of a loaded image and its aligned files."""
    fixed = [float(FORMATS.index("JPEG")), float(VIEW_PX), float(VIEW_PX), *_table(fed)]
    return {
        **_original(sample),
        STORED: [
            *_size(image.width_px, image.height_px, image.size_bytes),
            *_table(image.data, image.format),
        ],
        LEVELLED: [*_size(*_dimensions(levelled), len(levelled)), *_table(levelled)],
        FED: fixed,
        FED_BYTES: [*fixed, float(np.log(len(fed)))],
    }


def _original(sample: Sample) -> Features:
    names = ("original_width", "original_height", "original_bytes")
    try:
        width, height, size = (int(sample.row[name]) for name in names)
    except (KeyError, ValueError):
        return {}
    kind = sample.row.get("original_format", "").upper()
    return {ORIGINAL: [*_size(width, height, size), *(float(kind == f) for f in FORMATS)]}


def _size(width: int, height: int, size_bytes: int) -> list[float]:
    """Width, height, aspect, squareness, pixels and bytes, on scales that a linear probe can use."""
    w, h, b = max(width, 1), max(height, 1), max(size_bytes, 1)
    bits_per_pixel = float(np.log(8 * b / (w * h)))
    return [float(np.log(w)), float(np.log(h)), float(np.log(w / h)), abs(float(np.log(w / h))),
            float(w == h), float(np.log(b)), bits_per_pixel]  # fmt: skip


def _table(data: bytes, format: str = "JPEG") -> list[float]:
    """Sums of the luminance and chrominance quantisation tables; zeros for files without."""
    if format != "JPEG":
        return [0.0, 0.0]
    with Image.open(io.BytesIO(jpeg.for_decoder(data)), formats=["JPEG"]) as image:
        tables = getattr(image, "quantization", None) or {}
    return [float(sum(tables.get(place, ()))) for place in (0, 1)]


def _fed(levelled: bytes, quality: int) -> bytes:
    """The model's square view of a levelled image, as a JPEG file."""
    with Image.open(io.BytesIO(levelled), formats=["JPEG"]) as image:
        square = image.resize((VIEW_PX, VIEW_PX), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    square.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _dimensions(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        return image.size
