"""`fakescope models`: what can be used here, and what must be known of it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from fakescope.cli.console import print_line, safe_text, stdout_console

if TYPE_CHECKING:
    from fakescope.models.base import ModelCard

app = typer.Typer(rich_markup_mode=None)
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="As listed by `fakescope models`.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


@app.callback(invoke_without_command=True)
def models(context: typer.Context, as_json: AsJson = False) -> None:
    """List the models that can be used here, the default first."""
    if context.invoked_subcommand is not None:
        return
    from fakescope.models.zoo import list_models

    cards = list_models()
    if as_json:
        for card in cards:
            print_line(json.dumps(asdict(card)))
    else:
        _print_table(cards)


@app.command()
def show(name: Name) -> None:
    """Print a model's card: what it was trained on, how well it does, where it fails."""
    from fakescope.models.zoo import card_text

    text = safe_text(card_text(name))
    if sys.stdout.isatty():
        from rich.markdown import Markdown

        stdout_console().print(Markdown(text, hyperlinks=False))
    else:
        print_line(text.rstrip("\n"))


def _print_table(cards: list[ModelCard]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("name", "licence", "weights", "inconclusive", "what it is"):
        table.add_column(title, no_wrap=title in ("name", "weights", "inconclusive"))
    for card in cards:
        measured = card.calibration.id != "none"
        band = f"{card.band.low:.2f}-{card.band.high:.2f}" if measured else "uncalibrated"
        weights = f"{card.memory_bytes / 2**30:.1f} GiB" if card.memory_bytes else "here"
        cells = (card.name, card.licence, weights, band, card.summary)
        table.add_row(*(Text(safe_text(cell)) for cell in cells))
    stdout_console().print(table)
