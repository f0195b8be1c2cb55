"""`fakescope chain agree`, `release`, `stats`, `diff` and `validate`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fakescope.cli.chain_options import AsJson, Chain, Root, open_chain, print_json, print_table
from fakescope.cli.console import print_note
from fakescope.cli.exits import Exit

if TYPE_CHECKING:
    from fakescope.chain.agree.preference import WinRate

Folder = Annotated[Path, typer.Argument(metavar="RELEASE", help="Folder of a release.", show_default=False)]


def agree(
    chain: Chain,
    machines: Annotated[bool, typer.Option("--machines", help="Count judgements of models, too.")] = False,
    as_json: AsJson = False,
    root: Root = None,
) -> None:
    """How far people agree: on verdicts, criteria (Krippendorff's alpha), boxes; and which drafts they prefer."""
    with open_chain(chain, root) as store:
        from fakescope.chain.agree.judgements import agree as run
        from fakescope.chain.agree.preference import preference
        from fakescope.taxonomy import CRITERION_IDS

        found, liked = run(store, machines=machines), preference(store)
    boxes = {criterion: found.boxes.mean(criterion) for criterion in CRITERION_IDS}
    if as_json:
        print_json(
            {
                "images": found.images,
                "verdict_alpha": found.verdict_alpha,
                "criteria_alpha": found.criteria_alpha,
                "criteria_images": found.criteria_images,
                "kappa": [_pair(pair, value) for pair, value in found.kappa.items()],
                "criteria_kappa": [_pair(pair, value) for pair, value in found.criteria_kappa.items()],
                "box_iou": boxes,
                "conflicts": found.conflicts,
                "acoti_over_plain": _win(liked.overall),
                "acoti_over_plain_by_person": {who: _win(rate) for who, rate in liked.by_person.items()},
                "left_chosen": _win(liked.left),
                "void_choices": liked.void,
            }
        )
        return
    print_table(
        f"{found.images} images judged by two people or more",
        [("Krippendorff's alpha of fake or real", _shown(found.verdict_alpha))],
    )
    rows = [
        (c, f"alpha {_shown(found.criteria_alpha[c])} over {found.criteria_images[c]} images; "
            f"boxes overlap {_shown(boxes[c])}")
        for c in CRITERION_IDS
    ]  # fmt: skip
    print_table("criteria, among those who recognised the image", rows)
    for title, pairs in (("kappa of fake or real", found.kappa), ("kappa of criteria", found.criteria_kappa)):
        shown = [(" and ".join(p), f"{_shown(k)} over {n} images") for p, (k, n) in pairs.items()]
        print_table(f"Cohen's {title}", shown)
    print_table(f"{len(found.conflicts)} conflicts", list(found.conflicts.items())[:20])
    if liked.overall.choices:
        people = [(who, _rate(rate)) for who, rate in liked.by_person.items()]
        print_table("ACoTI preferred to plain prompting", [("all", _rate(liked.overall)), *people])


def release(
    chain: Chain,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where the release goes.", show_default=False)
    ],
    name: Annotated[str, typer.Option("--name", help="Of the data set.", show_default=False)],
    version: Annotated[str, typer.Option("--version", help="Of the release.", show_default=False)],
    parent: Annotated[
        str | None, typer.Option("--parent", help="Release that this one follows.", show_default=False)
    ] = None,
    licence: Annotated[str, typer.Option("--licence", help="Of the annotations.")] = "Apache-2.0",
    about: Annotated[
        Path | None, typer.Option("--about", help="Markdown file for the data card.", show_default=False)
    ] = None,
    images: Annotated[
        str,
        typer.Option(
            "--images",
            metavar="reference|embed|copy",
            help="Copies only where the image's licence allows them.",
        ),
    ] = "reference",
    every: Annotated[bool, typer.Option("--all", help="Unreviewed and rejected records, too.")] = False,
    names: Annotated[bool, typer.Option("--names", help="Keep people's names.")] = False,
    as_json: AsJson = False,
    root: Root = None,
) -> None:
    """Write the data set: Parquet shards, JSON Lines, data card, sums. People become `person 1`, `person 2`, ..."""
    if images not in ("reference", "embed", "copy"):
        raise typer.BadParameter("reference, embed or copy is needed", param_hint="--images")
    with open_chain(chain, root) as store:
        from fakescope.chain.counts import plain
        from fakescope.chain.release.assemble import exemplars_of, records_of
        from fakescope.chain.release.write import ALL, REVIEWED, Release, write_release
        from fakescope.cli.progress import watch

        text = about.read_text(encoding="utf-8") if about else ""
        with watch(store.counts()["images"], "writing") as watching:

            def counted() -> Any:
                for record in records_of(store, names=names):
                    yield record
                    watching.done_one()

            written = write_release(
                counted(),
                folder,
                Release(name, version, parent, licence, text),
                images=images,  # type: ignore[arg-type]
                statuses=ALL if every else REVIEWED,
                path_of=lambda record: store.path_of(record.image),
                exemplars=exemplars_of(store, names=names),
            )
    if as_json:
        print_json(plain(written))
        return
    rows = [("records", str(written.records))]
    rows += [(f"images {what}", str(count)) for what, count in written.images.items()]
    rows += [(f"passed over: {status}", str(count)) for status, count in written.passed_over.items()]
    print_table(f"{name} {version}: {folder}", rows)


