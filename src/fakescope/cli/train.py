"""`fakescope train`: a full-size model tuned on FakeInstruct."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fakescope.cli.chain_options import AsJson, print_json, print_table
from fakescope.cli.train_pairs import pairs
from fakescope.cli.train_plan import plan

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
app.command()(pairs)
app.command()(plan)


@app.callback()
def train() -> None:
    """Tune a multimodal model of transformers on FakeInstruct."""


@app.command()
def run(
    recipe: Annotated[
        Path, typer.Argument(metavar="RECIPE", help="YAML file; see configs/train.", show_default=False)
    ],
    data: Annotated[Path, typer.Option("--data", help="Folder of instructions.", show_default=False)],
    images: Annotated[
        Path,
        typer.Option(
            "--images",
            help="Folder that has the images, by path or as ID.jpg, or a release that holds them.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Run folder.", show_default=False)],
    model: Annotated[
        str | None,
        typer.Option("--model", help="In the place of the recipe's, such as what a stage before has made."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run one stage. Stopped at any moment, the same command goes on from the last checkpoint."""
    from dataclasses import replace

    from fakescope.train.lmm.recipe import load_recipe
    from fakescope.train.lmm.stage import train as run_stage

    plan = load_recipe(recipe)
    done = run_stage(replace(plan, model=model) if model else plan, data, images, out)
    if not done.first:
        return
    if as_json:
        print_json({"model": str(done.folder), "steps": done.steps, "loss": done.loss, "dev": done.dev})
        return
    rows = [
        ("steps", str(done.steps)),
        ("loss, nats a token", "-" if done.loss is None else f"{done.loss:.3f}"),
    ]
    rows += [(name.replace("_", " "), f"{value:.3f}") for name, value in done.dev.items()]
    print_table(str(done.folder), rows)
