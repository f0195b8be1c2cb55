"""From whatever a file holds to upright 8-bit RGB."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

MAX_ICC_BYTES = 4 * 1024 * 1024
_BITS_PER_SAMPLE_TAG = 258
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_METADATA_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    EOFError,
    Warning,
)


def to_upright_rgb(image: Image.Image, orientation: int = 1) -> tuple[Image.Image, tuple[str, ...]]:
    """Decode, turn upright, put transparency on white, convert the colours to sRGB and the depth to 8 bit.

    Grey images of 16 bit keep their high byte; whole numbers of 32 bit and floats are scaled by the range
    they use (0-1, 0-255, 0-65535, or else their smallest to largest value). A colour profile that cannot be
    read or applied is left out, and a note says so.

    Args:
        image: Opened, not yet decoded.
        orientation: EXIF orientation, 1-8, that the decoder does not apply itself.

    Returns:
        The RGB image, and notes on what was done or left undone.

    Raises:
        Whatever Pillow raises on broken files; see `load.DECODE_ERRORS`.
    """
    profile = image.info.get("icc_profile")
    image.load()
    notes: tuple[str, ...] = ()
    if image.mode.startswith(("I", "F")):
        rgb, notes = _from_deep_grey(image)
    elif image.mode == "LAB":
        rgb = _from_lab(image)
    else:
        rgb, notes = _from_eight_bit(image, profile)
    if orientation in _TRANSPOSE:
        rgb = rgb.transpose(_TRANSPOSE[orientation])
    rgb.info = {}
    return rgb, notes


def _from_eight_bit(image: Image.Image, profile: object) -> tuple[Image.Image, tuple[str, ...]]:
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        flat = Image.new("RGB", rgba.size, "white")
        flat.paste(rgba, mask=rgba.getchannel("A"))
        image = flat
    elif image.mode not in ("RGB", "L", "CMYK"):
        image = image.convert("RGB")
    if profile:
        converted, note = _to_srgb(image, profile)
        if converted is not None:
            return converted, (note,) if note else ()
        return image.convert("RGB"), (note,)
    return (image.copy() if image.mode == "RGB" else image.convert("RGB")), ()


def _to_srgb(image: Image.Image, profile: object) -> tuple[Image.Image | None, str]:
    """Apply an ICC profile; None and the reason where that is not possible."""
    if not isinstance(profile, bytes) or len(profile) > MAX_ICC_BYTES:
        return None, "the colour profile was left out: too large"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = ImageCms.getProfileDescription(source).strip()
        if "srgb" in name.lower() and image.mode == "RGB":
            return image.copy(), ""
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"), (
            "colours were converted to sRGB by the file's own profile"
        )
    except (ImageCms.PyCMSError, *_METADATA_ERRORS):
        return None, "the colour profile was left out: it does not fit the image or cannot be read"


def _from_deep_grey(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE_TAG, (16,))[0]
        grey = (values.astype(np.uint16) >> max(0, min(int(bits), 16) - 8)).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB"), (f"grey values of {bits} bit were scaled to 8 bit",)
    grey, note = _scale(values.astype(np.float64))
    return Image.fromarray(grey).convert("RGB"), (note,)


def _scale(values: NDArray[np.float64]) -> tuple[NDArray[np.uint8], str]:
    """Scale whole numbers or floats to 0-255 by the range they use."""
    finite = np.isfinite(values)
    if not finite.any():
        raise ValueError("no finite pixel values")
    values = np.where(finite, values, values[finite].min())
    low, high = float(values.min()), float(values.max())
    top = next((top for top in (1.0, 255.0, 65535.0) if low >= 0 and high <= top), None)
    if top is None:
        values, top = values - low, high - low
    note = "values of 32 bit were scaled to 8 bit" + (", negative ones shifted first" if low < 0 else "")
    return np.rint(values * (255.0 / top)).astype(np.uint8), note


def _from_lab(image: Image.Image) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    if converted is None:
        raise ValueError("cannot convert Lab colours")
    return converted
