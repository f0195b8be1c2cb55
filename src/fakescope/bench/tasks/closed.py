"""Closed-ended detection: FakeBench's three questions, byte for byte, answered in words and read by keyword."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fakescope.bench import metrics
from fakescope.bench.closed import read_answer
from fakescope.bench.data import Sample
from fakescope.bench.log import EvalLog, Score
from fakescope.bench.scoring import read_sample
from fakescope.bench.subject import Subject
from fakescope.bench.tables import Table
from fakescope.bench.task import Figures, Shown, Trial, score_of
from fakescope.bench.verdicts import failures
from fakescope.images.load import LoadedImage
from fakescope.prompts.paper import FAKEBENCH_CLASS_QUESTIONS
from fakescope.records import JsonObject, Label, Message

MAX_TOKENS = 32
VARIANTS = {f"wording-{number}": question for number, question in enumerate(FAKEBENCH_CLASS_QUESTIONS, 1)}


class Closed:
    """What a model says when it is asked for a word."""

    name = "closed"
    title = "Closed-ended answers"
    version = 1
    words = True
    prompts = FAKEBENCH_CLASS_QUESTIONS

    @property
    def options(self) -> JsonObject:
        """The length of answers."""
        return {"max_tokens": MAX_TOKENS}

    def trials(self, samples: Sequence[Sample]) -> Iterator[Trial]:
        """Three an image: one a wording."""
        return (Trial(sample, variant) for sample in samples for variant in VARIANTS)

    def show(self, trial: Trial) -> LoadedImage:
        """The image as it is."""
        return read_sample(trial.sample)

    def run(self, subject: Subject, shown: Sequence[Shown]) -> list[Score]:
        """Answers, and the labels that they state."""
        assert subject.model is not None
        scores = []
        for one in shown:
            question = VARIANTS[one.trial.variant]
            asked = [Message(role="user", content=question)]
            (answer,) = subject.model.generate_batch(one.image, [asked], max_tokens=MAX_TOKENS)
            said = read_answer(question, answer)
            right = float(said is one.trial.sample.label)
            scores.append(
                score_of(one.trial, one.image, said=said, answers={"answer": answer}, values={"right": right})
            )
        return scores

    def figures(self, log: EvalLog, *, draws: int = 1000) -> Figures:
        """Accuracy by wording and class; how often the answer cannot be read; how often the wordings agree."""
        rows = {name: _wording([s for s in log.scores if s.variant == name]) for name in VARIANTS}
        columns = ["wording", "answers", "right", "fake right", "real right", "bal. acc.", "cannot be read", "failed"]
        table = Table(f"Closed-ended answers by keyword, {log.name}", columns)
        for name, row in rows.items():
            table.add(
                VARIANTS[name], row["answers"], row["accuracy"], row["accuracy_fake"], row["accuracy_real"],
                row["balanced_accuracy"], row["unparsable"], row["failed"],
            )  # fmt: skip
        table.note = "An answer that cannot be read, or that failed, is wrong."
        values = {"wordings": rows, "agreement": _agreement(log.scores)}
        return Figures(values, (table,), (*failures(log), *_unreadable(rows)))


def _wording(scores: Sequence[Score]) -> dict[str, Any]:
    """Figures of one question; every trial counts."""
    right = np.array([s.said is s.label and not s.error for s in scores], bool)
    fake = np.array([s.label is Label.FAKE for s in scores], bool)
    said_fake = np.where(right, fake, ~fake)
    answered = [s for s in scores if not s.error]
    return {
        "answers": len(scores),
        "accuracy": float(right.mean()) if len(right) else None,
        "accuracy_fake": float(right[fake].mean()) if fake.any() else None,
        "accuracy_real": float(right[~fake].mean()) if (~fake).any() else None,
        "balanced_accuracy": metrics.scored(metrics.balanced_accuracy, said_fake, fake) if len(right) else None,
        "unparsable": sum(s.said is None for s in answered) / len(answered) if answered else None,
        "failed": len(scores) - len(answered),
    }


def _agreement(scores: Sequence[Score]) -> float | None:
    """Share of images with the same readable answer to all wordings."""
    said: dict[str, list[Label | None]] = {}
    for score in scores:
        said.setdefault(score.image, []).append(score.said)
    whole = [labels for labels in said.values() if len(labels) == len(VARIANTS)]
    if not whole:
        return None
    return sum(len(set(labels)) == 1 and None not in labels for labels in whole) / len(whole)


def _unreadable(rows: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    worst = max((row["unparsable"] or 0.0 for row in rows.values()), default=0.0)
    if worst < 0.05:
        return ()
    return (f"Up to {worst:.0%} of the answers to a question state no label; they count as wrong.",)
