"""A chain with people, drafts and exemplars, and a review room that serves it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain_help import exemplar
from fakescope.chain.store import Store, open_store
from fakescope.records import Check, Draft, ImageRef, Label, TraceNote
from room_help import Server, people

EXAMPLES = Path(__file__).parents[2] / "examples" / "images"
EVIL = '<img src=x onerror="document.title=1"> & <b>bold</b>'


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Store]:
    """The eight example pictures; names, sources and generators that must not be told."""
    folder = tmp_path / "chain"
    with open_store(folder, create=True) as store:
        for path in sorted(EXAMPLES.glob("*.jpg")):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            shutil.copy(path, folder / f"secret-name-{digest[:4]}.jpg")
            store.add_images(
                [
                    ImageRef(
                        id=digest[:12], path=f"secret-name-{digest[:4]}.jpg", sha256=digest, split="train",
                        label=Label(path.name.split("-")[0]), generator="secret-generator", source="secret-source",
                    )
                ]
            )  # fmt: skip
        yield store


@pytest.fixture
def tokens(chain: Store) -> dict[str, str]:
    return people(chain, ann="annotator", bob="annotator", cid="adjudicator", eve="owner")


@pytest.fixture
def drafts(chain: Store) -> list[Draft]:
    """An ACoTI and a plain draft of each picture, one of them with hostile text, and checks."""
    made = []
    for n, ref in enumerate(chain.images()):
        note = TraceNote(finding="abnormal", observation=f"Sign {n} {EVIL}", region=(0.1, 0.2, 0.5, 0.6))
        made.append(
            Draft(
                id=f"d{n}", image=ref.id, teacher="t:one", prompt_hash="p", traces={"edge": note, "tone": None},
                description=f"This image is {ref.label.value} because of {n}. {EVIL}", limits="Few.",
                criteria=("edge",),
            )
        )  # fmt: skip
        plain = {"id": f"p{n}", "mode": "plain", "description": f"This image is {ref.label.value}, plainly."}
        chain.append([made[-1], made[-1].model_copy(update=plain)])
        chain.append([Check(draft=f"d{n}", name="priority", passed=True, value=n / 10)])
        chain.append(
            [Check(draft=f"d{n}", name="length", passed=n != 7, detail="too short" if n == 7 else "")]
        )
    chain.append([exemplar("fake", "edge", by=None), exemplar("real", "tone")])
    return made


@pytest.fixture
def server(chain: Store, tokens: dict[str, str]) -> Iterator[Server]:
    with Server(chain.root) as running:
        yield running
