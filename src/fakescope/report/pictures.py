"""Pictures as data URIs, so that a report is one file that asks nothing of the network."""

from __future__ import annotations

import base64
import io

from PIL import Image

IMAGE_SIDE_PX = 1280
IMAGE_BYTES = 600_000
SPECTRUM_SIDE_PX = 420
THUMBNAIL_SIDE_PX = 120


def jpeg_uri(pixels: Image.Image, side_px: int, max_bytes: int, quality: int = 86) -> str:
    """A JPEG data URI of at most `max_bytes` before base64, without any metadata of the original.

    Args:
        pixels: RGB; not changed.
        side_px: Longest side; smaller images are not enlarged.
        max_bytes: Quality is lowered, and in the end the size halved, until this is met.
        quality: JPEG quality to start from.
    """
    picture = pixels.convert("RGB")
    picture.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    while True:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality, optimize=True)
        data = buffer.getvalue()
        if len(data) <= max_bytes or max(picture.size) < 32:
            return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
        if quality > 50:
            quality -= 12
        else:
            picture = picture.resize((max(1, picture.width // 2), max(1, picture.height // 2)))
