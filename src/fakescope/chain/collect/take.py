"""One item becomes images of the chain: read within limits, decoded, cut, hashed, and kept by content."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from fakescope.chain.collect.items import Facts, Item
from fakescope.chain.collect.phash import LEAST_QUALITY, pdq
from fakescope.errors import DataError, ImageError, ImageTooLargeError
from fakescope.images.load import LoadedImage, load_image
from fakescope.images.source import DEFAULT_LIMITS, Limits, read_path
from fakescope.records import ImageRef

SUFFIXES = {
    "JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "TIFF": "tif", "BMP": "bmp", "HEIF": "heic",
    "AVIF": "avif",
}  # fmt: skip
FOLDER = "images"
_POINTER = b"version https://git-lfs.github.com/"


@dataclass(frozen=True)
class Taken:
    """What became of an item: images (several tiles of a sheet, or none that is wanted), or a fault."""

    item: Item
    images: tuple[ImageRef, ...] = ()
    fault: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Keeper:
    """Keeps the bytes of images under `root`/images, named by their content; a name never comes from outside.

    Args:
        root: Folder of the chain's images.
        in_place: Files are left where they are, and only their paths are kept.
    """

    root: Path
    in_place: bool = False
    limits: Limits = field(default=DEFAULT_LIMITS)

    def keep(self, data: bytes, sha256: str, format: str, path: Path | None) -> str:
        """Keep an image; returns its path, relative to the root if it was copied or linked there.

        Raises:
            DataError: It cannot be written.
        """
        if self.in_place and path is not None:
            return str(path.absolute())
        name = f"{FOLDER}/{sha256[:2]}/{sha256}.{SUFFIXES[format]}"
        target = self.root / name
        try:
            if not target.exists() or target.stat().st_size != len(data):
                target.parent.mkdir(parents=True, exist_ok=True)
                if path is None or not _link(path, target, len(data)):
                    _write(data, target)
        except OSError as error:
            raise DataError(f"{target} cannot be written: {error.strerror}") from error
        return name


def take(item: Item, keeper: Keeper) -> Taken:
    """Take one item. A bad image is a fault of the item and raises nothing.

    Raises:
        DataError: The chain's folder cannot be written.
    """
    if item.fault:
        return Taken(item, fault=item.fault, detail=item.detail)
    try:
        data = item.data if item.data is not None else read_path(str(item.path), keeper.limits)
        if data.startswith(_POINTER):
            return Taken(item, fault="missing", detail="a pointer of git-lfs in place of the image")
        loaded = load_image(data, limits=keeper.limits, path="the image")
    except ImageTooLargeError as error:
        return Taken(item, fault="too_large", detail=str(error))
    except ImageError as error:
        missing = item.path is not None and not item.path.exists()
        return Taken(item, fault="missing" if missing else "broken", detail=str(error))
    return Taken(item, images=_parts(item, loaded, keeper))


def _parts(item: Item, loaded: LoadedImage, keeper: Keeper) -> tuple[ImageRef, ...]:
    """The whole image, or those parts of it that the item's rule asks for, without loss as PNG."""
    whole = item.id or loaded.sha256[:12]
    if item.rule is None:
        return (_ref(whole, item, loaded, keeper, item.path),)
    full = (0, 0, loaded.width_px, loaded.height_px)
    refs = []
    for part_id, box in item.rule.crop.parts(whole, loaded.width_px, loaded.height_px):
        if item.rule.excludes(part_id) or item.rule.excludes(whole) or box[0] >= box[2] or box[1] >= box[3]:
            continue
        if box == full:
            refs.append(_ref(part_id, item, loaded, keeper, item.path))
        else:
            where = replace(item, origin=f"{item.origin} [{box[0]},{box[1]},{box[2]},{box[3]}]")
            refs.append(_ref(part_id, where, _cut(loaded, box), keeper, None))
    return tuple(refs)


def _cut(loaded: LoadedImage, box: tuple[int, int, int, int]) -> LoadedImage:
    pixels = loaded.pixels.crop(box)
    buffer = io.BytesIO()
    pixels.save(buffer, "PNG")
    data = buffer.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    return LoadedImage(pixels, digest, loaded.path, "PNG", *pixels.size, len(data), data)


def _ref(id: str, item: Item, image: LoadedImage, keeper: Keeper, path: Path | None) -> ImageRef:
    facts: Facts = item.facts
    phash, quality = pdq(image.pixels)
    return ImageRef(
        id=id,
        path=keeper.keep(image.data, image.sha256, image.format, path),
        sha256=image.sha256,
        label=facts.label,
        generator=facts.generator,
        source=facts.source,
        licence=facts.licence,
        split=facts.split,
        group=facts.group,
        caption=facts.caption,
        date=facts.date,
        origin=item.origin,
        phash=phash if quality >= LEAST_QUALITY else None,
        format=image.format,
        width_px=image.width_px,
        height_px=image.height_px,
        size_bytes=image.size_bytes,
    )


def _link(path: Path, target: Path, size_bytes: int) -> bool:
    """Link a file into the chain instead of copying it; False where that is not possible."""
    try:
        os.link(os.path.realpath(path), target)
    except OSError:  # another disk, a file system without links, or a file of someone else
        return False
    if target.stat().st_size == size_bytes:
        return True
    target.unlink()  # exchanged since it was read
    return False


def _write(data: bytes, target: Path) -> None:
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(target)
