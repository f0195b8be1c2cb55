"""Pictures of what the eye does not see: spectrum, noise, compression. For people to look at, not proof.

Every function takes an upright RGB image and returns an RGB picture with a longer side of at most 512 px.
Nothing here enters the verdict.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from fakescope.images.blocks import find_grid, grid_caption, jpeg_grid
from fakescope.images.load import LoadedImage
from fakescope.images.paint import brightness, fit, paint, stretch, work_window

__all__ = [
    "Picture",
    "error_level_analysis",
    "find_grid",
    "jpeg_grid",
    "log_power_spectrum",
    "make_pictures",
    "noise_residual",
]

TILE_PX = 256
ELA_QUALITY = 90

SPECTRUM_CAPTION = (
    "Fine detail lies towards the rim, coarse shapes at the middle. Photographs mostly fade evenly "
    "outwards. Bright dots or a lattice away from the middle can come from the upsampling inside a "
    "generator, and also from resizing, JPEG blocks, screens or woven patterns. Not proof of anything."
)
NOISE_CAPTION = (
    "What is left when the smooth image is taken away. A camera leaves grain over the whole picture, "
    "stronger in the dark or where it was sharpened. Areas without any grain can be generated, retouched,"
    " out of focus or flattened by compression. Not proof of anything."
)
ELA_CAPTION = (
    "How much each part changes when the image is saved again as JPEG; edges and texture are always "
    "brighter. A part that stands out from others of the same texture may have another history of "
    "compression. It finds neither generators nor edits by itself. Not proof of anything."
)


@dataclass(frozen=True)
class Picture:
    """A picture with what it shows, in words."""

    name: str
    title: str
    image: Image.Image
    caption: str


def make_pictures(image: LoadedImage | Image.Image) -> list[Picture]:
    """All four pictures with their captions."""
    grid = find_grid(image)
    return [
        Picture("spectrum", "Log power spectrum", log_power_spectrum(image), SPECTRUM_CAPTION),
        Picture("noise", "Noise residual", noise_residual(image), NOISE_CAPTION),
        Picture("ela", "Error level analysis", error_level_analysis(image), ELA_CAPTION),
        Picture("jpeg_grid", "JPEG grid", jpeg_grid(image), grid_caption(grid)),
    ]


def log_power_spectrum(image: LoadedImage | Image.Image) -> Image.Image:
    """Mean log power of windowed tiles of the brightness, low frequencies at the middle."""
    plane = brightness(work_window(image))
    side = min(TILE_PX, *plane.shape)
    if side < 8:
        return paint(np.zeros((8, 8), np.float32))
    step = max(side // 2, 1)
    window = np.hanning(side).astype(np.float32)
    window = window[:, None] * window[None, :]
    power = np.zeros((side, side // 2 + 1), np.float64)
    for top in range(0, plane.shape[0] - side + 1, step):
        for left in range(0, plane.shape[1] - side + 1, step):
            tile = plane[top : top + side, left : left + side]
            power += np.abs(np.fft.rfft2((tile - tile.mean()) * window)) ** 2
    # The other half of a real image's spectrum is the mirror image of this one.
    half = np.log(power + 1e-3).astype(np.float32)
    mirrored = np.roll(half[::-1], 1, axis=0)[:, 1 : (side + 1) // 2][:, ::-1]
    full = np.fft.fftshift(np.concatenate([half, mirrored], axis=1))
    picture = paint(stretch(full, 2.0, 99.9))
    return picture.resize((2 * TILE_PX, 2 * TILE_PX), Image.Resampling.BICUBIC)


def noise_residual(image: LoadedImage | Image.Image) -> Image.Image:
    """What a median filter takes away from the brightness: grain and the finest edges, amplified."""
    window = work_window(image)
    grey = window.convert("L")
    smooth = grey.filter(ImageFilter.MedianFilter(3))
    residual = np.asarray(grey, np.float32) - np.asarray(smooth, np.float32)
    # The scale is that of the grain, not of the edges, which would make it disappear.
    scale = max(float(np.percentile(np.abs(residual), 90)), 1.0)
    level = np.clip(0.5 + residual / (4.0 * scale), 0.0, 1.0)
    picture = Image.fromarray(np.rint(255 * level).astype(np.uint8)).convert("RGB")
    return fit(picture, Image.Resampling.NEAREST)


def error_level_analysis(image: LoadedImage | Image.Image) -> Image.Image:
    """How much each part changes when the image is saved once more as JPEG, amplified."""
    window = work_window(image)
    buffer = io.BytesIO()
    window.save(buffer, "JPEG", quality=ELA_QUALITY)
    buffer.seek(0)
    with Image.open(buffer) as again:
        difference = np.abs(np.asarray(window, np.int16) - np.asarray(again.convert("RGB"), np.int16))
    level = Image.fromarray(difference.max(axis=2).astype(np.uint8))
    small = np.asarray(fit(level, Image.Resampling.BOX), np.float32)
    return paint(np.sqrt(stretch(small, 0.0, 99.5)))
