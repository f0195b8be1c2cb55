"""`fakescope train pairs`: descriptions that people took and rejected, for the stage that learns from preferences."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from fakescope.cli.chain_options import AsJson, print_json, print_table


def pairs(
    release: Annotated[
        Path, typer.Argument(metavar="RELEASE", help="Folder of a FakeChain release.", show_default=False)
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Where the pairs go.", show_default=False)],
    splits: Annotated[
        list[str] | None,
        typer.Option(
            "--split", metavar="train|dev", help="Of these splits only (repeatable).", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make pairs of accepted and rejected drafts from people's reviews, for a recipe with `stage: prefer`."""
    from fakescope.errors import MissingExtraError

    if not all(find_spec(name) for name in ("pyarrow", "sqlalchemy")):
        raise MissingExtraError("making pairs from a release", "chain")
    from fakescope.chain.counts import plain
    from fakescope.train.lmm.pairs import SPLITS, make_pairs

    made = make_pairs(release, out, splits or SPLITS)
    if as_json:
        print_json(plain(made))
        return
    rows = [("records", str(made.records)), ("images with pairs", str(made.images))]
    rows += [(f"pairs, {split}", str(count)) for split, count in made.pairs.items()]
    rows += [(f"of {kind}", str(count)) for kind, count in sorted(made.kinds.items())]
    rows += [(f"left out, {reason}", str(count)) for reason, count in (+made.dropped).most_common()]
    print_table(str(out), rows)
