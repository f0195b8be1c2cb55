"""What a model that is being tuned makes of dev images: the soft score of each, and what it says."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fakescope.bench.metrics import auroc
from fakescope.errors import DataError
from fakescope.models.base import ANSWER_PREFIX, ModelCard
from fakescope.models.hf.forensic import HfModel
from fakescope.prompts.paper import AUTHENTICITY_QUESTION
from fakescope.records import JsonObject, Label
from fakescope.verdict.labels import candidate_sets
from fakescope.verdict.reliability import brier, ece
from fakescope.verdict.soft_score import sigmoid, soft_score_logits

if TYPE_CHECKING:
    from PIL import Image

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


def look_at_dev(
    model: Any, processor: Any, dev: DevSet, picture: Callable[[str], Image.Image], batch: int
) -> dict[str, float]:
    """AUROC, ECE, Brier score, mean p_fake and answer mass. The model is left as it was found.

    Without calibration the ECE tells how far the soft score alone can be believed.
    """
    training = model.training
    model.eval()
    try:
        asked = HfModel(model, processor, RAW, batch, level=False)
        sets = candidate_sets(asked)
        scores = [
            soft_score_logits(logits, sets)
            for start in range(0, len(dev.ids), batch)
            for logits in asked.answer_logits_pixels(
                [picture(id) for id in dev.ids[start : start + batch]], AUTHENTICITY_QUESTION, ANSWER_PREFIX
            )
        ]
    finally:
        model.train(training)
    return _figures(
        np.array([float(s.llr) for s in scores]),
        np.array([float(s.answer_mass) for s in scores]),
        dev.targets,
    )


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
