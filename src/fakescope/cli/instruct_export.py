"""`fakescope instruct export`: a set in the formats that trainers read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fakescope.cli.chain_options import AsJson, Limit, print_json, print_table

if TYPE_CHECKING:
    from fakescope.instruct.export.run import Exported


def export(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder of instructions.", show_default=False)
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Where the export goes.", show_default=False)],
    format: Annotated[
        str,
        typer.Option(
            "--format", metavar="messages|llava|sharegpt|swift|webdataset", help="For which trainer."
        ),
    ],
    images: Annotated[
        Path,
        typer.Option(
            "--images", help="Folder that has the images, by path or as ID.jpg, or a release that holds them."
        ),
    ],
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            metavar="path|store|bytes",
            help="Images as images/ID.jpg, content-addressed, or inside the shards; by default what suits the format.",
            show_default=False,
        ),
    ] = None,
    splits: Annotated[
        list[str] | None,
        typer.Option(
            "--split", metavar="train|dev", help="Of these splits only (repeatable).", show_default=False
        ),
    ] = None,
    parts: Annotated[
        list[str] | None,
        typer.Option(
            "--part", help="Only this part or form, such as traces.choice (repeatable).", show_default=False
        ),
    ] = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Write a set for a trainer, with images that all take one path, and a README that says how to load it."""
    if store not in (None, "path", "store", "bytes"):
        raise typer.BadParameter("path, store or bytes is needed", param_hint="--store")
    from fakescope.cli.progress import watch
    from fakescope.instruct.export.run import export_set
    from fakescope.instruct.read import read_manifest

    with watch(int(read_manifest(folder)["instructions"]), "exporting") as watching:
        done = export_set(
            folder, out, format, images,
            images=store, splits=splits, parts=parts, limit=limit, on_done=watching.done_many,  # type: ignore[arg-type]
        )  # fmt: skip
    _tell(done, out, as_json)


def _tell(done: Exported, out: Path, as_json: bool) -> None:
    if as_json:
        from fakescope.chain.counts import plain

        print_json(plain(done))
        return
    rows = [(f"instructions in {split}", f"{count:,}") for split, count in done.instructions.items()]
    rows += [(f"images in {split}", f"{count:,}") for split, count in done.images.items()]
    rows += [(f"left out, {reason}", f"{count:,}") for reason, count in done.left_out.items()]
    if done.neutralised:
        rows.append(("marks in texts made harmless", f"{done.neutralised:,}"))
    print_table(str(out), rows)
