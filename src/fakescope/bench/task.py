"""What a task of the bench is: which trials it makes of the images, and what a batch of trials scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fakescope.bench.data import Sample
from fakescope.bench.log import EvalLog, Score
from fakescope.bench.subject import Judged, Subject
from fakescope.bench.tables import Table
from fakescope.images.load import LoadedImage
from fakescope.records import JsonObject, Label, Verdict


@dataclass(frozen=True)
class Trial:
    """One image, perhaps changed, or asked one question of many.

    Attributes:
        sample: The labelled image.
        variant: Sets this trial apart from others of the image; tasks give it meaning.
    """

    sample: Sample
    variant: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """As of the `Score` that comes of it."""
        return self.sample.id, self.variant


@dataclass(frozen=True)
class Shown:
    """A trial with the image that the subject is shown."""

    trial: Trial
    image: LoadedImage


@dataclass(frozen=True)
class Figures:
    """What a log amounts to: figures for machines, tables and plain sentences for people.

    Attributes:
        values: JSON.
        tables: In the order in which they are read.
        warnings: What a reader must know before believing the rest; each a sentence.
    """

    values: JsonObject
    tables: tuple[Table, ...] = ()
    warnings: tuple[str, ...] = ()


class Task(Protocol):
    """One task. What changes its trials is in `options`, so that logs of different trials are never taken for one."""

    name: str
    title: str
    version: int
    words: bool
    """Whether it needs a model that can be asked, so that a plain detector cannot take it."""

    @property
    def options(self) -> JsonObject: ...

    @property
    def prompts(self) -> tuple[str, ...]:
        """Every prompt that it uses."""
        ...

    def trials(self, samples: Sequence[Sample]) -> Iterator[Trial]:
        """The trials, those of one image in a row."""
        ...

    def show(self, trial: Trial) -> LoadedImage:
        """The image of a trial.

        Raises:
            ImageError: It cannot be read.
        """
        ...

    def run(self, subject: Subject, shown: Sequence[Shown]) -> list[Score]:
        """Scores of a batch of trials, in order.

        Raises:
            FakescopeError: The batch as a whole fails; the engine then tries its trials one by one.
        """
        ...

    def figures(self, log: EvalLog, *, draws: int = 1000) -> Figures:
        """What the scores amount to.

        Args:
            log: Of this task.
            draws: Bootstrap resamples; 0 for no intervals.
        """
        ...


def score_of(trial: Trial, image: LoadedImage | None = None, **found: Any) -> Score:
    """A score with what the trial says of the image."""
    sample = trial.sample
    return Score(
        image=sample.id, variant=trial.variant, label=sample.label, source=sample.source,
        generator=sample.generator, year=sample.row.get("year", ""), sha256=image.sha256 if image else "", **found,
    )  # fmt: skip


def verdict_score(shown: Shown, judged: Judged, **found: Any) -> Score:
    """The score of a verdict, or of the error that took its place."""
    if not isinstance(judged, Verdict):
        return score_of(shown.trial, shown.image, error=str(judged) or type(judged).__name__, **found)
    return score_of(
        shown.trial, shown.image, p_fake=judged.p_fake, llr=judged.llr, answer_mass=judged.answer_mass,
        said=Label.FAKE if judged.p_fake >= judged.threshold else Label.REAL, abstained=judged.label is None, **found,
    )  # fmt: skip
