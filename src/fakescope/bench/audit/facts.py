"""What a file says of itself without its pixels being looked at."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, JpegImagePlugin

from fakescope.images import jpeg, png
from fakescope.images.container import find_exif, find_xmp
from fakescope.images.load import DECODE_ERRORS, LoadedImage
from fakescope.images.pixels import MAX_ICC_BYTES
from fakescope.images.text import clean_text

NONE = "none"
_PROFILE_ERRORS: tuple[type[BaseException], ...] = (ImageCms.PyCMSError, *DECODE_ERRORS)
_SAMPLINGS = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}
_LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
"""Table K.1 of the JPEG standard (ITU-T T.81), of which encoders make their qualities."""


@dataclass(frozen=True)
class FileFacts:
    """Facts of one file; what does not apply is None, empty or `none`.

    Attributes:
        quality: JPEG quality, 1-100, whose standard table is closest to the file's.
        table: Names the quantisation tables: `standard 90`, or `own` and a hash.
        subsampling: Of the colours of a JPEG.
        progressive: A JPEG of several scans.
        profile: The colour profile by its own name, or `none`.
    """

    format: str
    width_px: int
    height_px: int
    size_bytes: int
    quality: int | None = None
    table: str = ""
    subsampling: str = ""
    progressive: bool = False
    profile: str = NONE
    exif: bool = False
    xmp: bool = False

    @property
    def longer_px(self) -> int:
        """The longer side."""
        return max(self.width_px, self.height_px)

    @property
    def shorter_px(self) -> int:
        """The shorter side."""
        return min(self.width_px, self.height_px)

    @property
    def bits_per_pixel(self) -> float:
        """How hard it is compressed."""
        return 8.0 * self.size_bytes / max(1, self.width_px * self.height_px)


def read_facts(image: LoadedImage) -> FileFacts:
    """Facts of an image that was loaded, and so is known to be sound and within limits."""
    quality, table, subsampling, progressive, profile = None, "", "", False, NONE
    exif = b""
    try:
        with _open(image) as header:
            profile = _profile_name(header.info.get("icc_profile"))
            exif = find_exif(image.data, image.format, header)
            if image.format == "JPEG":
                quality, table = name_tables(getattr(header, "quantization", {}))
                subsampling = _SAMPLINGS.get(JpegImagePlugin.get_sampling(header), "other")
                progressive = bool(header.info.get("progressive"))
    except DECODE_ERRORS:
        profile = "unreadable"
    return FileFacts(
        image.format, image.width_px, image.height_px, image.size_bytes, quality, table, subsampling, progressive,
        profile, bool(exif), bool(find_xmp(image.data)),
    )  # fmt: skip


def jpeg_facts(data: bytes) -> FileFacts:
    """Facts of a JPEG file that we encoded ourselves."""
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        quality, table = name_tables(getattr(image, "quantization", {}))
        return FileFacts("JPEG", *image.size, len(data), quality, table)


def name_tables(tables: dict[int, list[int]]) -> tuple[int | None, str]:
    """The closest standard quality of a JPEG's tables, and a name for them."""
    luminance = np.array(tables.get(0, ()), np.int64)
    if luminance.size != 64:
        return None, ""
    distances = np.abs(_standard_tables() - luminance).sum(axis=1)
    quality = int(distances.argmin()) + 1
    if distances[quality - 1] == 0:
        return quality, f"standard {quality}"
    digest = hashlib.sha256(repr(sorted(tables.items())).encode()).hexdigest()[:6]
    return quality, f"own {digest} (about {quality})"


@cache
def _standard_tables() -> NDArray[np.int64]:
    """[100, 64]: the luminance table of each quality, as libjpeg scales it."""
    quality = np.arange(1, 101)[:, None]
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return np.clip((np.array(_LUMINANCE) * scale + 50) // 100, 1, 255)


def _open(image: LoadedImage) -> Image.Image:
    """The header again, of a file cut to what the decoder needs."""
    if image.format == "HEIF":
        from pi_heif import HeifImageFile

        heif: Image.Image = HeifImageFile(io.BytesIO(image.data))
        return heif
    cut = {"JPEG": jpeg.for_decoder, "PNG": png.for_decoder}.get(image.format, bytes)
    return Image.open(io.BytesIO(cut(image.data)), formats=[image.format])


def _profile_name(profile: object) -> str:
    if not isinstance(profile, bytes) or not profile:
        return NONE
    if len(profile) > MAX_ICC_BYTES:
        return "unreadable"
    try:
        description = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except _PROFILE_ERRORS:
        return "unreadable"
    return clean_text(description, 40) or "unnamed"
