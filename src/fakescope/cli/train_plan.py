"""`fakescope train plan`: what a training run needs, before anybody rents a GPU."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fakescope.cli.chain_options import AsJson, print_json, print_table

if TYPE_CHECKING:
    from fakescope.train.lmm.plan.make import Plan

GIB = 2**30


def plan(
    recipes: Annotated[
        list[Path], typer.Argument(metavar="RECIPE...", help="YAML files; see configs/train.", show_default=False)
    ],
    model: Annotated[
        str | None, typer.Option("--model", help="In the place of the recipe's.", show_default=False)
    ] = None,
    gpus: Annotated[int, typer.Option("--gpus", min=1, help="GPUs.")] = 1,
    gpu: Annotated[
        str, typer.Option("--gpu", help="Such as a100-80, h100-80, a100-40, l40s-48, rtx4090-24.")
    ] = "a100-80",
    strategy: Annotated[
        str | None,
        typer.Option(
            "--strategy", metavar="single|ddp|zero2|zero3|fsdp",
            help="How GPUs share; by default single, and ddp on several.", show_default=False,
        ),
    ] = None,
    price: Annotated[
        float | None,
        typer.Option("--price", min=0.0, help="Dollars an hour and GPU; else one is assumed.", show_default=False),
    ] = None,
    utilisation: Annotated[
        float, typer.Option("--mfu", min=0.01, max=1.0, help="Share of the GPU's stated speed that is reached.")
    ] = 0.35,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder of instructions: their number and lengths.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """What training by RECIPEs needs: memory, time, cost, and what to change where it does not fit.

    Nothing is downloaded and no weight is read. Memory is that of the largest picture and the longest conversation.
    """
    from dataclasses import replace

    from fakescope.train.lmm.plan.make import Wish, make_plan
    from fakescope.train.lmm.recipe import load_recipe

    wish = Wish.of(gpu, gpus, strategy, price, utilisation)
    read = [load_recipe(path) for path in recipes]
    plans = [make_plan(replace(r, model=model) if model else r, wish, data) for r in read]
    if as_json:
        print_json([{"file": str(path), **made.to_json()} for path, made in zip(recipes, plans, strict=True)])
        return
    for path, made in zip(recipes, plans, strict=True):
        print_table(f"{path}: {made.recipe.model}", [*_model(made), *_memory(made), *_time(made)])


def _model(made: Plan) -> list[tuple[str, str]]:
    rows = [
        (group, f"{number / 1e6:,.2f} M parameters, {learning / 1e6:,.2f} M learn")
        for group, (number, learning) in sorted(made.layout.counts.items())
    ]
    work, texts = made.work, made.texts
    return [
        *rows,
        ("picture", f"{made.picture.tokens} tokens at most, {made.image_tokens:.0f} on average; {work.views} view(s)"),
        ("text", f"{texts.mean:.0f} tokens on average, {texts.longest} at most ({texts.source})"),
    ]  # fmt: skip


def _memory(made: Plan) -> list[tuple[str, str]]:
    work, memory, wish = made.work, made.memory, made.wish
    accumulated = f" x {work.accumulate}" if work.accumulate > 1 else ""
    rows = [
        ("a pass", f"{work.batch}{accumulated} conversations a GPU of up to {work.length} tokens; {wish.gpus} GPU(s)"),
        ("weights", f"{_gib(memory.weights)} ({made.dtype}{_quantised(made)})"),
        ("gradients", _gib(memory.gradients)),
        ("optimiser", _gib(memory.states)),
        ("activations", _gib(memory.activations)),
    ]  # fmt: skip
    rows += [(f"  {name}", _gib(value)) for name, value in made.variants.items()]
    rows += [
        ("loss", f"{_gib(memory.loss)}, tile by tile; whole logits would take {_gib(memory.logits)}"),
        ("workspace", _gib(memory.workspace)),
        ("peak", f"{_gib(memory.peak)} a GPU, at: {memory.moment}"),
        (
            "fits",
            f"{'yes' if made.fits else 'NO'}: {wish.gpu.name} has {wish.gpu.gib:.1f} GiB ({wish.strategy})",
        ),
    ]
    return rows + [("hint", hint) for hint in made.hints]


def _quantised(made: Plan) -> str:
    return "" if made.work.quantised is None else f", linear maps at {made.work.quantised:.2f} bytes a weight"


def _time(made: Plan) -> list[tuple[str, str]]:
    wish, flops = made.wish, made.flops
    rows = [("operations", f"{flops.total / 1e12:.1f} TFLOP a conversation, {made.seen:,.0f} conversations")]
    for name, time in made.times.items():
        price = time.dollars / time.gpu_hours if time.gpu_hours else 0.0
        stated = "" if wish.price is not None and name == wish.gpu.name else ", an assumed price"
        rows.append((
            f"on {name}",
            f"{time.hours:,.1f} h on {wish.gpus}, {time.gpu_hours:,.1f} GPU hours at {wish.utilisation:.0%} of its "
            f"speed; {time.dollars:,.0f} dollars at {price:.2f} an hour{stated}",
        ))  # fmt: skip
    return rows


def _gib(value: float) -> str:
    return f"{value / GIB:.2f} GiB"
