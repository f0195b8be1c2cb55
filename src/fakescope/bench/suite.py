"""`bench run`: tasks on one subject, a log for each, and what each log amounts to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fakescope.bench.data import load_samples
from fakescope.bench.detect import thinned
from fakescope.bench.engine import run_task
from fakescope.bench.log import EvalLog
from fakescope.bench.run import Report
from fakescope.bench.subject import ModelSubject, Subject
from fakescope.bench.tables import Table
from fakescope.bench.task import Task
from fakescope.bench.tasks import TASKS, find_task
from fakescope.models.base import ForensicModel

if TYPE_CHECKING:
    from rich.console import Console


def run_suite(
    model: ForensicModel | Subject,
    folder: Path,
    out: Path,
    *,
    tasks: Sequence[str] = (),
    splits: Sequence[str] = ("test",),
    draws: int = 1000,
    limit: int | None = None,
    seed: int = 0,
    fresh: bool = False,
    retry: bool = False,
    console: Console | None = None,
) -> Iterator[Report]:
    """Run tasks one after the other; each report comes when its task is done.

    Args:
        model: A forensic model, or any other subject.
        folder: Labelled images, as `load_samples` reads them.
        out: Logs are OUT/SUBJECT/TASK.jsonl.
        tasks: Names; all that the subject can take if empty.
        splits: Of the images.
        draws: Bootstrap resamples; 0 for no intervals.
        limit: At most this many images, spread evenly.
        seed: Of everything that is drawn.
        fresh: Begin anew instead of going on.
        retry: Run trials again that failed.
        console: Where progress is shown.

    Raises:
        ConfigError: An unknown task, or one that the subject cannot take.
        DataError: As of the data, or of logs that hold another run.
    """
    subject = model if isinstance(model, Subject) else ModelSubject(model)
    chosen = [find_task(name) for name in tasks] or [t for t in _all() if subject.model is not None or not t.words]
    samples = thinned(load_samples(folder, splits), limit)
    place = folder_of(subject)
    for task in chosen:
        log = run_task(
            task, subject, samples, out / place / f"{task.name}.jsonl", data=" ".join([folder.name, *splits]),
            seed=seed, fresh=fresh, retry=retry, console=console,
        )  # fmt: skip
        yield report_of(task, log, place, draws=draws)


def report_of(task: Task, log: EvalLog, place: str = "", *, draws: int = 1000) -> Report:
    """What a log amounts to, as a report."""
    found = task.figures(log, draws=draws)
    head = log.head.model_dump(mode="json")
    return Report(task.name, f"{task.title}, {log.name}", {"head": head, **found.values}, list(found.tables),
                  found.warnings, place)  # fmt: skip


def folder_of(subject: Subject) -> str:
    """A folder name of a subject: its name and revision, in plain characters."""
    name = f"{subject.identity['name']}-{subject.identity.get('revision', '')}".rstrip("-")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:100] or "subject"


def task_table() -> Table:
    """All tasks, and what each asks for."""
    table = Table("Tasks", ["task", "what", "asks for"])
    for task in _all():
        table.add(task.name, task.title, "words" if task.words else "verdicts")
    return table


def _all() -> list[Task]:
    return [find_task(name) for name in TASKS]
