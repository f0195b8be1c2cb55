"""Arguments and options that the commands of `fakescope chain` share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from fakescope.chain.store import Store

Chain = Annotated[
    str,
    typer.Argument(
        metavar="CHAIN", help="Folder of the chain, or the URL of its database.", show_default=False
    ),
]
Root = Annotated[
    Path | None,
    typer.Option(
        "--root", help="Folder of relative image paths, for a chain given by URL.", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Engine = Annotated[str, typer.Option("--engine", metavar="local|ray", help="Where the work is done.")]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Workers of the ray engine.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="At most so many.", show_default=False)]


def open_chain(where: str, root: Path | None = None, *, create: bool = False) -> Store:
    """Open the chain that the user named.

    Raises:
        MissingExtraError: The packages of the extra `chain` are not installed.
        DataError: There is no chain, or it cannot be opened.
    """
    from fakescope.errors import MissingExtraError

    try:
        from fakescope.chain.store import open_store
    except ModuleNotFoundError as error:
        raise MissingExtraError("making a FakeChain", "chain") from error
    return open_store(where, create=create, root=root)


def check_engine(engine: str) -> None:
    """Refuse an engine that there is not.

    Raises:
        typer.BadParameter: It is neither local nor ray.
    """
    if engine not in ("local", "ray"):
        raise typer.BadParameter("local or ray is needed", param_hint="--engine")


def print_json(value: Any) -> None:
    """Print one JSON value."""
    from fakescope.cli.console import print_line

    print_line(json.dumps(value, ensure_ascii=True))


def print_table(title: str, rows: list[tuple[str, str]]) -> None:
    """Print names and values, foreign text made safe."""
    from rich.table import Table
    from rich.text import Text

    from fakescope.cli.console import safe_text, stdout_console

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 1))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(safe_text(name)), Text(safe_text(value)))
    console = stdout_console()
    console.print(Text(safe_text(title), style="bold"))
    if rows:
        console.print(table)
