"""A small world to train in: a tiny model, instructions, and images of which fakes are reddish and reals bluish."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2] / "instruct"))
sys.path.insert(0, str(Path(__file__).parent))

from made_records import make_record
from made_reviews import good_and_bad

from fakescope.chain.release.write import ALL, Release, write_release
from fakescope.instruct.build import Plan, build
from fakescope.instruct.compose import Quota
from fakescope.models.hf.tiny import save_tiny
from fakescope.records import Label

COLOURS = {Label.FAKE: (210, 60, 60), Label.REAL: (60, 60, 210)}


def make_world(root: Path, family: str = "llava-1.5", *, reviewed: bool = False) -> dict[str, Path]:
    """Name -> folder: `release`, `set`, `images`, `base`."""
    records = [
        (good_and_bad if reviewed else make_record)(n, label, split)
        for label in Label
        for n, split in enumerate(["train"] * 10 + ["dev"] * 4)
    ]
    write_release(records, root / "release", Release("made", "1"), statuses=ALL)
    build(Plan(root / "release", root / "set", Quota(2, 2, 2, 2)))
    (root / "images").mkdir()
    draw = np.random.default_rng(0)
    for record in records:
        colour = np.array(COLOURS[record.image.label], float)  # type: ignore[index]
        pixels = np.clip(colour + draw.normal(0, 30, (70, 80, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / "images" / f"{record.image.id}.jpg")
    save_tiny(family, root / "base")
    return {name: root / name for name in ("release", "set", "images", "base")}
