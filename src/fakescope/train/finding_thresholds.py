"""From which probability on a criterion is called abnormal.

Few dev fakes are annotated, too few to choose fifteen thresholds on. So each criterion is to be marked on as large a
share of fakes as a linear reader, held out on the annotated training fakes, would mark at its best micro-F1; the
threshold that does so is read off all fakes kept out of training, for which no annotation is needed. Real images
bear no abnormal signs: where they would get too many marks, all shares shrink together.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fakescope.bench.data import Sample
from fakescope.bench.metrics import micro_f1
from fakescope.chain.seed import load_seed
from fakescope.explain.traces import judge_criteria
from fakescope.images.load import load_image
from fakescope.models.base import ForensicModel
from fakescope.records import ChainRecord, Label
from fakescope.taxonomy import CRITERION_IDS
from fakescope.train.features import FeatureStore
from fakescope.train.readout import load_readout

Float = NDArray[np.float64]

MOST_FALSE_MARKS = 2.0
"""Abnormal marks a real image may get on average, of fifteen."""

_LEAST = 0.05


def marking_rates(work: Path, data: Path) -> Float:
    """For each criterion the share of fakes [15] to be marked, from the held-out trace scores of training."""
    records = {r.image.id: r for r in load_seed(data / "chain.jsonl", data / "labels.csv").records}
    keys = FeatureStore(work / "features" / "annotated").keys()
    scores = load_readout(work / "readout.safetensors")[1].scores[: len(keys), : len(CRITERION_IDS)]
    rows = [i for i, key in enumerate(keys) if _is_fake(records.get(key.image_id))]
    truth = [set(records[keys[i].image_id].abnormal()) for i in rows]
    best = max(
        np.arange(0.2, 0.7, 0.02), key=lambda t: micro_f1([_marked(scores[i], t) for i in rows], truth)
    )
    rates: Float = (scores[rows] >= best).mean(axis=0, dtype=np.float64)
    return rates


def choose_finding_thresholds(
    model: ForensicModel, samples: Sequence[Sample], rates: Float
) -> tuple[dict[str, float], dict[str, object]]:
    """Thresholds by criterion, and what they came from.

    Args:
        model: Is asked about every criterion of every image.
        samples: Images kept out of training, both classes.
        rates: Share of fakes [15] to be marked.
    """
    chances = np.array([[j.p_abnormal for j in judge_criteria(model, load_image(s.path))] for s in samples])
    fake = np.array([s.label is Label.FAKE for s in samples])
    thresholds, factor = pick_thresholds(chances[fake], chances[~fake], rates)
    marks = (chances >= thresholds).sum(axis=1)
    report = {
        "fakes": int(fake.sum()),
        "reals": int((~fake).sum()),
        "rates": dict(zip(CRITERION_IDS, rates.round(3).tolist(), strict=True)),
        "shrunk_by": round(factor, 3),
        "marks_per_fake": round(float(marks[fake].mean()), 2),
        "marks_per_real": round(float(marks[~fake].mean()), 2),
    }
    return dict(zip(CRITERION_IDS, thresholds.round(3).tolist(), strict=True)), report


def pick_thresholds(fakes: Float, reals: Float, rates: Float) -> tuple[Float, float]:
    """Thresholds [15] that mark `rates` of fakes [n, 15], shrunk until reals [m, 15] get few marks; the factor."""
    thresholds = np.ones(len(rates))
    for factor in np.arange(1.0, 0.0, -0.02):
        shares = np.clip(1 - factor * rates, 0, 1)
        at = np.array([np.quantile(column, share) for column, share in zip(fakes.T, shares, strict=True)])
        thresholds = np.maximum(at, _LEAST)
        if (reals >= thresholds).sum(axis=1).mean() <= MOST_FALSE_MARKS:
            return thresholds, float(factor)
    return thresholds, 0.0


def _is_fake(record: ChainRecord | None) -> bool:
    return record is not None and record.image.label is Label.FAKE


def _marked(scores: NDArray[np.float32], threshold: float) -> set[str]:
    return {c for c, score in zip(CRITERION_IDS, scores, strict=True) if score >= threshold}
