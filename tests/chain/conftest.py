"""A small chain of real pictures."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain_help import exemplar
from fakescope.chain.store import Store, open_store
from fakescope.records import ImageRef, Label

EXAMPLES = Path(__file__).parents[2] / "examples" / "images"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A chain of the example images, five fake and three real, with two checked exemplars of other pictures."""
    folder = tmp_path / "chain"
    (folder / "images").mkdir(parents=True)
    refs = []
    for path in sorted(EXAMPLES.glob("*.jpg")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        shutil.copy(path, folder / "images" / f"{digest}.jpg")
        refs.append(
            ImageRef(
                id=digest[:12],
                path=f"images/{digest}.jpg",
                sha256=digest,
                label=Label(path.name.split("-")[0]),
                split="train",
            )
        )
    with open_store(folder, create=True) as opened:
        opened.add_images(refs)
        opened.append([exemplar("fake", "texture", "anatomy"), exemplar("real", "light")])
        yield opened
