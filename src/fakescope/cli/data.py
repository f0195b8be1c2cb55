"""`fakescope data`: look at data before a model does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fakescope.cli.chain_options import Root
from fakescope.cli.console import silence_stdout
from fakescope.cli.exits import Exit
from fakescope.cli.options import Format, OutputFormat

if TYPE_CHECKING:
    from fakescope.bench.audit.run import Audit

app = typer.Typer(name="data", help="Look at data before a model does.", no_args_is_help=True)


@app.callback()
def data() -> None:
    """Look at data before a model does."""


@app.command()
def audit(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Chains (a folder or a URL), or data folders: labels.csv or manifest.csv, and images/.",
            show_default=False,
        ),
    ],
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Write a page with charts.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; same as --format json.")] = False,
    form: OutputFormat = Format.TEXT,
    fail_over: Annotated[
        float | None,
        typer.Option(
            "--fail-over",
            metavar="AUROC",
            min=0.0,
            max=1.0,
            help="End with exit code 11 if what is fed to a model tells the label by more than this, by the lower end "
            "of the interval; or if there are duplicates across splits or labels.",
            show_default=False,
        ),
    ] = None,
    paired: Annotated[
        bool,
        typer.Option(
            "--paired", help="Near duplicates of the other label are meant: reconstructions of real images."
        ),
    ] = False,
    split: Annotated[list[str] | None, typer.Option("--split", help="Splits to use; all by default.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many images.")] = None,
    draws: Annotated[int, typer.Option("--draws", min=1, help="Bootstrap resamples.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Of everything that is drawn.")] = 0,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            min=1,
            max=256,
            help="Images decoded at a time, by default one a core.",
            show_default=False,
        ),
    ] = None,
    root: Root = None,
) -> None:
    """What the files alone tell of the label: formats, sizes, compression, metadata, duplicates.

    Classifiers and single rules that see no pixel are measured on the files as they are, and again after the aligned
    path by which images reach a model.
    """
    from fakescope.bench.audit.run import gate, run_audit
    from fakescope.bench.audit.subjects import load_subjects
    from fakescope.cli.progress import watch

    subjects = load_subjects(paths, splits=split, root=root)
    with watch(min(len(subjects.samples), limit or len(subjects.samples)), "auditing") as watching:
        found = run_audit(
            subjects,
            draws=draws,
            seed=seed,
            limit=limit,
            jobs=jobs or os.cpu_count() or 2,
            on_image=watching.done_one,
        )
    reasons = None if fail_over is None else gate(found, fail_over, paired=paired)
    if reasons is not None:
        found.figures["gate"] = {"fail_over": fail_over, "passed": not reasons, "reasons": reasons}
    if report is not None:
        _write_page(found, reasons, report)
    try:
        _tell(found, reasons, Format.JSON if as_json else form)
    except BrokenPipeError:
        silence_stdout()
        raise typer.Exit(Exit.CLOSED) from None
    if reasons:
        raise typer.Exit(Exit.GATE)
    if found.figures["unread"]:
        raise typer.Exit(Exit.SOME_FAILED)


def _write_page(found: Audit, reasons: list[str] | None, report: Path) -> None:
    from fakescope.bench.audit.page import render_page
    from fakescope.errors import FakescopeError

    page = render_page(found, reasons)
    part = report.with_name(f".{report.name}.part")
    try:
        part.write_text(page, encoding="utf-8")
        part.replace(report)
    except OSError as error:
        raise FakescopeError(
            f"cannot write the report {report}: {error.strerror}", "name another file"
        ) from error


def _tell(found: Audit, reasons: list[str] | None, form: Format) -> None:
    from fakescope.bench.audit.tables import audit_tables, headline, to_markdown
    from fakescope.cli.chain_options import print_json
    from fakescope.cli.console import print_line, print_note, stdout_console

    if form is Format.JSON:
        print_json(found.figures)
    elif form is Format.MD:
        print_line(to_markdown(found, reasons))
    else:
        console = stdout_console()
        for sentence in headline(found):
            console.print(sentence)
        for table in audit_tables(found, reasons):
            console.print(table.rich())
    for line in found.figures["unread"][:20]:
        print_note(f"not read: {line['id']}: {line['reason']}")
