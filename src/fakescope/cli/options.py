"""Arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Format(StrEnum):
    """Forms of output on standard output."""

    TEXT = "text"
    JSON = "json"
    MD = "md"


class FailOn(StrEnum):
    """What makes a run fail, for use in automated checks."""

    FAKE = "fake"


Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH...",
        help="Image files, folders (with subfolders), globs in quotes; - reads an image from standard input.",
        show_default=False,
    ),
]
ImagePath = Annotated[
    str,
    typer.Argument(
        metavar="IMAGE", help="An image file; - reads it from standard input.", show_default=False
    ),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        "--model", "-m", metavar="NAME", help="Model to use; see `fakescope models`.", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line; same as --format json.")]
OutputFormat = Annotated[Format, typer.Option("--format", metavar="text|json|md", help="Form of the output.")]
Threshold = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=1.0,
        metavar="P",
        help="Label an image fake from this p_fake on; the inconclusive zone moves along.",
        show_default=False,
    ),
]
BandText = Annotated[
    str | None,
    typer.Option(
        "--band",
        metavar="LOW,HIGH",
        help="Inconclusive zone of p_fake, instead of the model's own; 0.5,0.5 switches it off.",
        show_default=False,
    ),
]
FailOnOption = Annotated[
    FailOn | None,
    typer.Option(
        "--fail-on",
        metavar="fake",
        help="End with exit code 10 if an image gets this label.",
        show_default=False,
    ),
]


def parse_band(text: str | None) -> tuple[float, float] | None:
    """Read `LOW,HIGH`.

    Raises:
        typer.BadParameter: Not two numbers with 0 <= LOW <= HIGH <= 1.
    """
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter("two numbers are needed, such as 0.4,0.6", param_hint="--band") from None
    if not 0.0 <= low <= high <= 1.0:
        raise typer.BadParameter("0 <= LOW <= HIGH <= 1 is needed", param_hint="--band")
    return low, high