def stats(folder: Folder, as_json: AsJson = False) -> None:
    """What a release holds: labels, generators, criteria, people, words, regions, blind judgements."""
    from fakescope.chain.release.read import read_release
    from fakescope.chain.release.stats import stats_of

    told = stats_of(read_release(folder))
    if as_json:
        print_json(told)
        return
    words, regions, blind = told["words"], told["regions"], told["blind"]
    rows = [
        ("records", str(told["records"])),
        ("status", _counts(told["statuses"])),
        *((f"split {split}", _counts(counts)) for split, counts in told["splits"].items()),
        ("words in a description", f"{words['least']} to {words['most']}, mean {_shown(words['mean'], 1)}"),
        ("regions", f"{regions['count']}, mean area {_shown(regions['mean_area'])} of the image"),
        (
            "blind judgements",
            f"{blind['images']} images: accuracy {_shown(blind['accuracy'])}, balanced "
            f"{_shown(blind['balanced_accuracy'])}, AUROC {_shown(blind['auroc'])}",
        ),
    ]
    print_table(str(folder), rows)
    for title, key in (("generators", "generators"), ("written by", "teachers"), ("licences", "licences")):
        print_table(title, [(value, str(count)) for value, count in told[key].items()])
    print_table("criteria", [(c, _findings(by_label)) for c, by_label in told["criteria"].items()])
    print_table("people", [(who, _person(person)) for who, person in told["people"].items()])


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Folder of a release.", show_default=False)],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Folder of another.", show_default=False)],
    show: Annotated[int, typer.Option("--show", min=0, help="Changed records to show field by field.")] = 5,
    as_json: AsJson = False,
) -> None:
    """What changed between two releases."""
    from fakescope.chain.counts import plain
    from fakescope.chain.release.diff import changed_texts, diff_releases

    found = diff_releases(old, new)
    if as_json:
        print_json(plain(found))
        return
    rows = [
        ("added", str(len(found.added))),
        ("removed", str(len(found.removed))),
        ("changed", str(len(found.changed))),
        ("unchanged", str(found.unchanged)),
        *((f"changed field {name}", str(count)) for name, count in found.fields.most_common()),
    ]
    print_table(f"{old} -> {new}", rows)
    for id, names in list(found.changed.items())[:show]:
        texts = changed_texts(old, new, id, names)
        print_table(id, [(name, f"{_cut(before)} -> {_cut(after)}") for name, before, after in texts])


def validate(folder: Folder, as_json: AsJson = False) -> None:
    """Check a release: files, schema, records, splits. Ends with code 3 if anything is wrong."""
    from fakescope.chain.counts import plain
    from fakescope.chain.release.validate import validate_release

    found = validate_release(folder)
    if as_json:
        print_json(plain(found))
    else:
        print_table(
            f"{found.records} records, {len(found.faults)} faults", [("fault", f) for f in found.faults]
        )
        print_table("warnings", [(name, str(count)) for name, count in found.warnings.most_common()])
    if found.faults:
        raise typer.Exit(Exit.SOME_FAILED)


def import_release(
    chain: Chain,
    folder: Folder,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            help="Folder with ID.jpg of each image, for a release that only refers to them.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    root: Root = None,
) -> None:
    """Put a release into a chain, to go on from it. What is there already is left alone, lost files are placed."""
    with open_chain(chain, root, create=True) as store:
        from fakescope.chain.release.load import load_release

        loaded = load_release(folder, store, images)
    if as_json:
        print_json(asdict(loaded))
        return
    rows = [("records added", str(loaded.records)), ("exemplars added", str(loaded.exemplars))]
    if loaded.placed:
        rows.append(("image files placed", str(loaded.placed)))
    print_table(str(folder), rows)
    if loaded.without_file:
        print_note(
            f"hint: {loaded.without_file} images have no file here, so nobody can see them; import again with --images "
            "FOLDER, which holds ID.jpg of each"
        )


def import_seed(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", help="Folder of chain.jsonl, labels.csv and images/.", show_default=False
        ),
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where the release goes.", show_default=False)
    ],
) -> None:
    """Make release 0 from the seed: machine-written records, its lineage stated plainly."""
    from fakescope.chain.release.seed import release_seed
    from fakescope.cli.progress import watch

    with watch(1000, "reading") as watching:
        written = release_seed(data, folder, watching.done_one)
    print_table(f"fakechain 0: {folder}", [("records", str(written.records))])


def _pair(pair: tuple[str, str], value: tuple[float | None, int]) -> dict[str, Any]:
    return {"people": list(pair), "kappa": value[0], "images": value[1]}


def _win(rate: WinRate) -> dict[str, Any]:
    return {"wins": rate.wins, "choices": rate.choices, "rate": rate.rate, "interval": rate.interval}


def _rate(rate: WinRate) -> str:
    low, high = rate.interval or (0.0, 1.0)
    return f"{_shown(rate.rate)} ({low:.3f} to {high:.3f}), {rate.wins} of {rate.choices}"


def _shown(value: float | None, digits: int = 3) -> str:
    return "undefined" if value is None else f"{value:.{digits}f}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def _findings(by_label: dict[str, dict[str, int]]) -> str:
    return "; ".join(f"{label}: {_counts(counts)}" for label, counts in by_label.items())


def _person(person: dict[str, Any]) -> str:
    reviews = _counts(person["reviews"]) or "none"
    judged = f"{person['judged']} judged, accuracy {_shown(person['accuracy'])}"
    return f"{judged}; reviews: {reviews}; {person['seconds'] / 60:.0f} minutes"


def _cut(value: object) -> str:
    text = str(value)
    return text if len(text) <= 160 else text[:160] + " ..."
