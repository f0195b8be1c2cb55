"""The run of `examine` and `detect` over what the user named, from paths to the exit code."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import typer

from fakescope.cli.console import print_error, print_note, silence_stdout
from fakescope.cli.exits import Exit
from fakescope.cli.interrupt import unbroken
from fakescope.cli.options import FailOn, Format
from fakescope.cli.progress import Watch, watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakescope.cli.printers import Printer
    from fakescope.images.load import LoadedImage
    from fakescope.report.html import HtmlReport
    from fakescope.scan.pipeline import Outcome, Work

STDIN = "<stdin>"


@dataclass(frozen=True)
class Job:
    """What to do with each batch, and how to tell of it.

    Attributes:
        full: Print examinations; otherwise verdicts alone.
        verb: What a person reads while waiting.
        make_work: Makes the work of a batch; the watch hears the model's words as they come.
    """

    full: bool
    verb: str
    batch_size: int
    make_work: Callable[[Watch], Work]


@dataclass
class Tally:
    """Counts of a run."""

    done: int = 0
    failed: int = 0
    fake: int = 0


def find_images(paths: list[str]) -> list[str]:
    """What the user named, as paths of images.

    Raises:
        typer.Exit: There is none.
    """
    from fakescope.images.paths import iter_image_paths

    found = [path for name in paths for path in ([STDIN] if name == "-" else iter_image_paths([name]))]
    if not found:
        print_error("no image was found in what was named (folders are searched by file name suffix)")
        raise typer.Exit(Exit.NOTHING)
    if found.count(STDIN) > 1:
        raise typer.BadParameter("standard input can be named once only", param_hint="PATH")
    return found


def make_loader(paths: list[str]) -> Callable[[str], LoadedImage]:
    """The loader of a run. Standard input is read at once, so that Ctrl-C works while waiting for it."""
    from fakescope.images.load import load_image
    from fakescope.images.source import DEFAULT_LIMITS, read_stream

    piped = read_stream(sys.stdin.buffer, DEFAULT_LIMITS) if STDIN in paths else b""

    def load(path: str) -> LoadedImage:
        if path == STDIN:
            return load_image(piped, path=STDIN)
        image = load_image(path)
        # A name that is not Unicode stays recognisable, and can be printed, stored and sent.
        return replace(image, path=printable(path))

    return load


def printable(path: str) -> str:
    r"""A path in which bytes that are not Unicode are spelled out, as in `caf\udce9.jpg`."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def run(paths: list[str], job: Job, *, format: Format, report: str | None, fail_on: FailOn | None) -> None:
    """Examine everything, print as results come, and end with the exit code that says how it went.

    Raises:
        typer.Exit: Always, unless all went well.
        FakescopeError: Something that the whole run needs is missing.
    """
    from fakescope.cli.printers import make_printer
    from fakescope.scan.pipeline import scan

    load = make_loader(paths)
    tally, printer = Tally(), make_printer(format, full=job.full)
    code = Exit.OK
    with ExitStack() as stack:
        page = stack.enter_context(_open_report(report)) if report else None
        try:
            with watch(len(paths), job.verb) as watching:
                outcomes = scan(paths, job.make_work(watching), batch_size=job.batch_size, load=load)
                with closing(outcomes):  # type: ignore[type-var]
                    for outcome in outcomes:
                        with unbroken(), watching.hidden():
                            _tell(outcome, printer, page, tally)
                        watching.done_one()
        except KeyboardInterrupt:
            print_note(f"stopped: {tally.done + tally.failed} of {len(paths)} images done")
            code = Exit.INTERRUPTED
        except BrokenPipeError:
            silence_stdout()
            code = Exit.CLOSED
    _finish(tally, len(paths), report if page else None)
    code = code or _code_of(tally, fail_on)
    if code:
        raise typer.Exit(code)


def _open_report(path: str) -> HtmlReport:
    from fakescope.report.html import HtmlReport

    return HtmlReport(path)


def _tell(outcome: Outcome, printer: Printer, page: HtmlReport | None, tally: Tally) -> None:
    if outcome.examination is not None and outcome.image is not None:
        tally.done += 1
        tally.fake += outcome.examination.verdict.label == "fake"
        if page:
            page.add(outcome.examination, outcome.image)
        printer.result(outcome.examination)
    elif outcome.error is not None:
        tally.failed += 1
        path = printable(outcome.path)
        if page:
            page.add_error(path, outcome.error)
        printer.error(path, outcome.error)


def _finish(tally: Tally, total: int, report: str | None) -> None:
    if tally.failed and total > 1:
        print_note(f"{tally.failed} of {total} images could not be examined")
    if report and tally.done + tally.failed:
        print_note(f"report: {report}")


def _code_of(tally: Tally, fail_on: FailOn | None) -> Exit:
    if fail_on is FailOn.FAKE and tally.fake:
        return Exit.FOUND
    return Exit.SOME_FAILED if tally.failed else Exit.OK
