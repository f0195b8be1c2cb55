"""Augmentation that both classes pass with the same distributions, so that shape and quality tell no label.

Most public fakes are square and clean, most public real pictures are neither. The crop's aspect ratio and the
quality of the re-encoding are therefore drawn anew for every image, whatever its label.
"""

from __future__ import annotations

import io
from random import Random

import numpy as np
from PIL import Image, ImageFilter

PLAIN, HARD, WHOLE = "plain", "hard", "whole"
KINDS = (PLAIN, HARD, WHOLE)

_WEBP_MOST_PX = 16_383


def augment(pixels: Image.Image, kind: str, rng: Random) -> Image.Image:
    """One random variant of an RGB image.

    Args:
        pixels: The image.
        kind: `plain` crops to a random shape and re-encodes lightly; `hard` also degrades; `whole` keeps the
            frame (for annotations whose regions must stay true) and re-encodes at random.
        rng: Source of all randomness.
    """
    if kind == WHOLE:
        return _encode(pixels, rng, worst=55)
    pixels = _crop(pixels, rng, least_area=0.7 if kind == PLAIN else 0.35)
    if rng.random() < 0.5:
        pixels = pixels.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if kind == HARD:
        pixels = _degrade(pixels, rng)
    return _encode(pixels, rng, worst=70 if kind == PLAIN else 40)


def _crop(pixels: Image.Image, rng: Random, least_area: float) -> Image.Image:
    """A crop whose shape is drawn without regard to the image's own shape."""
    width, height = pixels.size
    aspect = 2.0 ** rng.uniform(-0.85, 0.85)
    fit_width, fit_height = min(width, height * aspect), min(height, width / aspect)
    shrink = rng.uniform(least_area, 1.0) ** 0.5
    crop_width, crop_height = max(32, int(fit_width * shrink)), max(32, int(fit_height * shrink))
    left = rng.randint(0, max(0, width - crop_width))
    top = rng.randint(0, max(0, height - crop_height))
    return pixels.crop((left, top, min(width, left + crop_width), min(height, top + crop_height)))


def _degrade(pixels: Image.Image, rng: Random) -> Image.Image:
    if rng.random() < 0.6:
        scale = rng.uniform(0.35, 1.0)
        size = (max(48, int(pixels.width * scale)), max(48, int(pixels.height * scale)))
        pixels = pixels.resize(size, rng.choice([Image.Resampling.BILINEAR, Image.Resampling.LANCZOS]))
    if rng.random() < 0.25:
        pixels = pixels.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.5)))
    if rng.random() < 0.2:
        pixels = _noise(pixels, rng)
    if rng.random() < 0.3:
        gamma = rng.uniform(0.75, 1.33)
        pixels = pixels.point([round(255 * (i / 255) ** gamma) for i in range(256)] * 3)
    if rng.random() < 0.15:
        pixels = pixels.convert("L").convert("RGB")
    return pixels


def _noise(pixels: Image.Image, rng: Random) -> Image.Image:
    values = np.asarray(pixels, np.float32)
    noise = np.random.default_rng(rng.getrandbits(32)).normal(0.0, rng.uniform(2.0, 9.0), values.shape)
    return Image.fromarray(np.clip(values + noise, 0, 255).astype(np.uint8))


def _encode(pixels: Image.Image, rng: Random, worst: int) -> Image.Image:
    buffer = io.BytesIO()
    codec = "WEBP" if rng.random() < 0.25 and max(pixels.size) <= _WEBP_MOST_PX else "JPEG"
    pixels.save(buffer, codec, quality=rng.randint(worst, 95))
    return Image.open(io.BytesIO(buffer.getvalue()), formats=[codec]).convert("RGB")
