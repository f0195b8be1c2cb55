"""`fakescope examine`: everything about one or many images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fakescope.cli.options import (
    AsJson,
    BandText,
    FailOnOption,
    Format,
    ModelName,
    OutputFormat,
    Paths,
    Threshold,
    parse_band,
)

if TYPE_CHECKING:
    from fakescope.cli.progress import Watch
    from fakescope.scan.pipeline import Work

Report = Annotated[
    str | None,
    typer.Option(
        "--report",
        metavar="FILE.html",
        help="Also write a self-contained HTML page about all images.",
        show_default=False,
    ),
]


def examine(
    paths: Paths,
    as_json: AsJson = False,
    format: OutputFormat = Format.TEXT,
    report: Report = None,
    model: ModelName = None,
    threshold: Threshold = None,
    band: BandText = None,
    fail_on: FailOnOption = None,
) -> None:
    """Say whether images are AI-generated, how sure that is, and why.

    Gives the verdict, a description, the visible traces with their place, what speaks against the verdict,
    what to check next, and what the file says of its origin.
    """
    from fakescope.cli.model import open_model
    from fakescope.cli.run import Job, find_images, run

    zone = parse_band(band)
    found = find_images(paths)
    loaded = open_model(model, threshold, zone)

    def make_work(watching: Watch) -> Work:
        from fakescope.explain.examine import examine as examine_one

        return lambda images: [examine_one(image, loaded, on_token=watching.hear) for image in images]

    job = Job(full=True, verb="examining", batch_size=1, make_work=make_work)
    run(found, job, format=Format.JSON if as_json else format, report=report, fail_on=fail_on)
