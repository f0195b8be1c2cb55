"""Runs a task on a subject: images are read ahead, scores kept at once, and a run goes on where it stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from fakescope import __version__
from fakescope.bench.data import Sample
from fakescope.bench.log import EvalLog, Head, LogWriter, Score, data_figures, prompts_hash
from fakescope.bench.run import progress
from fakescope.bench.subject import Subject
from fakescope.bench.task import Shown, Task, Trial, score_of
from fakescope.errors import ConfigError, FakescopeError

if TYPE_CHECKING:
    from rich.console import Console

BATCH = 16
"""Trials that a subject is given at once."""

Read = list[Shown | Score]
"""What was read of a batch: images, or the scores of those that could not be read."""


def run_task(
    task: Task,
    subject: Subject,
    samples: Sequence[Sample],
    path: Path,
    *,
    data: str,
    seed: int = 0,
    fresh: bool = False,
    retry: bool = False,
    console: Console | None = None,
) -> EvalLog:
    """Run a task to its end.

    Args:
        task: What is asked.
        subject: Who is asked.
        samples: Labelled images.
        path: Of the log; a log of the same run goes on.
        data: Name of the set.
        seed: Of everything that is drawn.
        fresh: Begin anew, whatever is there.
        retry: Run trials again that ended in an error, as when a server was away.
        console: Where progress is shown.

    Raises:
        ConfigError: The task needs words, and the subject has none.
        DataError: The file holds another run.
    """
    if task.words and subject.model is None:
        raise ConfigError(
            f"the task {task.name} asks for words, and {subject.identity['name']} gives none",
            "a plain detector takes detection, wild, generalisation and safety",
        )
    head = head_of(task, subject, samples, data=data, seed=seed)
    writer = LogWriter(path, head, fresh=fresh)
    try:
        over = {key for key, score in writer.done.items() if not (retry and score.error)}
        trials = [trial for trial in task.trials(samples) if trial.key not in over]
        with progress(f"{task.name} {subject.identity['name']}", len(trials), console) as tick:
            for read in _read_ahead(task, trials):
                writer.add(_scores(task, subject, read))
                tick(len(read))
    finally:
        writer.close()
    return EvalLog(head, tuple(writer.done.values()))


def head_of(task: Task, subject: Subject, samples: Sequence[Sample], *, data: str, seed: int = 0) -> Head:
    """The head of a log."""
    head = Head(
        task=task.name, version=task.version, options=task.options, subject=subject.identity,
        data=data_figures(data, samples), prompts=prompts_hash(*task.prompts), seed=seed, fakescope=__version__,
    )  # fmt: skip
    return Head.model_validate_json(head.model_dump_json())  # as it is read back, tuples being lists


def _read_ahead(task: Task, trials: Sequence[Trial]) -> Iterator[Read]:
    """Batches in order; the next one is read while the subject works on this one."""
    batches = [trials[start : start + BATCH] for start in range(0, len(trials), BATCH)]
    with ThreadPoolExecutor(max_workers=1) as reader:
        waiting = reader.submit(_read, task, batches[0]) if batches else None
        for following in [*batches[1:], None]:
            if waiting is None:
                return
            read = waiting.result()
            waiting = reader.submit(_read, task, following) if following is not None else None
            yield read


def _read(task: Task, trials: Sequence[Trial]) -> Read:
    found: Read = []
    for trial in trials:
        try:
            found.append(Shown(trial, task.show(trial)))
        except FakescopeError as error:
            found.append(score_of(trial, error=str(error)))
    return found


def _scores(task: Task, subject: Subject, read: Read) -> list[Score]:
    """Scores in the order of the batch."""
    shown = [item for item in read if isinstance(item, Shown)]
    made = iter(_run(task, subject, shown))
    return [next(made) if isinstance(item, Shown) else item for item in read]


def _run(task: Task, subject: Subject, shown: Sequence[Shown]) -> list[Score]:
    """Where a batch fails, its trials are run one by one, so that one of them loses nothing else."""
    if not shown:
        return []
    try:
        return task.run(subject, shown)
    except FakescopeError as error:
        if len(shown) == 1:
            return [score_of(shown[0].trial, shown[0].image, error=str(error))]
        return [score for one in shown for score in _run(task, subject, [one])]
