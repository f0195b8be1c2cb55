"""`fakescope chain collect`: images from anywhere into a chain."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fakescope.cli.chain_options import (
    AsJson,
    Chain,
    Engine,
    Limit,
    Root,
    check_engine,
    open_chain,
    print_json,
    print_table,
)
from fakescope.cli.console import print_note
from fakescope.cli.exits import Exit

if TYPE_CHECKING:
    from fakescope.chain.collect.items import Reading
    from fakescope.chain.collect.run import Summary

SHOWN = 20


def collect(
    chain: Chain,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Folders, images and globs in quotes; data folders (labels.csv and images/); Parquet files; folders "
            "that `datasets` saved; CSV tables with a column `file`, or of sources; hf:NAME for what "
            "`datasets` loads, from a folder or the hub.",
            show_default=False,
        ),
    ],
    label: Annotated[
        str | None,
        typer.Option(
            "--label", metavar="fake|real", help="Label of images whose rows have none.", show_default=False
        ),
    ] = None,
    unlabelled: Annotated[
        bool, typer.Option("--unlabelled", help="Take images without a label, too.")
    ] = False,
    generator: Annotated[
        str | None, typer.Option("--generator", help="What made the images.", show_default=False)
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source", help="Where they are from; by default the input's name.", show_default=False
        ),
    ] = None,
    licence: Annotated[str, typer.Option("--licence", help="As their source states it.")] = "",
    date: Annotated[
        str | None, typer.Option("--date", help="When they were made or published.", show_default=False)
    ] = None,
    group: Annotated[str, typer.Option("--group", help="What sort of pictures, such as photo.")] = "",
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="FIELD=NAME",
            help="Column of a field: image, file, label, generator, source, licence, date, split, group, caption "
            "(repeatable).",
            show_default=False,
        ),
    ] = None,
    label_map: Annotated[
        list[str] | None,
        typer.Option(
            "--label-map",
            metavar="VALUE=fake|real",
            help="What a value of the label column means, such as 1=fake (repeatable).",
            show_default=False,
        ),
    ] = None,
    mirror: Annotated[
        Path | None,
        typer.Option("--mirror", help="Folder of bare repositories named owner+name.", show_default=False),
    ] = None,
    debian: Annotated[
        Path | None,
        typer.Option("--debian", help="Folder of unpacked Debian packages.", show_default=False),
    ] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Leave files where they are, and keep only their paths.")
    ] = False,
    hold_out: Annotated[
        list[str] | None,
        typer.Option(
            "--hold-out",
            metavar="NAME",
            help="Generator or source that goes to test (repeatable).",
            show_default=False,
        ),
    ] = None,
    dev: Annotated[
        float, typer.Option("--dev", min=0.0, max=1.0, help="Share of images for dev, by a hash of their id.")
    ] = 0.1,
    test: Annotated[
        float,
        typer.Option(
            "--test",
            min=0.0,
            max=1.0,
            help="Share of generators and sources for test, by a hash of their name.",
        ),
    ] = 0.1,
    resplit: Annotated[
        bool, typer.Option("--resplit", help="Draw splits anew where the input gives some.")
    ] = False,
    near: Annotated[
        str,
        typer.Option(
            "--near",
            metavar="drop|keep",
            help="What becomes of near duplicates on the weaker side of a split.",
        ),
    ] = "drop",
    near_bits: Annotated[
        int,
        typer.Option("--near-bits", min=0, max=31, help="Most differing bits, of 256, of near duplicates."),
    ] = 31,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            min=1,
            max=256,
            help="Images decoded at a time, by default one a core; with the ray engine, on the whole cluster.",
            show_default=False,
        ),
    ] = None,
    engine: Engine = "local",
    limit: Limit = None,
    as_json: AsJson = False,
    root: Root = None,
) -> None:
    """Collect images: decoded, hashed, deduplicated, split, and kept by content. Resumes where it stopped.

    Bad images and rows are counted and named, and nothing else is lost. What looks nearly alike is found across
    splits and labels, and told in CHAIN/duplicates.jsonl; what became of each image is in CHAIN/collected.jsonl.
    """
    reading = _reading(label, generator, source, licence, date, group, column, label_map, resplit)
    if near not in ("drop", "keep"):
        raise typer.BadParameter("drop or keep is needed", param_hint="--near")
    check_engine(engine)
    _require_there(inputs)
    with open_chain(chain, root, create=True) as store:
        from fakescope.chain.collect.inputs import open_inputs
        from fakescope.chain.collect.repositories import Places
        from fakescope.chain.collect.run import collect as run
        from fakescope.chain.collect.settle import Plan
        from fakescope.chain.collect.splits import Shares
        from fakescope.cli.progress import watch

        opened = open_inputs(inputs, reading, Places(store.root / "repositories", mirror, debian))
        plan = Plan(Shares(dev, test, frozenset(hold_out or ())), near, near_bits)  # type: ignore[arg-type]
        with watch(sum(one.total() for one in opened), "collecting") as watching:
            try:
                summary = run(
                    store, opened, plan, unlabelled=unlabelled, in_place=in_place, limit=limit,
                    jobs=jobs or os.cpu_count() or 2, on_ray=engine == "ray", on_item=watching.done_one,
                )  # fmt: skip
            except KeyboardInterrupt:
                print_note("stopped; the same command goes on from here")
                raise
    _tell(summary, as_json)
    if not summary.seen:
        raise typer.Exit(Exit.NOTHING)
    if summary.faults or summary.settled.label_conflicts:
        raise typer.Exit(Exit.SOME_FAILED)


def _require_there(inputs: list[str]) -> None:
    """Refuse inputs that are plainly not there before a chain is made.

    Raises:
        DataError: A path without a pattern, and not of `datasets`, does not exist.
    """
    from fakescope.errors import DataError

    for name in inputs:
        if not name.startswith("hf:") and not any(sign in name for sign in "*?[") and not Path(name).exists():
            raise DataError(
                f"{name} is not there", "name a folder, image, Parquet file, CSV table, or hf:NAME"
            )


def _reading(
    label: str | None,
    generator: str | None,
    source: str | None,
    licence: str,
    date: str | None,
    group: str,
    column: list[str] | None,
    label_map: list[str] | None,
    resplit: bool,
) -> Reading:
    if label not in (None, "fake", "real"):
        raise typer.BadParameter("fake or real is needed", param_hint="--label")
    if label == "real" and generator:
        raise typer.BadParameter("a real image has no generator", param_hint="--generator")
    columns = _pairs(column, "--column")
    meant = _pairs(label_map, "--label-map")
    if wrong := [value for value in meant.values() if value not in ("fake", "real")]:
        raise typer.BadParameter(f"{wrong[0]} is neither fake nor real", param_hint="--label-map")

    from fakescope.chain.collect.items import FIELDS, Facts, Reading
    from fakescope.records import Label

    if unknown := sorted(set(columns) - set(FIELDS)):
        raise typer.BadParameter(
            f"{unknown[0]} is none of the fields {', '.join(FIELDS)}", param_hint="--column"
        )
    facts = Facts(Label(label) if label else None, generator, source or "", licence, date, None, group)
    return Reading(columns, {value: Label(name) for value, name in meant.items()}, facts, not resplit)


def _pairs(values: list[str] | None, option: str) -> dict[str, str]:
    pairs = {}
    for value in values or ():
        name, equals, meaning = value.rpartition("=")
        if not (name and equals and meaning):
            raise typer.BadParameter(f"{value!r} is not of the form A=B", param_hint=option)
        pairs[name] = meaning
    return pairs


def _tell(summary: Summary, as_json: bool) -> None:
    import dataclasses

    settled = summary.settled
    if as_json:
        print_json(dataclasses.asdict(summary))
        return
    faults = sorted(summary.faults.items(), key=lambda pair: -pair[1])
    run = [("items", summary.seen), ("there already", summary.known), ("images added", settled.added)]
    run += [("left out by the table", summary.left_out)] if summary.left_out else []
    run += [(f"not taken: {reason.replace('_', ' ')}", count) for reason, count in faults]
    print_table("this run", [(name, str(count)) for name, count in run])
    chain = [
        ("images", str(settled.images)),
        *((f"  {split}", _counts(row)) for split, row in settled.splits.items()),
        ("exact duplicates left out", str(settled.exact_duplicates)),
        ("same image, other label", str(settled.label_conflicts)),
        ("groups of near duplicates", str(settled.near_groups)),
        ("  across splits", f"{settled.near_across_splits} ({settled.near_dropped} images left out)"),
        ("  across labels", str(settled.near_across_labels)),
    ]
    print_table("the chain", chain)
    for origin, reason, detail in summary.named[:SHOWN]:
        print_note(f"{reason.replace('_', ' ')}: {origin}{': ' + detail if detail else ''}")
    if (more := sum(summary.faults.values()) - SHOWN) > 0:
        print_note(f"and {more} more, see collected.jsonl")
    if settled.images and "test" not in settled.splits:
        print_note("hint: nothing is in test; hold out whole generators and sources with --hold-out")
    for split, row in settled.splits.items():
        if len(held := [label for label, count in row.items() if count and label in ("fake", "real")]) == 1:
            print_note(
                f"hint: {split} holds {held[0]} images only, so nothing can be measured on it; splits are by generator "
                "and source: name some of the other label with --hold-out, or collect more sources"
            )
    if "no_label" in summary.faults:
        print_note(
            "hint: give a label with --label or a column, or take images without one with --unlabelled"
        )
    for members in settled.conflicts[:SHOWN]:
        print_note(f"same image, other label: {' | '.join(members)}")


def _counts(row: dict[str, int]) -> str:
    return ", ".join(f"{count} {label}" for label, count in row.items() if count)
