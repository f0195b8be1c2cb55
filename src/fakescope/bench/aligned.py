"""One path for every image of a comparison: squashed to a square after a JPEG re-encoding of random quality.

The quality depends on the image's id and a seed alone, never on its label, so neither size nor quality can
tell it.
"""

from __future__ import annotations

import io
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fakescope.images.load import load_image

SIDE_PX = 224
QUALITIES = (60, 95)
"""JPEG qualities are drawn evenly from this range, both ends included."""


@dataclass(frozen=True)
class Aligned:
    """An aligned image: pixels uint8 [side, side, 3], and the JPEG file that they were decoded from."""

    pixels: NDArray[np.uint8]
    jpeg: bytes


def drawn_quality(image_id: str, seed: int = 0) -> int:
    """The JPEG quality of one image."""
    return random.Random(f"{seed}:{image_id}").randint(*QUALITIES)


def align(path: Path, image_id: str, *, seed: int = 0, side_px: int = SIDE_PX) -> Aligned:
    """Load, resize and re-encode one image.

    Raises:
        ImageError: It cannot be read.
    """
    square = load_image(path).pixels.resize((side_px, side_px), Image.Resampling.BICUBIC, reducing_gap=3.0)
    buffer = io.BytesIO()
    square.save(buffer, "JPEG", quality=drawn_quality(image_id, seed))
    data = buffer.getvalue()
    return Aligned(np.asarray(Image.open(io.BytesIO(data), formats=["JPEG"]).convert("RGB")), data)
