"""`fakescope instruct`: make FakeInstruct from a FakeChain release, look at it, check it, export it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fakescope.cli.chain_options import AsJson, Engine, check_engine, print_json, print_table
from fakescope.cli.exits import Exit
from fakescope.cli.instruct_export import export
from fakescope.cli.instruct_rewrite import rewrite

if TYPE_CHECKING:
    from fakescope.instruct.build import Built

app = typer.Typer(
    name="instruct",
    help="Make FakeInstruct, the instructions a forensic model is tuned on, from a FakeChain release.",
    no_args_is_help=True,
)
app.command()(rewrite)
app.command()(export)


@app.callback()
def instruct() -> None:
    """Make FakeInstruct, the instructions a forensic model is tuned on, from a FakeChain release."""
    from fakescope.errors import MissingExtraError

    if not all(find_spec(name) for name in ("pyarrow", "sklearn", "openai")):
        raise MissingExtraError("making FakeInstruct", "instruct")


Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of instructions.", show_default=False)]
SHOWN = 12


@app.command()
def build(
    release: Annotated[
        Path, typer.Argument(metavar="RELEASE", help="Folder of a FakeChain release.", show_default=False)
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where the instructions go.", show_default=False)
    ],
    quota: Annotated[
        str,
        typer.Option(
            "--quota",
            help="Instructions an image: judgement, reasoning, traces, discussion.",
            metavar="A:B:C:D",
        ),
    ] = "1:2:15:25",
    seed: Annotated[
        int, typer.Option("--seed", help="Settles all choices; the same seed, the same bytes.")
    ] = 0,
    splits: Annotated[
        list[str] | None,
        typer.Option(
            "--split", metavar="train|dev", help="Of these splits only (repeatable).", show_default=False
        ),
    ] = None,
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Do not give images of the rarer class more instructions.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Processes; by default one a core.", show_default=False),
    ] = None,
    engine: Engine = "local",
    as_json: AsJson = False,
) -> None:
    """Build the instructions. Stopped at any moment, the same command goes on, and the same files come out."""
    check_engine(engine)
    import os

    from fakescope.cli.progress import watch
    from fakescope.instruct.build import SPLITS, Plan, blocks_of, rows_in
    from fakescope.instruct.build import build as run
    from fakescope.instruct.compose import parse_quota

    plan = Plan(release, folder, parse_quota(quota), seed, not as_is, tuple(splits or SPLITS))
    with watch(rows_in(blocks_of(plan)), "writing") as watching:
        built = run(
            plan, workers=workers or os.cpu_count() or 1, on_ray=engine == "ray", on_shard=watching.done_many
        )
    _tell_built(built, folder, as_json)


def _tell_built(built: Built, folder: Path, as_json: bool) -> None:
    if as_json:
        from fakescope.chain.counts import plain

        print_json(plain(built))
        return
    rows = [("records", str(built.records)), ("instructions", str(built.instructions))]
    rows += [("shards that were there already", str(built.found))] if built.found else []
    rows += [(f"left out, {reason}", str(count)) for reason, count in built.dropped.most_common()]
    print_table(str(folder), rows)


@app.command()
def stats(folder: Folder, as_json: AsJson = False) -> None:
    """What a set holds: parts, forms, answers, what was left out."""
    from fakescope.instruct.stats import stats_of

    told = stats_of(folder)
    if as_json:
        print_json(told)
        return
    print_table(
        str(folder),
        [
            ("instructions", f"{told['instructions']:,} about {told['records']:,} images"),
            ("made of", f"{told['release']['name']} {told['release']['version']}, seed {told['seed']}"),
            (
                "files",
                f"{len(told['files'])}, {sum(file['size_bytes'] for file in told['files']) / 1e6:.1f} MB",
            ),
        ],
    )
    for title, counts in (("parts", told["parts"]), ("forms", told["forms"]), ("left out", told["dropped"])):
        total = sum(counts.values()) or 1
        ordered = sorted(counts.items(), key=lambda pair: -pair[1])
        print_table(title, [(name, f"{count:,} ({count / total:.1%})") for name, count in ordered])


@app.command()
def sample(
    folder: Folder,
    count: Annotated[int, typer.Option("--count", min=1, max=5000, help="How many.")] = 100,
    seed: Annotated[int, typer.Option("--seed", help="Settles which.")] = 0,
    part: Annotated[
        str | None,
        typer.Option("--part", help="Of one part or form, such as traces.choice.", show_default=False),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write a page to read them with their images.", show_default=False),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images", help="Folder that has the images, by path or by id; for the page.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Random instructions to read, as a person checks a data set."""
    from fakescope.cli.console import print_line, safe_text
    from fakescope.instruct.sample import draw, write_page

    if images is not None and html is None:
        raise typer.BadParameter("pictures are shown on the page of --html alone", param_hint="--images")
    drawn = draw(folder, count, seed, part)
    if as_json and html is None:
        for one in drawn:
            print_line(one.model_dump_json())
        return
    if html is not None:
        shown = write_page(drawn, folder, html, images)
        print_table(str(html), [("instructions", str(len(drawn))), ("with their image", str(shown))])
        return
    for one in drawn:
        print_line(f"{one.id}  {one.form}  {one.answer}".rstrip())
        for message in one.messages:
            print_line(f"  {'Q' if message.role == 'user' else 'A'}: {safe_text(message.content)}")


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Folder of instructions.", show_default=False)],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Another one.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """What changed between two sets: by id, form, words."""
    from fakescope.instruct.diff import diff_of

    told = diff_of(old, new)
    if as_json:
        print_json(told)
        return
    print_table(
        "instructions", [(name, f"{told[name]:,}") for name in ("same", "changed", "only_old", "only_new")]
    )
    rows = [(form, f"{was:,} -> {now:,}") for form, (was, now) in told["forms"].items() if was != now]
    print_table("forms", rows or [("all", "as before")])


@app.command()
def check(
    folder: Folder,
    release: Annotated[
        Path | None,
        typer.Option(
            "--release",
            help="The FakeChain release it was made of: proves that answers rest on their records.",
            show_default=False,
        ),
    ] = None,
    blind: Annotated[
        bool, typer.Option("--blind/--no-blind", help="Train answerers that see no image.")
    ] = True,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Write a data card with pictures here.", show_default=False),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1000, help="Questions of a form that answerers are trained on.")
    ] = 5_000,
    as_json: AsJson = False,
) -> None:
    """Measure the quality: repeats, language, balance, diversity, grounds; exit code 3 where a fault is found."""
    from fakescope.cli.progress import watch
    from fakescope.instruct.check.run import run_checks
    from fakescope.instruct.read import read_manifest

    with watch(int(read_manifest(folder)["instructions"]), "reading") as watching:
        found = run_checks(folder, release=release, blind=blind, limit=limit, on_done=watching.done_many)
    if report is not None:
        from fakescope.instruct.check.card import write_card

        write_card(found, report)
    if as_json:
        print_json(found)
    else:
        _tell_check(found)
    if found["faults"]:
        raise typer.Exit(Exit.SOME_FAILED)


def _tell_check(found: dict[str, Any]) -> None:
    faults = [(name, f"{count:,}") for name, count in found["faults"].items()]
    print_table(f"{found['instructions']:,} instructions", faults or [("faults", "none")])
    if "grounded" in found:
        grounds = found["grounded"]
        said = f"{grounds['ungrounded']:,} of {grounds['looked_at']:,} looked at"
        print_table("compared with the records", [("say what the record does not", said)])
    for answerer, forms in found["blind"].items():
        rows = [(row["form"], _blind(row)) for row in forms[:SHOWN]]
        print_table(f"{answerer}, sees no image; the most suspicious of {len(forms)} forms", rows)
    measured = [*found["diversity"].items(), *found["published"].items()]
    print_table("diversity of answers, on 6,000 words each", [(name, _varied(row)) for name, row in measured])


def _blind(row: dict[str, Any]) -> str:
    told = "" if row["at_chance"] else "  TOLD BY THE QUESTION"
    return f"{row['accuracy']:.3f} where chance is {row['chance']:.3f}{told}"


def _varied(row: Mapping[str, Any]) -> str:
    shares = f"distinct-2 {row['distinct'][1]:.2f}, self-BLEU {row['self_bleu']:.2f}"
    return f"{shares}, compression {row['compression']:.2f}"
