"""Measure what a region does: hide it and see how the verdict moves.

A region that a model names is a claim. Hiding it and asking again is a measurement, and a cheap one; where the
model names no region, the part whose hiding moves the verdict most is reported instead, and said to be measured.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from fakescope.images.load import LoadedImage
from fakescope.models.base import ForensicModel, Wording
from fakescope.prompts.paper import AUTHENTICITY_QUESTION
from fakescope.records import Evidence, Region
from fakescope.verdict.calibrate import apply_calibration
from fakescope.verdict.labels import CandidateSets
from fakescope.verdict.soft_score import soft_score_logits

CELLS = 4
"""The image is hidden in CELLS x CELLS parts when the model names no region."""

_WORK_PX = 512
_LEAST_DROP_NATS = 0.25


def hide(pixels: Image.Image, region: Region) -> Image.Image:
    """The image with a region blurred beyond recognition, its colours kept so that no hard edge is added."""
    width, height = pixels.size
    box = (
        round(region[0] * width),
        round(region[1] * height),
        round(region[2] * width),
        round(region[3] * height),
    )
    if box[2] - box[0] < 1 or box[3] - box[1] < 1:
        return pixels
    hidden = pixels.copy()
    radius = max(8, max(box[2] - box[0], box[3] - box[1]) // 3)
    hidden.paste(pixels.filter(ImageFilter.BoxBlur(radius)).crop(box), box[:2])
    return hidden


def llr_without(
    model: ForensicModel, image: LoadedImage, sets: CandidateSets, regions: Sequence[Region]
) -> NDArray[np.float64]:
    """Calibrated llr in nats [n] of the image with each region hidden in turn."""
    if not regions:
        return np.zeros(0)
    small = image.pixels.copy()
    small.thumbnail((_WORK_PX, _WORK_PX), Image.Resampling.BICUBIC)
    wording = _wording(model)
    answers = model.answer_logits_pixels([hide(small, region) for region in regions], wording.question)
    raw = np.array([float(soft_score_logits(a, sets).llr) for a in answers])
    return np.asarray(apply_calibration(raw, wording.calibration), np.float64)


def _wording(model: ForensicModel) -> Wording:
    """The one question by which hidden regions are measured: asking all would cost as many times more."""
    card = model.card
    return card.wordings[0] if card.wordings else Wording(AUTHENTICITY_QUESTION, card.calibration)


def measure(
    model: ForensicModel, image: LoadedImage, sets: CandidateSets, llr: float, evidence: Sequence[Evidence]
) -> list[Evidence]:
    """Evidence with the effect of its regions measured; without any region, the most telling part is sought.

    Args:
        llr: Calibrated llr of the untouched image.
    """
    if model.card.wordings:  # the verdict is a mean over several; drops need the llr of the one
        wording = _wording(model)
        raw = soft_score_logits(model.answer_logits(image, wording.question), sets).llr
        llr = float(apply_calibration(raw, wording.calibration))
    named = [e.region for e in evidence if e.region is not None]
    if named:
        drops = iter(llr - llr_without(model, image, sets, named))
        return [e.model_copy(update={"llr_drop": float(next(drops))}) if e.region else e for e in evidence]
    return _search(model, image, sets, llr, evidence)


def _search(
    model: ForensicModel, image: LoadedImage, sets: CandidateSets, llr: float, evidence: Sequence[Evidence]
) -> list[Evidence]:
    supporting = next((i for i, e in enumerate(evidence) if (e.finding == "abnormal") == (llr > 0)), None)
    if supporting is None:
        return list(evidence)
    cells = [
        (x / CELLS, y / CELLS, (x + 1) / CELLS, (y + 1) / CELLS) for y in range(CELLS) for x in range(CELLS)
    ]
    drops = llr - llr_without(model, image, sets, cells)
    best = int((drops * np.sign(llr)).argmax())
    found = list(evidence)
    if drops[best] * np.sign(llr) >= _LEAST_DROP_NATS:
        found[supporting] = evidence[supporting].model_copy(
            update={"region": cells[best], "region_from": "occlusion", "llr_drop": float(drops[best])}
        )
    return found
