"""`fakescope chain label-studio`: exchange with Label Studio."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fakescope.cli.chain_options import AsJson, Chain, Root, open_chain, print_json, print_table
from fakescope.cli.exits import Exit

app = typer.Typer(name="label-studio", help="Exchange with Label Studio.", no_args_is_help=True)


@app.command("export")
def export_tasks(
    chain: Chain,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the files go.", show_default=False)],
    task: Annotated[
        str, typer.Option("--task", metavar="steer|review", help="Blind steering, or review of drafts.")
    ] = "review",
    address: Annotated[
        str, typer.Option("--address", help="What stands before ID.jpg in a task.")
    ] = "/data/local-files/?d=images/",
    root: Root = None,
) -> None:
    """Write tasks.json (drafts as predictions), config.xml (the interface) and images/ID.jpg."""
    if task not in ("steer", "review"):
        raise typer.BadParameter("steer or review is needed", param_hint="--task")
    with open_chain(chain, root) as store:
        from fakescope.chain.label_studio.config import Task
        from fakescope.chain.label_studio.export import export

        count, broken = export(store, folder, Task(task), address=address)
    print_table(str(folder), [("tasks", str(count)), *(("image cannot be read", id) for id in broken)])
    if broken:
        raise typer.Exit(Exit.SOME_FAILED)


@app.command("import")
def import_annotations(
    chain: Chain,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Label Studio's export as JSON.", show_default=False)
    ],
    as_json: AsJson = False,
    root: Root = None,
) -> None:
    """Append what people did in Label Studio. What is there already is passed over."""
    with open_chain(chain, root) as store:
        from fakescope.chain.counts import plain
        from fakescope.chain.label_studio.load import load_annotations

        loaded = load_annotations(store, file)
    if as_json:
        print_json(plain(loaded))
    else:
        rows = [
            ("judgements", loaded.judgements),
            ("reviews", loaded.reviews),
            ("there already", loaded.known),
        ]
        print_table(
            str(file), [*((name, str(n)) for name, n in rows), *(("broken", said) for said in loaded.broken)]
        )
    if loaded.broken:
        raise typer.Exit(Exit.SOME_FAILED)
