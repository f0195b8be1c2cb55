"""`fakescope chain exemplars`: the demonstrations that teachers are shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fakescope.cli.chain_options import AsJson, Chain, Root, open_chain, print_json, print_table
from fakescope.cli.console import print_note

app = typer.Typer(name="exemplars", help="Demonstrations: propose, check, exchange.", no_args_is_help=True)


@app.command()
def propose(
    chain: Chain,
    count: Annotated[int, typer.Option("--count", min=1, help="How many of each label.")] = 50,
    as_json: AsJson = False,
    root: Root = None,
) -> None:
    """Merge people's judgements and a teacher's drafts into exemplars that cover all criteria. People check them."""
    with open_chain(chain, root) as store:
        from fakescope.chain.exemplars import latest
        from fakescope.chain.exemplars import propose as run

        made = run(store, count)
        labels = {exemplar.label for exemplar in (*made, *latest(store)) if exemplar.text}
    _tell(f"{len(made)} proposed, to be checked", [(e.id, ", ".join(e.criteria)) for e in made], as_json)
    for label in sorted({"fake", "real"} - {label.value for label in labels}):
        print_note(
            f"no {label} image could be proposed: people have to judge some that are not of the test split, and a "
            "teacher has to describe them (`enlighten --mode plain`)"
        )


@app.command()
def starter(chain: Chain, as_json: AsJson = False, root: Root = None) -> None:
    """Add the few exemplars that come with fakescope. They are machine-written: check them before use."""
    with open_chain(chain, root) as store:
        from fakescope.chain.exemplars import STARTER, latest, read_exemplars

        known = {exemplar.id for exemplar in latest(store)}
        new = [exemplar for exemplar in read_exemplars(STARTER) if exemplar.id not in known]
        store.append(new)
    _tell(f"{len(new)} added, to be checked", [(e.id, ", ".join(e.criteria)) for e in new], as_json)


@app.command("list")
def list_exemplars(chain: Chain, as_json: AsJson = False, root: Root = None) -> None:
    """All exemplars, and who has checked them."""
    with open_chain(chain, root) as store:
        from fakescope.chain.exemplars import latest

        found = latest(store)
    if as_json:
        print_json([exemplar.model_dump(mode="json") for exemplar in found])
        return
    rows = [(e.id, f"{_state(e.text, e.checked_by)}; {', '.join(e.criteria)}") for e in found]
    print_table(f"{len(found)} exemplars", rows)


@app.command()
def show(
    chain: Chain,
    id: Annotated[str, typer.Argument(metavar="ID", help="Id of an exemplar.")],
    root: Root = None,
) -> None:
    """One exemplar: what people said, what the machine wrote, and the merged text."""
    with open_chain(chain, root) as store:
        from fakescope.chain.exemplars import latest
        from fakescope.errors import DataError

        found = next((e for e in latest(store) if e.id == id), None)
    if found is None:
        raise DataError(f"there is no exemplar {id}", "`fakescope chain exemplars list` names them")
    fields = found.model_dump(mode="json")
    print_table(
        id, [(name, ", ".join(v) if isinstance(v, list) else str(v or "")) for name, v in fields.items()]
    )


@app.command()
def check(
    chain: Chain,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of exemplars; `all` for all.")],
    by: Annotated[str, typer.Option("--by", help="Who has checked them.", show_default=False)],
    text: Annotated[
        Path | None, typer.Option("--text", help="File with a better text, for one id.", show_default=False)
    ] = None,
    root: Root = None,
) -> None:
    """Note that a person has read exemplars and found them right. The review room does the same with pictures."""
    if text is not None and len(ids) != 1:
        raise typer.BadParameter("one id is needed", param_hint="--text")
    with open_chain(chain, root) as store:
        from fakescope.chain.exemplars import check as run
        from fakescope.chain.exemplars import latest

        # One that somebody has taken out of use has no text; `all` leaves it so.
        named = [e.id for e in latest(store) if e.text] if ids == ["all"] else ids
        better = text.read_text(encoding="utf-8") if text else None
        for id in named:
            run(store, id, by, text=better)
    print_table("checked", [(id, by) for id in named])


@app.command("import")
def import_exemplars(
    chain: Chain,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON Lines of exemplars.")],
    root: Root = None,
) -> None:
    """Add exemplars from a file; later ones replace earlier ones of the same id."""
    with open_chain(chain, root) as store:
        from fakescope.chain.exemplars import read_exemplars

        found = read_exemplars(file)
        store.append(found)
    print_table("imported", [("exemplars", str(len(found)))])


@app.command("export")
def export_exemplars(
    chain: Chain,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON Lines to write.")],
    root: Root = None,
) -> None:
    """Write all exemplars to a file."""
    with open_chain(chain, root) as store:
        from fakescope.chain.exemplars import latest, write_exemplars

        found = latest(store)
        write_exemplars(found, file)
    print_table("exported", [("exemplars", str(len(found)))])


def _state(text: str, checked_by: str | None) -> str:
    if not text:
        return f"not used, says {checked_by}"
    return f"checked by {checked_by}" if checked_by else "unchecked"


def _tell(title: str, rows: list[tuple[str, str]], as_json: bool) -> None:
    if as_json:
        print_json([id for id, _ in rows])
    else:
        print_table(title, rows)
