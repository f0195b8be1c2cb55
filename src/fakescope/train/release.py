"""From a trained nano to a folder that ships: ONNX files, calibration, thresholds, card.

Everything here is chosen on dev: images of the training sources kept out by hash, and whole sources and generators
kept out of training (`held_out_sources`), weighing half each, because a calibration fitted on known generators
alone is too sure of itself on unknown ones. The test split is not touched.
"""

from __future__ import annotations

import copy
import csv
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fakescope.bench.data import Sample, load_samples
from fakescope.images.load import load_image
from fakescope.models.base import Band, Calibration, ModelCard
from fakescope.models.nano import NanoModel
from fakescope.records import ImageRef, Label
from fakescope.train.export import export_nano, round_weights
from fakescope.train.finding_threshold import choose_finding_threshold
from fakescope.train.nano_model import Nano
from fakescope.train.parity import compare
from fakescope.verdict.abstain import choose_band
from fakescope.verdict.calibrate import apply_calibration, fit_calibration
from fakescope.verdict.labels import candidate_sets
from fakescope.verdict.soft_score import sigmoid, soft_score_logits

NAME = "fakescope-nano"
LIMITS = (
    "A probability from a small model, not proof; on generators it never saw it errs more often than on known ones.",
    "Local edits of real photographs, text-rich images and very small images are blind spots.",
)
_PARITY_IMAGES = 8
_MOST_ABSTAINED = 0.18
"""Share of images in the inconclusive zone, on the sources that training never saw: on known ones it is far smaller,
and their mean would promise too little."""


@dataclass(frozen=True)
class DevScores:
    """Raw llr [n] in nats and target [n] (1 fake) of dev images."""

    llr: NDArray[np.float64]
    target: NDArray[np.float64]


def release(
    nano: Nano,
    work: Path,
    folder: Path,
    data: Path,
    extra: Sequence[Path],
    held_out: Sequence[str],
    revision: str,
    word_boost: float,
) -> None:
    """Export, calibrate and write `folder`.

    Args:
        nano: The trained model.
        work: Holds encoder.onnx and tokenizer.json.
        folder: Where the release is written.
        data: Folder of the seed; its dev split is used.
        extra: Folders whose images of `held_out` sources are used as unseen dev images.
        held_out: Sources that training never saw.
        revision: Names the release; results are kept by it, so no two releases may share one.
        word_boost: Added to the copying head's bias, in nats; chosen on dev descriptions.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        nano.word_head.due.bias.add_(word_boost)
    rounded = copy.deepcopy(nano)
    round_weights(rounded)
    export_nano(rounded, folder)
    for name in ("encoder.onnx", "tokenizer.json"):
        shutil.copyfile(work / name, folder / name)
    card = ModelCard(
        name=NAME,
        revision=revision,
        licence="Apache-2.0",
        fake_words=("fake",),
        real_words=("real",),
        limits=LIMITS,
        summary="Embedded 49M-parameter forensic LMM: DINOv2-S/14, linear readers, abstractor, 5-layer decoder.",
    )
    _write_card(folder, card)
    model = NanoModel(folder)
    seen = load_samples(data, ["dev"])
    unseen = [s for path in extra for s in load_samples(path) if s.source in held_out]
    some = [load_image(s.path) for s in seen[:_PARITY_IMAGES]]
    parity = {
        "export": compare(rounded, model, some).as_dict(),
        "rounding": compare(nano, model, some).as_dict(),
    }
    sets = [samples for samples in (seen, unseen) if samples]
    scores = [_score(model, samples) for samples in sets]
    card, fit = _calibrate(card, scores)
    threshold, traces = choose_finding_threshold(
        model,
        [sample for samples in sets for sample in samples],
        np.concatenate([sigmoid(apply_calibration(s.llr, card.calibration)) for s in scores]),
        np.concatenate([np.full(len(s.llr), 1 / len(s.llr)) for s in scores]),
    )
    card = replace(card, finding_threshold=threshold)
    _write_card(folder, card)
    report = {
        "parity": parity,
        "calibration": fit,
        "traces": traces,
        "dev_images": len(seen),
        "unseen_images": len(unseen),
    }
    (folder / "release.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))


def write_sources(refs: Sequence[ImageRef], path: Path) -> None:
    """How many training images came from where, with what licence."""
    counts = Counter((r.source, str(r.label or ""), r.generator or "", r.licence) for r in refs)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "label", "generator", "images", "licence"])
        writer.writerows(
            [source, label, made_by, n, lic] for (source, label, made_by, lic), n in sorted(counts.items())
        )


def _write_card(folder: Path, card: ModelCard) -> None:
    (folder / "card.json").write_text(json.dumps(asdict(card), indent=2) + "\n", encoding="utf-8")


def _calibrate(card: ModelCard, scores: Sequence[DevScores]) -> tuple[ModelCard, dict[str, object]]:
    """Temperature and bias on seen and unseen dev images; the inconclusive zone on the unseen ones, which come last."""
    llr, target = _evenly(scores)
    fit = fit_calibration(llr, target, name="dev+unseen")
    unseen = sigmoid(apply_calibration(scores[-1].llr, fit.calibration))
    band = choose_band(unseen, scores[-1].target, max_share=_MOST_ABSTAINED)
    calibration = Calibration(**{k: getattr(fit.calibration, k) for k in ("id", "temperature", "bias")})
    fitted = replace(card, calibration=calibration, band=Band(band.low, band.high, band.min_mass))
    return fitted, {"images": fit.images, "before": fit.before, "after": fit.after}


def _score(model: NanoModel, samples: Sequence[Sample]) -> DevScores:
    sets = candidate_sets(model)
    answers = model.answer_logits_batch([load_image(s.path) for s in samples])
    llr = np.array([float(soft_score_logits(a, sets).llr) for a in answers])
    return DevScores(llr, np.array([float(s.label is Label.FAKE) for s in samples]))


def _evenly(scores: Sequence[DevScores]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """All sets together, the smaller ones repeated until each has the weight of the largest."""
    most = max(len(s.llr) for s in scores)
    rows = [np.resize(np.arange(len(s.llr)), most) for s in scores]
    llr = np.concatenate([s.llr[r] for s, r in zip(scores, rows, strict=True)])
    target = np.concatenate([s.target[r] for s, r in zip(scores, rows, strict=True)])
    return llr, target
