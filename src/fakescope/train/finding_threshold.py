"""From which probability on a criterion is called abnormal.

Few dev fakes are annotated, too few to choose a threshold on. But how probable each criterion is to be abnormal were
the image a fake, the model says itself; and for images kept out of training it is known whether they are fakes. So the
expected micro-F1 over both classes, a real image having no abnormal sign at all, can be computed for any threshold
without annotations. Marks on real images thus count against a threshold as much as marks that fakes do not deserve.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fakescope.bench.data import Sample
from fakescope.explain.traces import given_chances
from fakescope.images.load import load_image
from fakescope.models.base import ForensicModel
from fakescope.prompts.product import TRACE_TAGS
from fakescope.records import Label

Float = NDArray[np.float64]

CANDIDATES = np.arange(0.05, 0.6, 0.01)


def choose_finding_threshold(
    model: ForensicModel, samples: Sequence[Sample], p_fake: Float, weights: Float
) -> tuple[float, dict[str, object]]:
    """The threshold, and what it came from.

    Args:
        model: Is asked about every criterion of every image.
        samples: Images kept out of training, both classes.
        p_fake: Calibrated probabilities of fake [n].
        weights: How much each image counts [n].
    """
    given = [given_chances(model, load_image(s.path)) for s in samples]
    abnormal = TRACE_TAGS.index("Abnormal")
    if_fake, if_real = (np.stack([g[side][:, abnormal] for g in given]) for side in (0, 1))
    chances = p_fake[:, None] * if_fake + (1 - p_fake[:, None]) * if_real
    fake = np.array([s.label is Label.FAKE for s in samples])
    even = np.where(fake, weights / weights[fake].sum(), weights / weights[~fake].sum())
    expected = [expected_f1(chances >= t, if_fake * fake[:, None], even) for t in CANDIDATES]
    best = int(np.argmax(expected))
    marks = (chances >= CANDIDATES[best]).sum(axis=1)
    report: dict[str, object] = {
        "images": len(samples),
        "expected_f1": round(expected[best], 3),
        "marks_per_fake": round(float(np.average(marks[fake], weights=even[fake])), 2),
        "marks_per_real": round(float(np.average(marks[~fake], weights=even[~fake])), 2),
    }
    return round(float(CANDIDATES[best]), 3), report


def expected_f1(marked: NDArray[np.bool_], chance: Float, weights: Float) -> float:
    """Expected micro-F1 of marks [n, 15] where each is right with `chance` [n, 15], images weighing `weights` [n]."""
    hits = weights @ (marked * chance).sum(axis=1)
    return float(2 * hits / (weights @ (marked.sum(axis=1) + chance.sum(axis=1))))
