"""PDQ, a perceptual hash: 256 bits that stay nearly the same when an image is scaled or re-encoded.

Source: https://github.com/facebook/ThreatExchange/tree/main/pdq
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from fakescope.errors import MissingExtraError

HASH_SIDE_PX = 512
"""Larger images are scaled down first, as the reference implementation does."""

LEAST_QUALITY = 50
"""PDQ's own measure of how much structure an image has, 0-100. Flat images have hashes that match each other by
chance; the reference says to leave those under 50 alone."""


def pdq(pixels: Image.Image) -> tuple[str, int]:
    """The hash as 64 hex digits, and its quality from 0 to 100.

    Args:
        pixels: RGB.

    Raises:
        MissingExtraError: pdqhash is not installed.
    """
    try:
        import pdqhash
    except ImportError as error:
        raise MissingExtraError("perceptual hashes", "chain") from error
    if max(pixels.size) > HASH_SIDE_PX:
        pixels = pixels.copy()
        pixels.thumbnail((HASH_SIDE_PX, HASH_SIDE_PX), Image.Resampling.BOX, reducing_gap=2.0)
    bits, quality = pdqhash.compute(np.ascontiguousarray(pixels))
    return np.packbits(np.asarray(bits, np.uint8)).tobytes().hex(), int(quality)
