"""The one path of every training image: decoded within limits, cut, at most 640 px, one JPEG encoder."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from fakescope.chain.collect.rules import Rule
from fakescope.errors import ImageError
from fakescope.images.load import load_image

LEAST_PX, MOST_PX = 200, 640
QUALITIES = (86, 95)
NEAR_BITS = 4
SIDEWAYS_BITS = 10
_FLAT = 2.0

Hash = tuple[int, int]


@dataclass(frozen=True)
class Part:
    """One image as it is written: id, JPEG bytes and difference hashes."""

    id: str
    jpeg: bytes
    hash: Hash


@dataclass(frozen=True)
class Prepared:
    """The parts of one file, or why there are none. Sizes are those of the whole upright original."""

    id: str
    width_px: int = 0
    height_px: int = 0
    format: str = ""
    parts: tuple[Part, ...] = ()
    dropped: Counter[str] = field(default_factory=Counter)
    broken: str = ""


def image_id(data: bytes) -> str:
    """First 12 hex digits of the SHA-256 of the original bytes."""
    return hashlib.sha256(data).hexdigest()[:12]


def quality(part_id: str) -> int:
    """JPEG quality in `QUALITIES`, by the id alone, so that it cannot tell the label."""
    low, high = QUALITIES
    return low + int(hashlib.sha256(part_id.encode()).hexdigest()[:8], 16) % (high - low + 1)


def prepare(data: bytes, rule: Rule) -> Prepared:
    """Decode and cut one file. Never raises for a bad image: `broken` then says why."""
    name = image_id(data)
    try:
        loaded = load_image(data, path="the file")
    except ImageError as error:
        return Prepared(name, broken=error.message)
    dropped: Counter[str] = Counter()
    parts = []
    for part_id, box in rule.crop.parts(name, loaded.width_px, loaded.height_px):
        if rule.excludes(part_id):
            dropped["excluded"] += 1
            continue
        if min(box[2] - box[0], box[3] - box[1]) < LEAST_PX:
            dropped["small"] += 1
            continue
        pixels = _fit(loaded.pixels.crop(box))
        if np.asarray(pixels.convert("L").resize((32, 32))).std() < _FLAT:
            dropped["flat"] += 1
            continue
        buffer = io.BytesIO()
        pixels.save(buffer, "JPEG", quality=quality(part_id))
        parts.append(Part(part_id, buffer.getvalue(), difference_hash(pixels)))
    return Prepared(name, loaded.width_px, loaded.height_px, loaded.format, tuple(parts), dropped)


def _fit(pixels: Image.Image) -> Image.Image:
    scale = MOST_PX / max(pixels.size)
    if scale >= 1:
        return pixels
    size = (max(1, round(pixels.width * scale)), max(1, round(pixels.height * scale)))
    return pixels.resize(size, Image.Resampling.LANCZOS)


def difference_hash(pixels: Image.Image) -> Hash:
    """Whether it grows brighter to the right and downwards, on 8 x 8 places each: two numbers of 64 bit."""
    grey = pixels.convert("L")
    right = np.asarray(grey.resize((9, 8), Image.Resampling.LANCZOS), np.int16)
    down = np.asarray(grey.resize((8, 9), Image.Resampling.LANCZOS), np.int16)
    bits = (np.diff(right, axis=1) > 0, np.diff(down, axis=0) > 0)
    first, second = (int.from_bytes(np.packbits(half).tobytes(), "big") for half in bits)
    return first, second


def is_near(one: Hash, others: Iterable[Hash]) -> bool:
    """Whether it is nearly the same picture as one of the others.

    One direction must agree in all but `NEAR_BITS` of 64 bits and the other in all but `SIDEWAYS_BITS`: a single
    hash takes different scans of pages, and different plain backgrounds, for the same.
    """
    for other in others:
        a, b = (one[0] ^ other[0]).bit_count(), (one[1] ^ other[1]).bit_count()
        if min(a, b) <= NEAR_BITS and max(a, b) <= SIDEWAYS_BITS:
            return True
    return False


def reference_hashes(folder: Path, ids: Iterable[str]) -> list[Hash]:
    """Hashes of `folder`/ID.jpg, with which no training image may nearly agree. Missing files are passed over."""
    hashes = []
    for name in ids:
        try:
            hashes.append(difference_hash(load_image(folder / f"{name}.jpg").pixels))
        except ImageError:
            continue
    return hashes
