"""`fakescope calibrate`: can a model's p_fake be believed, what wording and order of options change, and what mends it.

    dev images -> raw llr for every wording -> an affine map each -> mean over wordings -> inconclusive zone -> card

Figures "after" are cross-fitted: every image's probability comes from maps that were fitted without it, those of the
mean in both layers. AUROC of the mean and what wordings change are of maps fitted on all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fakescope.bench.data import Sample
from fakescope.bench.metrics import auroc, balanced_accuracy, scored
from fakescope.bench.run import Report, model_figures
from fakescope.bench.tables import Table
from fakescope.errors import DataError, ImageError
from fakescope.images.load import LoadedImage, load_image
from fakescope.models.base import Calibration, ForensicModel, ModelCard, Wording
from fakescope.prompts.paper import AUTHENTICITY_QUESTION
from fakescope.prompts.wordings import FAKE_FIRST, REAL_FIRST
from fakescope.verdict.abstain import choose_band
from fakescope.verdict.calibrate import apply_calibration, fit_calibration
from fakescope.verdict.labels import candidate_sets
from fakescope.verdict.reliability import brier, ece, nll
from fakescope.verdict.soft_score import SoftScore, sigmoid, soft_score_logits

Float = NDArray[np.float64]
QUESTIONS: tuple[str, ...] = (
    AUTHENTICITY_QUESTION,
    *(question for pair in zip(FAKE_FIRST, REAL_FIRST, strict=True) for question in pair),
)
"""The paper's question, which has no options, then pairs of questions in both orders."""

FOLDS = 5
MOST_ABSTAINED = 0.2
FEWEST_OF_A_CLASS = 10
MOST_TIMED = 20
WIDE_NATS = 0.1
"""An image is left out where a server kept so much back that some raw llr could lie further apart than this."""

STALE = ("not calibrated", "Its probability is not", "Its probability was calibrated on")


@dataclass(frozen=True)
class Asked:
    """Answers of a model to all wordings.

    Attributes:
        questions: As they were asked.
        llr: Raw soft scores [images, questions], nats.
        mass: Answer mass [images, questions].
        target: 1 fake, 0 real [images].
        failed: Images that could not be read: path and reason.
        bounded: Images left out since a server kept back too much to know their scores; see `WIDE_NATS`.
        one_s: Median seconds of one question about an image.
        all_s: Median seconds of all of them, asked together.
    """

    questions: tuple[str, ...]
    llr: Float
    mass: Float
    target: Float
    failed: tuple[tuple[str, str], ...]
    one_s: float
    all_s: float
    bounded: int = 0


def ask_all(
    model: ForensicModel,
    samples: Sequence[Sample],
    questions: Sequence[str],
    on_done: Callable[[int], None] = lambda count: None,
) -> Asked:
    """Ask a model every wording about every image.

    Raises:
        DataError: Too few images of a class could be read.
        ModelError: Label words that the model does not have.
    """
    sets = candidate_sets(model)
    rows: list[list[float]] = []
    masses: list[list[float]] = []
    targets: list[float] = []
    failed: list[tuple[str, str]] = []
    alone: list[float] = []
    bounded = 0
    together: list[float] = []
    with ThreadPoolExecutor(1) as reader:  # decodes the next image while the model works on this one
        pending = [reader.submit(load_image, sample.path) for sample in samples[:1]]
        for number, sample in enumerate(samples):
            image = pending.pop(0)
            pending += [reader.submit(load_image, s.path) for s in samples[number + 1 : number + 2]]
            on_done(1)
            try:
                loaded = image.result()
            except ImageError as error:
                failed.append((str(sample.path), str(error)))
                continue
            scores, seconds = _timed(lambda image=loaded: model.answer_logits_questions(image, questions))  # type: ignore[misc]
            read = [soft_score_logits(logits, sets) for logits in scores]
            if any(_width(score) > WIDE_NATS for score in read):
                bounded += 1
                continue
            rows.append([float(s.llr) for s in read])
            masses.append([float(s.answer_mass) for s in read])
            targets.append(float(sample.label.target))
            together.append(seconds)
            if len(alone) < MOST_TIMED:
                alone.append(_alone(model, loaded))
    target = np.array(targets)
    if min(int((target == 0).sum()), int((target == 1).sum())) < FEWEST_OF_A_CLASS:
        raise DataError(
            f"the scores of {int((target == 0).sum())} real and {int((target == 1).sum())} fake images are known"
            + (f", and those of {bounded} only within bounds" if bounded else ""),
            f"at least {FEWEST_OF_A_CLASS} of each are needed" + ("; try a larger top" if bounded else ""),
        )
    return Asked(
        tuple(questions), np.array(rows), np.array(masses), target, tuple(failed), float(np.median(alone)),
        float(np.median(together)), bounded,
    )  # fmt: skip


