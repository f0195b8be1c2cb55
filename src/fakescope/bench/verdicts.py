"""From the scores of a log to the arrays that metrics take, and what has to be said of trials that failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fakescope.bench import metrics
from fakescope.bench.detection import Scores, group_figures
from fakescope.bench.log import EvalLog, Score
from fakescope.errors import DataError
from fakescope.records import Label

SHOWN_IDS = 5
"""Failed trials that a warning names."""


def scores_in(scores: Sequence[Score]) -> Scores:
    """The verdicts among scores; what has none is counted.

    Raises:
        DataError: There is no verdict at all; the first error is quoted.
    """
    judged = [score for score in scores if score.p_fake is not None]
    if not judged:
        first = next((score.error for score in scores if score.error), "")
        raise DataError(f"Not one of {len(scores)} trials has a verdict: {first}")
    return Scores(
        p_fake=np.array([score.p_fake for score in judged], np.float64),
        target=np.array([score.label.target for score in judged], np.float64),
        said_fake=np.array([score.said is Label.FAKE for score in judged]),
        abstained=np.array([score.abstained for score in judged]),
        source=[score.source for score in judged],
        generator=[score.generator for score in judged],
        unread=len(scores) - len(judged),
    )


def strict_auroc(scores: Sequence[Score]) -> float | None:
    """The AUROC were every failed trial the worst answer: nobody gains by failing where it is hard."""
    worst = [
        score.p_fake if score.p_fake is not None else (-1.0 if score.label is Label.FAKE else 2.0) for score in scores
    ]
    return metrics.scored(metrics.auroc, worst, [score.label.target for score in scores])


def by_year(scores: Sequence[Score]) -> list[dict[str, Any]]:
    """The fakes of each year of generators, the oldest first; empty where no year is known."""
    fakes = [score for score in scores if score.label is Label.FAKE and score.year and score.p_fake is not None]
    years = sorted({score.year for score in fakes})
    return [group_figures(year, scores_in([score for score in fakes if score.year == year])) for year in years]


def failures(log: EvalLog) -> tuple[str, ...]:
    """A sentence where trials failed: how many, of which class, and which."""
    failed = log.failed
    if not failed:
        return ()
    fakes = sum(score.label is Label.FAKE for score in failed)
    named = ", ".join(score.image for score in failed[:SHOWN_IDS])
    more = f" and {len(failed) - SHOWN_IDS} more" if len(failed) > SHOWN_IDS else ""
    return (
        f"{len(failed)} of {len(log.scores)} trials failed ({fakes} of fakes, {len(failed) - fakes} of real images) "
        f"and are in none of the figures: {named}{more}. The first error: {failed[0].error}",
    )
