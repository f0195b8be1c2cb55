"""What a person sees on standard error while waiting. Nothing at all when nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fakescope.cli.console import is_terminal, safe_text, stderr_console

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
    from rich.status import Status

FEW = 3
"""Up to this many images there is a line that says what is going on; above, a bar with rate and time left."""


class Watch:
    """Shows how far a run is; does nothing until `live` gives it something to draw on."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._status: Status | None = None
        self._said = ""

    def done_one(self) -> None:
        """Another image is done."""
        self.done_many(1)

    def done_many(self, count: int) -> None:
        """So many more images are done."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, count)
        self._said = ""

    def hear(self, token: str) -> None:
        """Show what the model is writing."""
        if self._status is not None:
            from rich.text import Text

            width = max(20, self._status.console.width - 8)
            self._said = (self._said + safe_text(token).replace("\n", " "))[-500:]
            self._status.update(Text(self._said.strip()[-width:], style="dim"))

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Take the drawing off the screen while a result is printed on the same terminal."""
        live = (self._bar or self._status) if sys.stdout.isatty() else None
        if live is not None:
            live.stop()
        try:
            yield
        finally:
            if live is not None:
                live.start()


@contextmanager
def watch(total: int, verb: str) -> Iterator[Watch]:
    """Show progress while the block runs, if standard error is a terminal."""
    watching = Watch()
    if not is_terminal(sys.stderr):
        yield watching
    elif total <= FEW:
        with stderr_console().status(f"{verb} ...") as watching._status:
            yield watching
    else:
        with _bar() as watching._bar:
            watching._task = watching._bar.add_task(verb, total=total)
            yield watching


def _bar() -> Progress:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:.1f} images/s" if speed else "", style="dim")

    # Standard output is left alone: a bar that captures it would send results to standard error.
    return Progress(
        "{task.description}",
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=stderr_console(),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
