"""The log of one task on one model: a head that says exactly what was run, then a line for each trial, as it ends.

The file is JSON Lines. A run that was stopped goes on behind the last whole line; figures are worked out from the lines
alone, so that they can be worked out anew, compared and checked at any time.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pydantic import Field, ValidationError, field_validator

from fakescope.bench.data import Sample
from fakescope.errors import DataError
from fakescope.records import JsonObject, Label, Record

LOG_VERSION = 1
MOST_LINE_BYTES = 4_000_000
"""Logs are passed around: a longer line is none of ours."""


class Head(Record):
    """What was run. Two logs can be compared where task, options, data and prompts are the same.

    Attributes:
        task: Its name.
        version: Of the task: figures of other versions are other figures.
        options: Whatever changes the trials.
        subject: What was measured: name, revision, calibration and the like.
        data: Name of the set, number of images, and the SHA-256 of ids, labels and splits.
        prompts: SHA-256 of every prompt that the task uses; empty where it asks nothing but the verdict.
        seed: Of everything that is drawn.
        fakescope: Version of the program.
    """

    log_version: int = LOG_VERSION
    task: str
    version: int
    options: JsonObject = Field(default_factory=dict)
    subject: JsonObject
    data: JsonObject
    prompts: str = ""
    seed: int = 0
    fakescope: str = ""


class Score(Record):
    """One trial: an image, perhaps changed, what was said of it, and what that is worth.

    Attributes:
        image: Id of the sample.
        variant: What was done to the image, or which question was asked; empty for the plain one.
        sha256: Of the image that was shown.
        p_fake: Calibrated, in [0, 1]; None where no verdict was asked for or given.
        llr: Calibrated, in nats.
        said: The label that the verdict amounts to at the threshold, abstention put aside.
        abstained: Whether the model gave no label.
        answers: Name -> text of the model.
        values: Name -> figure of this trial; None is "unscored".
        error: Why there is nothing else; empty for a trial that went through.
    """

    image: str
    variant: str = ""
    label: Label
    source: str = ""
    generator: str = ""
    year: str = ""
    sha256: str = ""
    p_fake: float | None = None
    llr: float | None = None
    answer_mass: float | None = None
    said: Label | None = None
    abstained: bool = False
    answers: dict[str, str] = Field(default_factory=dict)
    values: dict[str, float | None] = Field(default_factory=dict)
    error: str = ""

    @field_validator("p_fake", "llr", "answer_mass")
    @classmethod
    def _number(cls, value: float | None) -> float | None:
        if value is not None and math.isnan(value):
            raise ValueError("not a number")
        return value

    @property
    def key(self) -> tuple[str, str]:
        """What sets a trial apart within its log."""
        return self.image, self.variant


@dataclass(frozen=True)
class EvalLog:
    """A task's log in memory."""

    head: Head
    scores: tuple[Score, ...]

    @property
    def failed(self) -> tuple[Score, ...]:
        """Trials that ended in an error. They count as wrong wherever something is counted."""
        return tuple(score for score in self.scores if score.error)

    @property
    def name(self) -> str:
        """The subject's, with its revision."""
        parts = (self.head.subject.get("name", "?"), self.head.subject.get("revision", ""))
        return " ".join(str(part) for part in parts if part)


def read_log(path: Path) -> EvalLog:
    """A log from its file.

    Raises:
        DataError: Missing, or not a log; the line is named.
    """
    lines = list(_lines(path))
    if not lines:
        raise DataError(f"{path} is empty", "give a log that fakescope bench run wrote")
    try:
        head = Head.model_validate(lines[0])
        if head.log_version != LOG_VERSION:
            raise DataError(f"{path} is a log of version {head.log_version}, not {LOG_VERSION}")
        scores = (Score.model_validate(line) for line in lines[1:])
        return EvalLog(head, tuple({score.key: score for score in scores}.values()))  # of a trial run twice, the last
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(f"{path} is no log: {first['loc']}: {first['msg']}") from error


class LogWriter:
    """Appends scores to a log, each in one write, and knows which trials are done.

    Args:
        path: Of the file; its folder is made.
        head: What is run now.
        fresh: Begin anew, whatever is there.

    Raises:
        DataError: The file holds another run; the differing parts are named.
    """

    def __init__(self, path: Path, head: Head, *, fresh: bool = False) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if fresh:
            path.unlink(missing_ok=True)
        before = _resumed(path, head)
        self.done: dict[tuple[str, str], Score] = {score.key: score for score in before}
        self._file: TextIO = path.open("a", encoding="utf-8")
        if path.stat().st_size == 0:
            self._write(head)

    def add(self, scores: Sequence[Score]) -> None:
        """Append scores; they are on disk when this returns."""
        for score in scores:
            self._write(score)
            self.done[score.key] = score

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, record: Record) -> None:
        self._file.write(record.model_dump_json(exclude_defaults=not isinstance(record, Head)) + "\n")
        self._file.flush()


def data_figures(name: str, samples: Sequence[Sample]) -> JsonObject:
    """What identifies a set of labelled images: ids, labels and splits, in any order."""
    rows = sorted(f"{s.id} {s.label.value} {s.split}\n" for s in samples)
    digest = hashlib.sha256("".join(rows).encode()).hexdigest()
    return {"name": name, "images": len(samples), "sha256": digest}


def prompts_hash(*prompts: str) -> str:
    """One hash of several prompts, in order."""
    return hashlib.sha256("\0".join(prompts).encode()).hexdigest() if prompts else ""


def _resumed(path: Path, head: Head) -> tuple[Score, ...]:
    """The scores of an earlier run of the same; a half-written last line is cut off the file."""
    if not path.is_file() or path.stat().st_size == 0:
        return ()
    whole = path.read_bytes()
    if not whole.endswith(b"\n"):
        path.write_bytes(whole[: whole.rfind(b"\n") + 1])
        if not path.stat().st_size:
            return ()
    log = read_log(path)
    now, then = head.model_dump(mode="json"), log.head.model_dump(mode="json")
    differing = [name for name in now if now[name] != then[name]]
    if differing:
        raise DataError(
            f"{path} holds another run: {', '.join(differing)} differ",
            "give another --out, or --fresh to begin anew",
        )
    return log.scores


def _lines(path: Path) -> Iterator[JsonObject]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(MOST_LINE_BYTES + 1), b""), 1):
                if len(line) > MOST_LINE_BYTES:
                    raise DataError(f"{path}, line {number}, is over {MOST_LINE_BYTES} bytes")
                if not line.endswith(b"\n"):  # cut off by a kill: the trial will be run again
                    return
                record = json.loads(line)
                if not isinstance(record, dict):
                    raise ValueError("not a JSON object")
                yield record
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no log: {error}") from error
