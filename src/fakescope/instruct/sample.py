"""Random instructions, and a page to read them beside their images."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from fakescope.errors import DataError, ImageError
from fakescope.images.load import load_image
from fakescope.instruct.page import render
from fakescope.instruct.pictures import Pictures
from fakescope.instruct.read import read_images, read_instructions, read_manifest, read_rows
from fakescope.records import Instruction
from fakescope.report.pictures import jpeg_uri

SHOWN_PX, MOST_BYTES = 420, 60_000


def draw(folder: Path, count: int, seed: int = 0, part: str | None = None) -> list[Instruction]:
    """So many instructions at random, in the order of the set.

    Args:
        folder: The set.
        count: At most so many.
        seed: Settles which.
        part: Only of this part, such as `traces`, or of this form, such as `traces.choice`.

    Raises:
        DataError: The folder holds no finished set.
    """
    rng = random.Random(seed)
    rows = read_rows(folder, ["part", "form"])
    places = [number for number, row in enumerate(rows) if part is None or part in (row["part"], row["form"])]
    if not places:
        forms = read_manifest(folder)["forms"]
        parts = sorted({form.partition(".")[0] for form in forms})
        raise DataError(
            f"the set has no {part or 'instructions'}",
            f"parts: {', '.join(parts)}; forms: {', '.join(sorted(forms))}",
        )
    wanted = set(rng.sample(places, min(count, len(places))))
    return [one for number, one in enumerate(read_instructions(folder)) if number in wanted]


def write_page(drawn: Sequence[Instruction], folder: Path, out: Path, images: Path | None = None) -> int:
    """Write the page; it holds everything, and opens without a network.

    Args:
        drawn: Instructions.
        folder: The set that they are of.
        out: HTML file.
        images: Folder of the images, or a release that holds them.

    Returns:
        How many are shown with their image.

    Raises:
        DataError: The set cannot be read, or the file cannot be written.
    """
    table = read_images(folder)
    uris = _uris({one.image for one in drawn}, table, images) if images else {}
    name = read_manifest(folder)["release"]
    page = render(
        "sample.html.j2",
        title=f"{len(drawn)} instructions from {name['name']} {name['version']}",
        drawn=drawn,
        images=table,
        uris=uris,
    )
    try:
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror}") from error
    return sum(one.image in uris for one in drawn)


def _uris(ids: set[str], table: dict[str, dict[str, object]], images: Path) -> dict[str, str]:
    uris: dict[str, str] = {}
    with Pictures(table, images) as pictures:
        for id in sorted(ids):
            if path := pictures.find(id):
                try:
                    uris[id] = jpeg_uri(load_image(path).pixels, SHOWN_PX, MOST_BYTES)
                except ImageError:
                    continue
    return uris
