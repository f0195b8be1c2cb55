"""Small sets of instructions written row by row, hostile ones too, and the images that they are about."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from fakescope.instruct.rows import SCHEMA


def make_row(number, image, *turns, part="traces", form="traces.free", roles=("user", "assistant")):
    """A row of a set: questions and answers by turns, unless other roles are given."""
    messages = [{"role": roles[n % len(roles)], "content": text} for n, text in enumerate(turns)]
    return {
        "id": f"{image}/0/{number}", "image": image, "part": part, "form": form, "criterion": None, "answer": "",
        "messages": messages, "rests_on": ["label"], "writer": "grammar",
    }  # fmt: skip


def make_set(folder, splits, images=None, licence="MIT"):
    """Write a set.

    Args:
        folder: Where it goes.
        splits: Split -> rows.
        images: Id -> split, for the table of images; by default all that the rows name.
        licence: Of all images.
    """
    (folder / "data").mkdir(parents=True)
    named = {row["image"]: split for split, rows in splits.items() for row in rows}
    table = [
        {"id": id, "split": split, "label": "fake", "path": None, "source": "made, here", "licence": licence}
        for id, split in (named if images is None else images).items()
    ]
    pq.write_table(pa.Table.from_pylist(table), folder / "images.parquet")
    for split, rows in splits.items():
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), folder / "data" / f"{split}-00000.parquet")
    forms = [row["form"] for rows in splits.values() for row in rows]
    manifest = {
        "schema_version": 1, "release": {"name": "made", "version": "1", "licence": "Apache-2.0"},
        "splits": list(splits), "forms": {form: forms.count(form) for form in forms}, "task": "made",
        "instructions": len(forms), "records": len(splits), "answers": {}, "dropped": {}, "files": [],
    }  # fmt: skip
    (folder / "instructions.json").write_text(json.dumps(manifest))
    return folder


def make_images(folder, ids):
    """Noise, every second one large and as PNG; each image is another one."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, id in enumerate(ids):
        width, height = ((64, 48), (700, 300))[number % 2]
        noise = np.random.default_rng(number).integers(0, 255, (height // 4, width // 4, 3), np.uint8)
        Image.fromarray(noise).resize((width, height)).save(folder / f"{id}.{('jpg', 'png')[number % 2]}")
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """Everything in a folder, byte by byte."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
