"""`fakescope detect`: the verdict alone, fast, over many images."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

BATCH_SIZE = 16


def detect(
    paths: Paths,
    as_json: AsJson = False,
    format: OutputFormat = Format.TEXT,
    model: ModelName = None,
    threshold: Threshold = None,
    band: BandText = None,
    fail_on: FailOnOption = None,
) -> None:
    """Say whether images are AI-generated and how sure that is, without reasons: fast, for many images."""
    from fakescope.cli.model import open_model
    from fakescope.cli.run import Job, find_images, run

    zone = parse_band(band)
    found = find_images(paths)
    loaded = open_model(model, threshold, zone)

    def make_work(watching: Watch) -> Work:
        from fakescope.explain.examine import detect_many

        return lambda images: detect_many(images, loaded)

    job = Job(full=False, verb="detecting", batch_size=BATCH_SIZE, make_work=make_work)
    run(found, job, format=Format.JSON if as_json else format, report=None, fail_on=fail_on)
