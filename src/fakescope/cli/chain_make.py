"""`fakescope chain status`, `steer` and `check`: the stages between collecting and reviewing."""

from __future__ import annotations

from typing import Annotated

import typer

from fakescope.cli.chain_options import (
    AsJson,
    Chain,
    Engine,
    Limit,
    Root,
    Workers,
    check_engine,
    open_chain,
    print_json,
    print_table,
)


def status(chain: Chain, as_json: AsJson = False, root: Root = None) -> None:
    """How far a chain is: images, judgements, drafts, checks, reviews."""
    with open_chain(chain, root) as store:
        counts = store.counts()
    if as_json:
        print_json(counts)
    else:
        print_table("rows", [(name, str(count)) for name, count in counts.items()])


def steer(
    chain: Chain,
    by: Annotated[
        str | None, typer.Option("--by", metavar="MODEL", help="The model that judges.", show_default=False)
    ] = None,
    limit: Limit = None,
    engine: Engine = "local",
    workers: Workers = 2,
    as_json: AsJson = False,
    root: Root = None,
) -> None:
    """Let a model judge images blind, where no people are at hand. People judge in `fakescope chain review`.

    Its judgements are marked as a machine's, and count only for images that no person has judged.
    """
    check_engine(engine)
    with open_chain(chain, root) as store:
        from functools import partial

        from fakescope.chain.machine_judge import judge_images, judge_on_ray
        from fakescope.cli.progress import watch
        from fakescope.models.zoo import load_model

        load = partial(load_model, by)
        total = store.counts()["images"]
        with watch(min(total, limit or total), "judging") as watching:
            if engine == "ray":
                counts = judge_on_ray(store, load, workers=workers, limit=limit, on_image=watching.done_many)
            else:
                counts = judge_images(store, load(), limit=limit, on_image=watching.done_many)
    if as_json:
        print_json(dict(counts))
    else:
        print_table("judged", [(name, str(count)) for name, count in counts.most_common()])


def check(chain: Chain, as_json: AsJson = False, root: Root = None) -> None:
    """Check all drafts, compare those of several teachers, and rank them for review. Resumes."""
    with open_chain(chain, root) as store:
        from fakescope.chain.check.run import run_checks
        from fakescope.chain.counts import plain
        from fakescope.cli.progress import watch

        total = store.counts()["drafts"]
        with watch(total, "checking") as watching:
            summary = run_checks(store, lambda drafts: watching.done_many(drafts))
    if as_json:
        print_json(plain(summary))
        return
    rows = [("drafts", str(summary.drafts)), ("with a failed check", str(summary.flagged))]
    rows += [(f"failed {name}", str(count)) for name, count in summary.failed.most_common()]
    print_table("check", [*rows, ("new results", str(summary.written))])
