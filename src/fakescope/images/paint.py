"""From numbers to pictures that can be looked at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fakescope.images.load import LoadedImage

MAX_SIDE_PX = 512
MAX_WORK_SIDE_PX = 1536
"""Of a larger image a window of this size at its middle is looked at, at full resolution."""
_STOPS = np.array(
    [(8, 6, 32), (38, 20, 92), (84, 28, 125), (140, 41, 122), (196, 62, 98), (236, 102, 70),
     (250, 155, 60), (252, 208, 100), (252, 252, 220)]
)  # fmt: skip
_PALETTE = np.stack(
    [np.interp(np.linspace(0, 1, 256), np.linspace(0, 1, len(_STOPS)), _STOPS[:, c]) for c in range(3)],
    axis=1,
).astype(np.uint8)
"""uint8 [256, 3]: dark blue over red to pale yellow, steadily lighter, so that it also reads in grey."""

Plane = NDArray[np.float32]


def work_window(image: LoadedImage | Image.Image) -> Image.Image:
    """The whole image if it is small enough, else the window at its middle; aligned to 8 px."""
    pixels = image.pixels if isinstance(image, LoadedImage) else image
    pixels = pixels if pixels.mode == "RGB" else pixels.convert("RGB")
    width, height = (min(side, MAX_WORK_SIDE_PX) for side in pixels.size)
    if (width, height) == pixels.size:
        return pixels
    left, top = ((full - part) // 2 // 8 * 8 for full, part in zip(pixels.size, (width, height), strict=True))
    return pixels.crop((left, top, left + width, top + height))


def brightness(image: Image.Image) -> Plane:
    """float32 [height, width], 0-255."""
    return np.asarray(image.convert("L"), dtype=np.float32)


def stretch(values: Plane, low_percent: float, high_percent: float) -> Plane:
    """Scale to 0-1 between two percentiles; an even plane becomes 0."""
    low, high = np.percentile(values, (low_percent, high_percent))
    return np.clip((values - low) / max(float(high - low), 1e-6), 0.0, 1.0).astype(np.float32)


def paint(level: Plane) -> Image.Image:
    """Colour values of 0-1."""
    return Image.fromarray(_PALETTE[np.rint(np.clip(level, 0.0, 1.0) * 255).astype(np.uint8)])


def fit(image: Image.Image, resample: Image.Resampling) -> Image.Image:
    """Scale down until the longer side is at most `MAX_SIDE_PX`."""
    scale = MAX_SIDE_PX / max(image.size)
    if scale >= 1:
        return image
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), resample)
