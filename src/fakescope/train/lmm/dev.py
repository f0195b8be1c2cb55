"""What a model that is being tuned makes of dev images: the soft score of each, and what it says."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fakescope.bench.metrics import auroc
from fakescope.bench.stated import stated_label
from fakescope.errors import DataError
from fakescope.images.load import LoadedImage
from fakescope.models.base import ANSWER_PREFIX, ModelCard
from fakescope.models.hf.forensic import HfModel
from fakescope.prompts.paper import AUTHENTICITY_QUESTION
from fakescope.prompts.product import DESCRIBE_PROMPT
from fakescope.records import JsonObject, Label, Message
from fakescope.verdict.labels import candidate_sets
from fakescope.verdict.reliability import brier, ece
from fakescope.verdict.soft_score import sigmoid, soft_score_logits

if TYPE_CHECKING:
    from PIL import Image

TEXT_QUESTIONS = (AUTHENTICITY_QUESTION, DESCRIBE_PROMPT)
TEXT_TOKENS = 64
RAW = ModelCard("being tuned", "", "", fake_words=("fake",), real_words=("real",))
"""Of a model that is not calibrated yet."""


@dataclass(frozen=True)
class DevSet:
    """Images with their labels, as many real as fake.

    Attributes:
        ids: Of the images.
        targets: 1 fake, 0 real.
    """

    ids: tuple[str, ...]
    targets: tuple[int, ...]


def choose_dev(table: Mapping[str, JsonObject], count: int, seed: int = 0) -> DevSet:
    """So many dev images of a set's table, half of them fake.

    Raises:
        DataError: A class has none.
    """
    rng = random.Random(seed)
    chosen: list[tuple[str, int]] = []
    for label in Label:
        ids = sorted(id for id, row in table.items() if row["split"] == "dev" and row["label"] == label.value)
        if not ids:
            raise DataError(f"the set has no {label.value} dev image", "train with `dev_images: 0`")
        chosen += [(id, label.target) for id in rng.sample(ids, min(len(ids), max(1, count // 2)))]
    return DevSet(tuple(id for id, _ in chosen), tuple(target for _, target in chosen))


@dataclass(frozen=True)
class DevText:
    """What a model said of a dev image while it was tuned."""

    image: str
    question: str
    text: str
    stated: str
    p_fake: float


@dataclass(frozen=True)
class Looker:
    """Looks at dev images with a model that is being tuned. The model is left as it was found.

    Attributes:
        processor: The model's.
        dev: The images.
        picture: Gives the RGB picture of an id.
        batch: Images read together.
        texts: How many of them are asked for words.
        on_texts: Is given those.
    """

    processor: Any
    dev: DevSet
    picture: Callable[[str], Image.Image]
    batch: int
    texts: int = 0
    on_texts: Callable[[Sequence[DevText]], None] = lambda texts: None

    def __call__(self, model: Any) -> dict[str, float]:
        """AUROC, ECE, Brier score, mean p_fake and answer mass; of texts, how many state a label, and the model's
        own, and how many words they have in the mean.

        Without calibration the ECE tells how far the soft score alone can be believed.
        """
        training = model.training
        model.eval()
        try:
            asked = HfModel(model, self.processor, RAW, self.batch, level=False)
            llr, mass = self._scores(asked)
            said = self._said(asked, sigmoid(llr))
        finally:
            model.train(training)
        self.on_texts(said)
        figures = _figures(llr, mass, self.dev.targets)
        closed = [text for text in said if text.question == AUTHENTICITY_QUESTION]
        if closed:
            figures["dev_text_states"] = sum(t.stated in list(Label) for t in closed) / len(closed)
            own = [t.stated == (Label.FAKE if t.p_fake >= 0.5 else Label.REAL) for t in closed]
            figures["dev_text_agrees"] = sum(own) / len(closed)
            figures["dev_text_words"] = sum(len(text.text.split()) for text in said) / len(said)
        return figures

    def _scores(self, asked: HfModel) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        sets = candidate_sets(asked)
        scores = [
            soft_score_logits(logits, sets)
            for start in range(0, len(self.dev.ids), self.batch)
            for logits in asked.answer_logits_pixels(
                [self.picture(id) for id in self.dev.ids[start : start + self.batch]],
                AUTHENTICITY_QUESTION,
                ANSWER_PREFIX,
            )
        ]
        return np.array([float(s.llr) for s in scores]), np.array([float(s.answer_mass) for s in scores])

    def _said(self, asked: HfModel, p_fake: NDArray[np.float64]) -> list[DevText]:
        """Answers to the paper's question and to the one for reasons, of images spread over both classes."""
        count = min(self.texts, len(self.dev.ids))
        found = []
        for place in (number * len(self.dev.ids) // count for number in range(count)):
            id = self.dev.ids[place]
            pixels = self.picture(id)
            image = LoadedImage(pixels, f"dev {id}", id, "JPEG", *pixels.size, 0, b"")
            talks = [[Message(role="user", content=question)] for question in TEXT_QUESTIONS]
            answers = asked.generate_batch(image, talks, max_tokens=TEXT_TOKENS)
            found += [
                DevText(id, question, answer, stated_label(answer), float(p_fake[place]))
                for question, answer in zip(TEXT_QUESTIONS, answers, strict=True)
            ]
        return found


def _figures(llr: Any, mass: Any, targets: Sequence[int]) -> dict[str, float]:
    target = np.array(targets, np.float64)
    p_fake = sigmoid(llr)
    return {
        "dev_auroc": float(auroc(llr, target)),
        "dev_ece": ece(p_fake, target),
        "dev_brier": brier(p_fake, target),
        "dev_p_fake": float(p_fake.mean()),
        "dev_answer_mass": float(mass.mean()),
    }
