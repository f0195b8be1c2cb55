"""`fakescope bench`: measure a model. Each command prints its tables and writes NAME.json and NAME.md."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from fakescope.bench.run import Report

app = typer.Typer(name="bench", help="Measure a model on images with known labels.", no_args_is_help=True)

Data = Annotated[
    Path, typer.Option("--data", help="Folder with labels.csv (or manifest.csv) and images/ID.jpg.")
]
Out = Annotated[Path, typer.Option("--out", help="Folder for the JSON and Markdown files.")]
Model = Annotated[str | None, typer.Option("--model", help="Model to measure; the default one if not given.")]
Draws = Annotated[int, typer.Option("--draws", min=0, help="Bootstrap resamples; 0 for no intervals.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="At most this many images a split.")]
Seed = Annotated[int, typer.Option("--seed", help="Of everything that is drawn.")]

OUT = Path("bench-results")


@app.command()
def run(
    data: Data,
    tasks: Annotated[
        list[str] | None, typer.Argument(help="Tasks, as `fakescope bench tasks` lists them; all that fit if none.")
    ] = None,
    out: Out = OUT,
    split: Annotated[list[str] | None, typer.Option("--split", help="dev, test, ... (repeatable).")] = None,
    model: Model = None,
    draws: Draws = 1000,
    limit: Limit = None,
    seed: Seed = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew instead of going on.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Run trials again that failed.")] = False,
) -> None:
    """Tasks on a model: a log each, which goes on where it was stopped, and its figures."""
    from fakescope.bench.suite import run_suite
    from fakescope.models.zoo import load_model

    for report in run_suite(
        load_model(model),
        data,
        out,
        tasks=tasks or (),
        splits=split or ("test",),
        draws=draws,
        limit=limit,
        seed=seed,
        fresh=fresh,
        retry=retry,
        console=_console(),
    ):
        _finish(report, out / report.folder)


@app.command()
def tasks() -> None:
    """What can be measured."""
    from rich.console import Console

    from fakescope.bench.suite import task_table

    Console().print(task_table().rich())


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(help="A log that `bench run` wrote.")],
    second: Annotated[Path, typer.Argument(help="A log of the same task, set and options.")],
    out: Out = OUT,
    draws: Draws = 1000,
) -> None:
    """Two models on the same images: paired differences with intervals, and tests of significance."""
    from fakescope.bench.compare import compare as compare_logs
    from fakescope.bench.log import read_log

    _finish(compare_logs(read_log(first), read_log(second), draws=draws), out)


@app.command()
def detect(
    data: Data,
    out: Out = OUT,
    split: Annotated[list[str] | None, typer.Option("--split", help="dev, test, ... (repeatable).")] = None,
    perturb: Annotated[
        list[str] | None,
        typer.Option("--perturb", help="jpeg:70, resize:0.5, webp:60, joined by + for a chain (repeatable)."),
    ] = None,
    model: Model = None,
    draws: Draws = 1000,
    limit: Limit = None,
) -> None:
    """Verdicts: AUROC, accuracies, calibration, abstention, worst generators and sources first."""
    from fakescope.bench.detect import bench_detect
    from fakescope.models.zoo import load_model

    report = bench_detect(
        load_model(model),
        data,
        splits=split or ("dev", "test"),
        perturbations=perturb or (),
        draws=draws,
        limit=limit,
        console=_console(),
    )
    _finish(report, out)


@app.command()
def confounds(
    data: Data,
    out: Out = OUT,
    split: Annotated[list[str] | None, typer.Option("--split", help="Splits to use; all by default.")] = None,
    draws: Draws = 1000,
    limit: Limit = None,
    seed: Seed = 0,
) -> None:
    """What format, size and compression alone would tell of the label, before and after levelling."""
    from fakescope.bench.confounds import bench_confounds

    report = bench_confounds(data, splits=split, draws=draws, limit=limit, seed=seed, console=_console())
    _finish(report, out)


@app.command()
def explain(
    data: Data,
    out: Out = OUT,
    split: Annotated[str, typer.Option("--split", help="The split to examine.")] = "test",
    model: Model = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Examine again instead of resuming.")] = False,
    draws: Draws = 1000,
    limit: Limit = None,
) -> None:
    """Explanations against references: description, criteria, stated label. Resumes where it stopped."""
    from fakescope.bench.explain import bench_explain
    from fakescope.explain.examine import examine
    from fakescope.models.zoo import load_model

    loaded = load_model(model)
    cache = out / f"examinations-{split}.jsonl"
    if fresh:
        cache.unlink(missing_ok=True)
    report = bench_explain(
        loaded,
        lambda path: examine(path, model=loaded),
        data,
        cache,
        split=split,
        draws=draws,
        limit=limit,
        console=_console(),
    )
    _finish(report, out)


@app.command()
def speed(
    images: Annotated[Path, typer.Option("--images", help="A photograph or a folder of photographs.")],
    out: Out = OUT,
    model: Model = None,
    count: Annotated[int, typer.Option("--count", min=1, help="JPEGs for the detection rate.")] = 500,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Cold runs of examine.")] = 3,
    clip: Annotated[
        bool, typer.Option("--clip/--no-clip", help="Compare with a CLIP ViT-L/14 encoder.")
    ] = True,
) -> None:
    """Wall time, peak memory, images and tokens a second on this machine."""
    from fakescope.bench.speed import bench_speed
    from fakescope.models.zoo import load_model

    loaded = load_model(model)
    _finish(bench_speed(loaded, images, count=count, repeats=repeats, clip=clip, console=_console()), out)


@app.command()
def baselines(
    data: Data,
    out: Out = OUT,
    extra: Annotated[
        list[Path] | None, typer.Option("--extra", help="More training images: manifest.csv and images/.")
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Of fine-tuning.")] = 2,
    draws: Draws = 1000,
    limit: Limit = None,
    seed: Seed = 0,
) -> None:
    """Train two simple detectors on the same data, and measure them on dev and test."""
    from fakescope.bench.baselines import bench_baselines

    report = bench_baselines(
        data, extra=extra or (), epochs=epochs, draws=draws, limit=limit, seed=seed, console=_console()
    )
    _finish(report, out)


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True)


def _finish(report: Report, out: Path) -> None:
    from rich.console import Console

    console = Console()
    report.show(console)
    for path in report.write(out):
        console.print(f"written: {path}", markup=False)