def _width(score: SoftScore) -> float:
    """Nats between which the llr of an answer lies; 0 where all of it was told."""
    if score.llr_low is None or score.llr_high is None:
        return 0.0
    return float(score.llr_high - score.llr_low)


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    return work(), time.perf_counter() - started


def _alone(model: ForensicModel, image: LoadedImage) -> float:
    """Seconds of one question about the image as if it had never been read."""
    return _timed(lambda: model.answer_logits_pixels([image.pixels]))[1]


@dataclass(frozen=True)
class Fitted:
    """What was fitted.

    Attributes:
        card: The model's card with its new calibration and inconclusive zone.
        report: Figures and tables.
        curves: Name -> (p_fake, target), for the reliability diagram.
    """

    card: ModelCard
    report: Report
    curves: dict[str, tuple[Float, Float]]


def fit(model: ForensicModel, asked: Asked, data: str, *, average: bool = False, seed: int = 0) -> Fitted:
    """Fit a calibration for each wording and for their mean.

    Args:
        model: That was asked.
        asked: Its answers on dev images.
        data: What the images are called.
        average: Read verdicts from the mean over all wordings, not from the paper's question alone.
        seed: Of the folds.

    Raises:
        DataError: The scores of the paper's question fall with fakeness.
    """
    folds = _folds(asked.target, seed)
    rows = [_row(question, asked, at, folds) for at, question in enumerate(asked.questions)]
    usable = [at for at, row in enumerate(rows) if row.calibration is not None]
    if 0 not in usable:
        raise DataError(
            "the scores fall with fakeness, so they cannot be calibrated", "is the model tuned for forensics?"
        )
    calibrated = np.stack([_apply(rows[at], asked.llr[:, at]) for at in usable], axis=1)
    mean = calibrated.mean(axis=1)
    mean_fit = fit_calibration(mean, asked.target, name="mean")
    crossed = _crossed_mean(asked.llr[:, usable], asked.target, folds)
    card = _card(model.card, rows, usable, mean_fit.calibration, asked, data, average=average)
    chosen_p = sigmoid(crossed) if average else sigmoid(rows[0].crossed)
    card = replace(
        card,
        band=choose_band(
            chosen_p, asked.target, MOST_ABSTAINED, threshold=card.threshold, min_mass=card.band.min_mass
        ),
        asked=getattr(getattr(model, "manner", None), "begin", ""),
    )
    written = _as_written(card, chosen_p, asked.target)
    report = _report(model, asked, rows, usable, calibrated, crossed, data, card, written)
    curves = {
        "before": (sigmoid(asked.llr[:, 0]), asked.target),
        "after": (sigmoid(rows[0].crossed), asked.target),
        "mean over wordings": (sigmoid(crossed), asked.target),
    }
    return Fitted(card, report, curves if len(usable) > 1 else dict([*curves.items()][:2]))


@dataclass(frozen=True)
class _Row:
    """One wording: its map (None when scores fall with fakeness) and its cross-fitted llr [images]."""

    question: str
    calibration: Calibration | None
    crossed: Float
    before: dict[str, float]
    after: dict[str, float]


