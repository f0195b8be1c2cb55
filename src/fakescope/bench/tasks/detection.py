"""Detection: one verdict an image, and what the verdicts are worth for all, by generator, source and year."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fakescope.bench.data import Sample
from fakescope.bench.detection import by_generator, by_source, detection_figures, group_table, summary_table
from fakescope.bench.log import EvalLog, Score
from fakescope.bench.scoring import read_sample
from fakescope.bench.subject import Subject
from fakescope.bench.task import Figures, Shown, Trial, verdict_score
from fakescope.bench.verdicts import by_year, failures, scores_in, strict_auroc
from fakescope.images.load import LoadedImage
from fakescope.records import JsonObject


class Detection:
    """Is the image fake: FakeScope's first task, by the soft score."""

    name = "detection"
    title = "Detection"
    version = 1
    words = False
    prompts: tuple[str, ...] = ()

    @property
    def options(self) -> JsonObject:
        """None."""
        return {}

    def trials(self, samples: Sequence[Sample]) -> Iterator[Trial]:
        """One an image."""
        return map(Trial, samples)

    def show(self, trial: Trial) -> LoadedImage:
        """The image as it is."""
        return read_sample(trial.sample)

    def run(self, subject: Subject, shown: Sequence[Shown]) -> list[Score]:
        """Verdicts."""
        verdicts = subject.judge([one.image for one in shown])
        return [verdict_score(one, verdict) for one, verdict in zip(shown, verdicts, strict=True)]

    def figures(self, log: EvalLog, *, draws: int = 1000) -> Figures:
        """`detection_figures` of all, and groups, worst first."""
        scores = scores_in(log.scores)
        values = detection_figures(scores, draws=draws)
        values["auroc_if_errors_were_wrong"] = strict_auroc(log.scores)
        generators, sources, years = by_generator(scores), by_source(scores), by_year(log.scores)
        tables = [
            summary_table(f"Detection, {log.name}", [(log.head.data["name"], values)]),
            group_table("Fakes by generator, worst first", generators),
            group_table("By source, worst first", sources),
        ]
        if years:
            tables.append(group_table("Fakes by year of the generator", years))
        groups = {"by_generator": generators, "by_source": sources, "by_year": years}
        return Figures({**values, **groups}, tuple(tables), failures(log))
