"""One benchmark run: figures in, a JSON file, a Markdown file and tables in the terminal out."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fakescope import __version__
from fakescope.bench.tables import Table
from fakescope.models.base import ForensicModel
from fakescope.records import SCHEMA_VERSION

if TYPE_CHECKING:
    from rich.console import Console


class Tick(Protocol):
    """Told how many more images are done."""

    def __call__(self, count: int, /) -> None: ...


@dataclass
class Report:
    """What a benchmark found: `figures` for machines, `tables` and `warnings` for people; `folder` holds them."""

    name: str
    title: str
    figures: dict[str, Any]
    tables: list[Table] = field(default_factory=list)
    warnings: tuple[str, ...] = ()
    folder: str = ""

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write `NAME.json` and `NAME.md` into a folder, which is made if need be; returns both paths."""
        folder.mkdir(parents=True, exist_ok=True)
        as_json, as_markdown = folder / f"{self.name}.json", folder / f"{self.name}.md"
        head = {"schema_version": SCHEMA_VERSION, "bench": self.name, "fakescope": __version__}
        machine = {"python": platform.python_version(), "machine": platform.machine()}
        said = {"warnings": list(self.warnings)} if self.warnings else {}
        text = json.dumps({**head, **machine, **self.figures, **said}, indent=2, allow_nan=False, default=str)
        as_json.write_text(text + "\n", encoding="utf-8")
        warnings = [f"> {warning}\n" for warning in self.warnings]
        parts = [f"## {self.title}", "", *warnings, *(table.markdown() for table in self.tables)]
        as_markdown.write_text("\n".join(parts), encoding="utf-8")
        return as_json, as_markdown

    def show(self, console: Console) -> None:
        """Print the tables."""
        for table in self.tables:
            console.print(table.rich())
        for warning in self.warnings:
            console.print(f"Note: {warning}", markup=False, highlight=False)


def model_figures(model: ForensicModel) -> dict[str, Any]:
    """What identifies the model that was measured."""
    card = model.card
    return {
        "name": card.name,
        "revision": card.revision,
        "calibration": asdict(card.calibration),
        "band": asdict(card.band),
        "threshold": card.threshold,
        "label_words": {"fake": card.fake_words, "real": card.real_words},
    }


@contextmanager
def progress(title: str, total: int, console: Console | None = None) -> Iterator[Tick]:
    """A progress bar with its rate on stderr, or nothing when no console is given.

    A console that is no terminal, such as a log file, gets a line each tenth: benches run for minutes.
    """
    if console is None:
        yield lambda count: None
        return
    if not console.is_terminal:
        yield _lines(title, total, console)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns: Sequence[Any] = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                              TextColumn("{task.fields[rate]}"), TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=total, rate="")

        def tick(count: int, /) -> None:
            speed = bar.tasks[task].speed
            bar.update(task, advance=count, rate=f"{speed:.1f}/s" if speed else "")

        yield tick


def _lines(title: str, total: int, console: Console) -> Tick:
    done, started = 0, time.monotonic()

    def tick(count: int, /) -> None:
        nonlocal done
        tenth, done = 10 * done // max(1, total), done + count
        if 10 * done // max(1, total) > tenth:
            rate = done / max(time.monotonic() - started, 1e-9)
            console.print(f"{title}: {done} of {total}, {rate:.1f}/s", highlight=False)

    return tick