def _row(question: str, asked: Asked, at: int, folds: NDArray[np.int64]) -> _Row:
    raw = asked.llr[:, at]
    before = _figures(raw, asked.target)
    try:
        calibration = fit_calibration(raw, asked.target, name="wording").calibration
        crossed = _crossed(raw, asked.target, folds)
    except DataError:  # this wording's scores fall with fakeness
        return _Row(question, None, raw, before, {})
    return _Row(question, calibration, crossed, before, _figures(crossed, asked.target))


def _folds(target: Float, seed: int) -> NDArray[np.int64]:
    """A fold for each image, both classes spread evenly."""
    rng = np.random.default_rng(seed)
    folds = np.zeros(len(target), np.int64)
    for label in (0.0, 1.0):
        members = np.flatnonzero(target == label)
        folds[rng.permutation(members)] = np.arange(len(members)) % FOLDS
    return folds


def _crossed(raw: Float, target: Float, folds: NDArray[np.int64]) -> Float:
    """Calibrated llr of every image by a map that was fitted without its fold."""
    out = np.zeros_like(raw)
    for fold in range(FOLDS):
        inside = folds == fold
        calibration = fit_calibration(raw[~inside], target[~inside]).calibration
        out[inside] = apply_calibration(raw[inside], calibration)
    return out


def _crossed_mean(raw: Float, target: Float, folds: NDArray[np.int64]) -> Float:
    """`_crossed` for the mean over wordings: both layers are fitted without the fold.

    Args:
        raw: Of the wordings that are averaged [images, wordings].
        target: 1 fake, 0 real [images].
        folds: Of each image.
    """
    out = np.zeros(len(target))
    for fold in range(FOLDS):
        inside = folds == fold
        maps = [fit_calibration(column[~inside], target[~inside]).calibration for column in raw.T]
        mean = np.mean([apply_calibration(column, c) for column, c in zip(raw.T, maps, strict=True)], axis=0)
        whole = fit_calibration(mean[~inside], target[~inside]).calibration
        out[inside] = apply_calibration(mean[inside], whole)
    return out


def _as_written(card: ModelCard, p_fake: Float, target: Float) -> dict[str, float | None]:
    """What the card's threshold and zone do to cross-fitted probabilities."""
    said = p_fake >= card.threshold
    rest = ~((p_fake >= card.band.low) & (p_fake < card.band.high))
    return {
        "balanced_accuracy": scored(balanced_accuracy, said, target),
        "abstained": float((~rest).mean()),
        "balanced_accuracy_of_rest": scored(balanced_accuracy, said[rest], target[rest]) if rest.any() else None,
    }


def _spread(p_fake: Float) -> dict[str, float]:
    """How much p_fake [images, wordings] differs from wording to wording."""
    return {
        "std_p_fake_mean": float(p_fake.std(axis=1).mean()),
        "std_p_fake_largest": float(p_fake.std(axis=1).max()),
        "share_with_other_label": float(((p_fake >= 0.5).any(axis=1) & (p_fake < 0.5).any(axis=1)).mean()),
    }


def _apply(row: _Row, raw: Float) -> Float:
    assert row.calibration is not None
    return apply_calibration(raw, row.calibration)


def _figures(llr: Float, target: Float) -> dict[str, float]:
    p_fake = sigmoid(llr)
    return {
        "auroc": float(auroc(llr, target)), "ece": ece(p_fake, target, balanced=True),
        "ece_plain": ece(p_fake, target), "brier": brier(p_fake, target), "nll": nll(p_fake, target),
    }  # fmt: skip


def _card(
    card: ModelCard, rows: Sequence[_Row], usable: Sequence[int], mean: Calibration, asked: Asked, data: str, *,
    average: bool,
) -> ModelCard:  # fmt: skip
    """The model's card with what was fitted, and with what the limits no longer say."""
    limits = [limit for limit in card.limits if not any(stale in limit for stale in STALE)]
    limits.append(
        f"Its probability was calibrated on {len(asked.target)} images of {data}, and holds for their like."
    )
    first = rows[0].calibration
    assert first is not None
    wordings = tuple(Wording(rows[at].question, rows[at].calibration or Calibration()) for at in usable)
    return replace(
        card,
        calibration=mean if average else first,
        wordings=wordings if average else (),
        limits=tuple(limits),
    )


