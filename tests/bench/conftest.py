"""A scripted model and a small folder of labelled images."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from fakescope.errors import ModelError
from fakescope.images.load import LoadedImage
from fakescope.models.base import ANSWER_PREFIX, AUTHENTICITY_QUESTION, Logits, ModelCard
from fakescope.records import Message

settings.register_profile("steady", deadline=None)  # property tests run on busy machines too
settings.load_profile("steady")

WORDS = {"fake": 0, "real": 1}


class ScriptedModel:
    """Reads its verdict off the mean brightness: the brighter, the more fake."""

    card = ModelCard("scripted", "1", "Apache-2.0", ("fake",), ("real",))

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.refuse: set[str] = set()

    def token_id(self, word: str) -> int | None:
        return WORDS.get(word)

    def answer_logits(
        self, image: LoadedImage, question: str = AUTHENTICITY_QUESTION, prefix: str = ANSWER_PREFIX
    ) -> Logits:
        if Path(image.path).stem in self.refuse:
            raise ModelError(f"{image.path} is refused")
        return Logits(np.array([np.asarray(image.pixels).mean() / 10 - 12.75, 0, -9], np.float32))

    def answer_logits_batch(
        self,
        images: Sequence[LoadedImage],
        question: str = AUTHENTICITY_QUESTION,
        prefix: str = ANSWER_PREFIX,
    ) -> list[Logits]:
        self.batches.append(len(images))
        return [self.answer_logits(image, question, prefix) for image in images]

    def generate(
        self, image: LoadedImage, messages: Sequence[Message], *, max_tokens: int = 160
    ) -> Iterator[str]:
        yield from ["This", " image", " is", " fake", "."]

    def generate_batch(
        self, image: LoadedImage, conversations: Sequence[Sequence[Message]], *, max_tokens: int = 160
    ) -> list[str]:
        return ["This image is fake." for _ in conversations]

    def choice_logits(
        self, image: LoadedImage, conversations: Sequence[Sequence[Message]], words: Sequence[str]
    ) -> np.ndarray:
        return np.zeros((len(conversations), len(words)), np.float32)


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


def write_folder(folder: Path, per_class: int = 12) -> Path:
    """Fakes are bright and reals dark, with overlap; three sources a class, splits in turn."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    rows, chain = [], []
    for label, centre in (("real", 100), ("fake", 155)):
        for i in range(per_class):
            image_id = f"{label}{i:03d}"
            grey = np.clip(rng.normal(centre, 25) + rng.normal(0, 20, (48 + i, 64, 3)), 0, 255)
            Image.fromarray(grey.astype(np.uint8)).save(folder / "images" / f"{image_id}.jpg", quality=90)
            rows.append(
                {
                    "id": image_id, "split": ("train", "dev", "test")[i % 3], "label": label,
                    "generator": f"gen{i % 2}" if label == "fake" else "",
                    "source": f"{label}-source{i // 3 % 3}",
                    "original_format": "PNG" if label == "fake" else "JPEG", "original_width": 512 + i,
                    "original_height": 512, "original_bytes": 90000 + i,
                }
            )  # fmt: skip
            finding = "abnormal" if label == "fake" else "natural"
            note = {"finding": finding, "observation": "x", "region": None}
            chain.append(
                {"id": image_id, "label": label, "description": f"This image is {label}; scene {i}.",
                 "traces": {"texture": note, "edge": note if i % 2 else None, "shape": None}}
            )  # fmt: skip
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    (folder / "chain.jsonl").write_text("".join(json.dumps(r) + "\n" for r in chain), encoding="utf-8")
    return folder


@pytest.fixture
def make_folder() -> Callable[..., Path]:
    return write_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "data")
