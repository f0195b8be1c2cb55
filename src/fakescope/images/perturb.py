"""What happens to images on their way: compression, scaling, cropping, noise, screenshots.

Used to measure robustness and to augment training. Every function takes an upright RGB image and returns a
new one, and gives the same result for the same arguments and seed.

    >>> from PIL import Image
    >>> apply(Image.new("RGB", (64, 48)), "jpeg:70+resize:0.5").size
    (32, 24)
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from fakescope.errors import ConfigError

MIN_SIDE_PX = 8
"""No perturbation makes an image smaller than this."""


def jpeg(image: Image.Image, quality: float = 70) -> Image.Image:
    """Compress as JPEG at a quality of 1-100 (with 4:2:0 chroma) and decode again."""
    return _through(image, "JPEG", quality=round(quality), subsampling=2)


def webp(image: Image.Image, quality: float = 60) -> Image.Image:
    """Compress as lossy WebP at a quality of 1-100 and decode again."""
    return _through(image, "WEBP", quality=round(quality), method=2)


def resize(image: Image.Image, factor: float = 0.5) -> Image.Image:
    """Scale both sides by a factor (bicubic, with antialiasing)."""
    return image.resize(_scaled(image, factor), Image.Resampling.BICUBIC)


def resize_back(image: Image.Image, factor: float = 0.5) -> Image.Image:
    """Scale both sides by a factor and back to the first size: detail is lost, size is not."""
    return resize(image, factor).resize(image.size, Image.Resampling.BICUBIC)


def crop(image: Image.Image, fraction: float = 0.8, seed: int = 0) -> Image.Image:
    """Cut out a window with this fraction of each side, at a place drawn from the seed."""
    width, height = _scaled(image, min(fraction, 1.0))
    rng = np.random.default_rng(seed)
    left = int(rng.integers(0, max(image.width - width, 0) + 1))
    top = int(rng.integers(0, max(image.height - height, 0) + 1))
    return image.crop((left, top, left + width, top + height))


def blur(image: Image.Image, sigma_px: float = 1.0) -> Image.Image:
    """Gaussian blur with a standard deviation in pixels."""
    return image.filter(ImageFilter.GaussianBlur(sigma_px))


def noise(image: Image.Image, sigma: float = 5.0, seed: int = 0) -> Image.Image:
    """Add Gaussian noise with a standard deviation in grey levels (0-255) to each channel."""
    values = np.asarray(image, dtype=np.float32)
    rng = np.random.default_rng(seed)
    values = values + rng.standard_normal(values.shape, dtype=np.float32) * np.float32(sigma)
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def gamma(image: Image.Image, exponent: float = 1.2) -> Image.Image:
    """Raise brightness (0-1) to an exponent: above 1 darkens, below 1 brightens."""
    table = [round(255 * (level / 255) ** exponent) for level in range(256)]
    return image.point(table * 3)


def screenshot(image: Image.Image, factor: float = 0.8) -> Image.Image:
    """Show the image on a screen and photograph the screen's pixels: resampled, with bars around it."""
    shown = image.resize(_scaled(image, factor), Image.Resampling.BILINEAR)
    margin_px, bar_px = round(0.03 * shown.width) + 2, round(0.06 * shown.height) + 4
    page = Image.new("RGB", (shown.width + 2 * margin_px, shown.height + bar_px + margin_px), (246, 246, 248))
    page.paste((32, 33, 36), (0, 0, page.width, bar_px // 2))
    page.paste(shown, (margin_px, bar_px))
    return page


def chain(*steps: Callable[[Image.Image], Image.Image]) -> Callable[[Image.Image], Image.Image]:
    """One function that applies the steps from left to right."""

    def run(image: Image.Image) -> Image.Image:
        for step in steps:
            image = step(image)
        return image

    return run


@dataclass(frozen=True)
class Kind:
    """A perturbation by name: its function, its parameter's default and range, and if it draws at random."""

    function: Callable[..., Image.Image]
    default: float
    low: float
    high: float
    parameter: str
    seeded: bool = False


PERTURBATIONS: dict[str, Kind] = {
    "jpeg": Kind(jpeg, 70, 1, 100, "quality"),
    "webp": Kind(webp, 60, 1, 100, "quality"),
    "resize": Kind(resize, 0.5, 0.05, 4, "factor"),
    "resize_back": Kind(resize_back, 0.5, 0.05, 4, "factor"),
    "crop": Kind(crop, 0.8, 0.05, 1, "fraction of each side", seeded=True),
    "blur": Kind(blur, 1, 0, 20, "sigma in pixels"),
    "noise": Kind(noise, 5, 0, 100, "sigma in grey levels", seeded=True),
    "gamma": Kind(gamma, 1.2, 0.1, 10, "exponent"),
    "screenshot": Kind(screenshot, 0.8, 0.1, 4, "factor"),
}


@dataclass(frozen=True)
class Step:
    """One perturbation with its value; call it with an image and a seed."""

    name: str
    value: float

    def __call__(self, image: Image.Image, seed: int = 0) -> Image.Image:
        kind = PERTURBATIONS[self.name]
        return kind.function(image, self.value, seed) if kind.seeded else kind.function(image, self.value)

    def __str__(self) -> str:
        return f"{self.name}:{self.value:g}"


def parse_perturbation(text: str) -> tuple[Step, ...]:
    """Read `name`, `name:value`, or several joined by `+`, such as `jpeg:70+resize:0.5`.

    An empty text or `none` is no perturbation.

    Raises:
        ConfigError: Unknown name, or a value that is no number or out of range.
    """
    text = text.strip()
    return () if text in ("", "none") else tuple(_parse_step(part.strip()) for part in text.split("+"))


def apply(image: Image.Image, perturbation: str | Sequence[Step], seed: int = 0) -> Image.Image:
    """Apply perturbations, given as text or parsed, from left to right. The image itself is left as it is."""
    steps = parse_perturbation(perturbation) if isinstance(perturbation, str) else perturbation
    image = image.convert("RGB")
    for index, step in enumerate(steps):
        image = step(image, seed + index)
    return image


def _parse_step(text: str) -> Step:
    name, colon, value_text = text.partition(":")
    kind = PERTURBATIONS.get(name)
    if kind is None:
        raise ConfigError(f"unknown perturbation {name[:40]!r}", f"one of: {', '.join(PERTURBATIONS)}")
    try:
        value = float(value_text) if colon else float(kind.default)
    except ValueError:
        value = math.nan
    if not kind.low <= value <= kind.high:
        raise ConfigError(
            f"{name}:{value_text[:40]} is out of range", f"{kind.parameter}: {kind.low:g} to {kind.high:g}"
        )
    return Step(name, value)


def _through(image: Image.Image, format: str, **options: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    buffer.seek(0)
    with Image.open(buffer) as decoded:
        return decoded.convert("RGB")


def _scaled(image: Image.Image, factor: float) -> tuple[int, int]:
    width, height = (max(round(side * factor), min(side, MIN_SIDE_PX)) for side in image.size)
    return width, height
