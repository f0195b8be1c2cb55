"""In the wild: the same images after what happens to images on their way, and curves of ranking against strength."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from fakescope.bench.data import Sample
from fakescope.bench.detection import detection_figures
from fakescope.bench.log import EvalLog, Score
from fakescope.bench.robustness import robustness_table
from fakescope.bench.scoring import CLEAN, perturbed
from fakescope.bench.subject import Subject
from fakescope.bench.task import Figures, Shown, Trial, verdict_score
from fakescope.bench.verdicts import failures, scores_in
from fakescope.images.load import LoadedImage, load_image
from fakescope.images.perturb import parse_perturbation
from fakescope.records import JsonObject

CURVES: dict[str, tuple[float, ...]] = {
    "jpeg": (95, 90, 80, 70, 60, 50),
    "webp": (90, 75, 60, 40),
    "resize": (0.25, 0.5, 0.75, 1.5, 2),
    "crop": (0.9, 0.75, 0.5),
    "blur": (0.5, 1, 2, 3),
    "noise": (2, 5, 10, 20),
    "gamma": (0.6, 0.8, 1.25, 1.67),
    "screenshot": (1, 0.8, 0.5),
}
"""Perturbation -> its strengths, from the mildest; of resize and gamma, from one side to the other."""

CHAINS = (
    "resize:0.5+jpeg:70",
    "screenshot:0.8+jpeg:70",
    "jpeg:90+resize:0.5+jpeg:60+webp:60",
)
"""Several in a row, as an image that is passed on goes through."""


class Wild:
    """Detection after perturbations.

    Args:
        perturbations: As `images.perturb` writes them, beside the clean images.

    Raises:
        ConfigError: One of them is unknown or out of range.
    """

    name = "wild"
    title = "In the wild"
    version = 1
    words = False
    prompts: tuple[str, ...] = ()

    def __init__(self, perturbations: Sequence[str] | None = None) -> None:
        if perturbations is None:
            curves = (f"{kind}:{value:g}" for kind, values in CURVES.items() for value in values)
            perturbations = (*curves, *CHAINS)
        self._steps = {CLEAN: (), **{name: parse_perturbation(name) for name in perturbations}}
        self._load = lru_cache(maxsize=2)(load_image)

    @property
    def options(self) -> JsonObject:
        """The perturbations."""
        return {"perturbations": list(self._steps)}

    def trials(self, samples: Sequence[Sample]) -> Iterator[Trial]:
        """The clean image and one for each perturbation."""
        return (Trial(sample, variant) for sample in samples for variant in self._steps)

    def show(self, trial: Trial) -> LoadedImage:
        """The perturbed image; what is drawn at random is drawn by the image's id."""
        return perturbed(self._load(Path(trial.sample.path)), self._steps[trial.variant], trial.sample.id)

    def run(self, subject: Subject, shown: Sequence[Shown]) -> list[Score]:
        """Verdicts."""
        verdicts = subject.judge([one.image for one in shown])
        return [verdict_score(one, verdict) for one, verdict in zip(shown, verdicts, strict=True)]

    def figures(self, log: EvalLog, *, draws: int = 1000) -> Figures:
        """`detection_figures` of each perturbation with the AUROC that it costs; the dearest first in the table."""
        names = [name for name in self._steps if any(s.variant == name and s.p_fake is not None for s in log.scores)]
        rows = {
            name: detection_figures(scores_in([s for s in log.scores if s.variant == name]), draws=draws)
            for name in names
        }
        clean = rows.get(CLEAN, {}).get("auroc")
        for row in rows.values():
            row["auroc_lost"] = None if clean is None or row["auroc"] is None else clean - row["auroc"]
        worst_first = dict(sorted(rows.items(), key=lambda item: -(item[1]["auroc_lost"] or 0.0)))
        table = robustness_table(f"After perturbation, {log.name}, dearest first", worst_first)
        values: dict[str, Any] = {"perturbations": rows, "curves": curves_in(rows)}
        return Figures(values, (table,), failures(log))


def curves_in(rows: dict[str, dict[str, Any]]) -> dict[str, list[tuple[float, float | None]]]:
    """Perturbation -> (strength, AUROC), for those with several strengths, in the order in which they were run."""
    found: dict[str, list[tuple[float, float | None]]] = {}
    for name, row in rows.items():
        steps = parse_perturbation(name)
        if len(steps) == 1:
            found.setdefault(steps[0].name, []).append((steps[0].value, row["auroc"]))
    return {kind: points for kind, points in found.items() if len(points) > 1}
