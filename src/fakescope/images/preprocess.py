"""The one path by which every image, real or fake, in training and in use, reaches a model.

decode -> RGB -> longer side at most 512 px -> JPEG at one quality -> what the model's own processor makes of it; for
the embedded one, one square view. Formats, sizes and qualities of the original files are levelled here, so that they
cannot tell the label.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LONGER_SIDE_PX = 512
JPEG_QUALITY = 90
VIEW_PX = 196

_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)


def level(pixels: Image.Image) -> bytes:
    """Size and re-encode an RGB image as every image is: JPEG bytes, longer side at most 512 px.

    Small images are not enlarged: that would invent detail.
    """
    scale = LONGER_SIDE_PX / max(pixels.size)
    if scale < 1.0:
        width, height = (max(1, round(side * scale)) for side in pixels.size)
        pixels = pixels.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    buffer = io.BytesIO()
    pixels.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def levelled(pixels: Image.Image) -> Image.Image:
    """An RGB image after `level`, decoded again."""
    return Image.open(io.BytesIO(level(pixels)), formats=["JPEG"])


def view(pixels: Image.Image, size_px: int = VIEW_PX, *, level: bool = True) -> NDArray[np.float32]:
    """The whole image as the encoder sees it: float32 [3, size_px, size_px], ImageNet mean and deviation.

    The aspect ratio is given up, not the borders: fractions of width and height stay fractions. Without `level` it is
    levelled already: doing that twice would change it.
    """
    square = (levelled(pixels) if level else pixels).resize((size_px, size_px), Image.Resampling.BICUBIC)
    values = np.asarray(square, np.float32) / 255.0
    return np.ascontiguousarray(((values - _MEAN) / _STD).transpose(2, 0, 1))