def _report(
    model: ForensicModel, asked: Asked, rows: Sequence[_Row], usable: Sequence[int], calibrated: Float, crossed: Float,
    data: str, card: ModelCard, written: dict[str, float | None],
) -> Report:  # fmt: skip
    mean = _figures(crossed, asked.target)
    raw = asked.llr[:, usable]
    before, spread = (
        {**_spread(sigmoid(llr)), "order_difference_mean": _order_difference(asked, usable, llr)}
        for llr in (raw, calibrated)
    )
    mean["auroc"] = float(auroc(calibrated.mean(axis=1), asked.target))  # folds have scales of their own
    table = Table(
        "Calibration", ["wording", "AUROC", "ECE", "Brier", "mass", "T", "bias"],
        note="Before -> after, cross-fitted; ECE at even classes. Mass: of the answer. T, bias: llr = raw / T + bias.",
    )  # fmt: skip
    for at, row in enumerate(rows):
        c = row.calibration
        table.add(
            at + 1, row.before["auroc"], _change(row, "ece"), _change(row, "brier"), float(asked.mass[:, at].mean()),
            c.temperature if c else "-", c.bias if c else "-",
        )  # fmt: skip
    if len(usable) > 1:
        table.add("mean", mean["auroc"], f"{mean['ece']:.3f}", f"{mean['brier']:.3f}", "-", "-", "-")
    questions = Table("Wordings", ["wording", "question"])
    for at, row in enumerate(rows):
        questions.add(at + 1, row.question)
    summary = Table(
        "What the wording changes", ["figure", "before", "after"],
        note="Of p_fake over the wordings that can be calibrated; after: each by its own map.",
    )  # fmt: skip
    for name, value in spread.items():
        summary.add(name.replace("_", " "), before[name], value)
    summary.add("seconds of one question, of all together", asked.one_s, asked.all_s)
    outcome = Table(
        "The card as written", ["figure", "value"], note="Cross-fitted; an inconclusive image is no mistake."
    )
    for name, share in written.items():
        outcome.add(name.replace("_", " "), share)
    outcome.add("images left out, their scores being known within bounds only", asked.bounded)
    figures: dict[str, Any] = {
        "model": model_figures(model), "data": data, "images": len(asked.target), "failed": list(asked.failed),
        "wordings": [
            {"question": r.question, "calibration": r.calibration and vars(r.calibration), "before": r.before,
             "after": r.after, "answer_mass": float(asked.mass[:, at].mean())}
            for at, r in enumerate(rows)
        ],
        "mean": mean, "spread_before": before, "spread": spread, "band": [card.band.low, card.band.high],
        "as_written": written, "bounded": asked.bounded,
        "seconds": {"one": asked.one_s, "all": asked.all_s},
    }  # fmt: skip
    return Report("calibration", "Calibration", figures, [questions, table, summary, outcome])


def _change(row: _Row, name: str) -> str:
    """Before and after; a wording whose scores fall with fakeness has no after."""
    after = row.after.get(name)
    return f"{row.before[name]:.3f} -> " + ("-" if after is None else f"{after:.3f}")


def _order_difference(
    asked: Asked, usable: Sequence[int], llr: Float
) -> float | None:
    """Mean absolute difference of p_fake between the two orders of the options; None when no pair was asked."""
    column = {asked.questions[at]: place for place, at in enumerate(usable)}
    p_fake = sigmoid(llr)
    found = [
        np.abs(p_fake[:, column[a]] - p_fake[:, column[b]]).mean()
        for a, b in zip(FAKE_FIRST, REAL_FIRST, strict=True)
        if a in column and b in column
    ]
    return float(np.mean(found)) if found else None
