"""`fakescope chain enlighten`: a teacher writes drafts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

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
from fakescope.cli.console import print_note
from fakescope.cli.exits import Exit

if TYPE_CHECKING:
    from fakescope.chain.enlighten.run import Summary

STOPPED = {
    "budget": "the budget is spent",
    "not_allowed": "the server refuses access; look at the key, then use --retry-failed",
    "unreachable": "no server answers; look whether it runs and where, then use --retry-failed",
}
TEACHERS = "nano (embedded), openai:MODEL, anthropic:MODEL, google:MODEL or hf:FOLDER."


def enlighten(
    chain: Chain,
    teacher: Annotated[str, typer.Option("--teacher", help=f"Who writes: {TEACHERS}")] = "nano",
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            help="Address of the server; your key is then sent only with --key-env.",
            show_default=False,
        ),
    ] = None,
    key_env: Annotated[
        str | None,
        typer.Option("--key-env", help="Environment variable that holds the key.", show_default=False),
    ] = None,
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Run code that comes with a transformers model.")
    ] = False,
    mode: Annotated[
        str, typer.Option("--mode", metavar="acoti|plain", help="ACoTI, or plain prompting to compare with.")
    ] = "acoti",
    keep: Annotated[
        str,
        typer.Option(
            "--keep",
            metavar="intersection|majority|union",
            help="Which criteria of several people are kept.",
        ),
    ] = "intersection",
    steered_only: Annotated[
        bool, typer.Option("--steered-only", help="Only images that someone recognised.")
    ] = False,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Show exemplars that nobody has checked, too.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask those questions again that failed.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Ask again where the prompt has changed since the last draft.")
    ] = False,
    split: Annotated[
        str | None, typer.Option("--split", help="Only images of this split.", show_default=False)
    ] = None,
    shard: Annotated[
        str,
        typer.Option("--shard", metavar="I/N", help="Only part I (from 0) of N, for several machines."),
    ] = "0/1",
    limit: Limit = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, max=1024, help="Questions on their way at a time.")
    ] = 8,
    per_minute: Annotated[
        float | None,
        typer.Option("--per-minute", min=0.01, help="Most requests a minute.", show_default=False),
    ] = None,
    attempts: Annotated[
        int, typer.Option("--attempts", min=1, help="Requests for one question, retries among them.")
    ] = 4,
    timeout_s: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds for one request.")] = 120.0,
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", min=16, help="Longest answer, in tokens.")
    ] = 2000,
    budget_tokens: Annotated[
        int | None,
        typer.Option("--budget-tokens", min=1, help="Stop before more tokens are used.", show_default=False),
    ] = None,
    budget_money: Annotated[
        float | None,
        typer.Option(
            "--budget-money", min=0.0, help="Stop before more is spent; needs prices.", show_default=False
        ),
    ] = None,
    price_in: Annotated[
        float, typer.Option("--price-in", min=0.0, help="Price of a million prompt tokens.")
    ] = 0.0,
    price_out: Annotated[
        float, typer.Option("--price-out", min=0.0, help="Price of a million answer tokens.")
    ] = 0.0,
    engine: Engine = "local",
    workers: Workers = 2,
    as_json: AsJson = False,
    root: Root = None,
) -> None:
    """Have a teacher write how visible traces lead to each image's label. Resumes; nothing is asked twice.

    With the ray engine, each worker has --concurrency questions on their way.
    Stops in order at Ctrl-C or when the budget is spent. A teacher's failures are kept by name, never filled in.
    """
    plan = _plan(
        mode=mode,
        keep=keep,
        steered_only=steered_only,
        unchecked=unchecked,
        retry_failed=retry_failed,
        again=again,
        split=split,
        limit=limit,
        shard=shard,
    )
    if budget_money is not None and not (price_in or price_out):
        raise typer.BadParameter("needs --price-in or --price-out", param_hint="--budget-money")
    check_engine(engine)
    with open_chain(chain, root) as store:
        from fakescope.chain.enlighten.ask import Patience
        from fakescope.chain.enlighten.budget import Budget, Prices
        from fakescope.chain.enlighten.run import enlighten as run
        from fakescope.chain.teachers.open import open_teacher
        from fakescope.cli.progress import watch

        budget = Budget(budget_tokens, budget_money, Prices(price_in, price_out))
        make = partial(
            open_teacher, teacher, url=url, key_env=key_env, timeout_s=timeout_s, trust_code=trust_code
        )
        patience = Patience(attempts=attempts, per_minute=per_minute, max_tokens=max_tokens)
        total = store.counts()["images"]
        with watch(min(total, limit or total), "asking") as watching:
            if engine == "ray":
                from fakescope.chain.enlighten.ray_engine import enlighten_on_ray

                summary = enlighten_on_ray(
                    store, make, plan, patience=patience, budget=budget, concurrency=concurrency,
                    workers=workers, on_images=watching.done_many,
                )  # fmt: skip
            else:
                summary = run(
                    store, make(), plan, patience=patience, budget=budget, concurrency=concurrency,
                    on_images=watching.done_many, on_stop=_tell_stop,
                )  # fmt: skip
    _tell(summary, as_json)
    if summary.stopped == "interrupted":
        raise typer.Exit(Exit.INTERRUPTED)
    if summary.failed:
        raise typer.Exit(Exit.SOME_FAILED)


def _plan(*, mode: str, keep: str, shard: str, **rest: Any) -> Any:
    from fakescope.chain.enlighten.run import Plan
    from fakescope.chain.steer import Keep

    _choose(mode, ("acoti", "plain"), "--mode")
    _choose(keep, tuple(Keep), "--keep")
    try:
        place, of = (int(part) for part in shard.split("/"))
    except ValueError:
        raise typer.BadParameter("two numbers are needed, such as 0/4", param_hint="--shard") from None
    if not 0 <= place < of:
        raise typer.BadParameter("0 <= I < N is needed", param_hint="--shard")
    return Plan(mode=mode, keep=Keep(keep), shard=(place, of), **rest)  # type: ignore[arg-type]


def _choose(value: str, known: tuple[str, ...], option: str) -> None:
    if value not in known:
        raise typer.BadParameter(f"one of {', '.join(known)} is needed", param_hint=option)


def _tell_stop() -> None:
    print_note("stopping: waiting for the answers that are on their way; Ctrl-C again aborts")


def _tell(summary: Summary, as_json: bool) -> None:
    from fakescope.chain.counts import plain

    if as_json:
        print_json(plain(summary))
        return
    rows = [
        ("drafts written", str(summary.drafted)),
        ("asked before", str(summary.known)),
        *((f"passed over: {name}", str(count)) for name, count in summary.skipped.most_common()),
        *((f"failed: {name}", str(count)) for name, count in summary.failed.most_common()),
        *((f"attempts ended by {name}", str(count)) for name, count in summary.faults.most_common()),
        ("tokens in, out", f"{summary.tokens_in}, {summary.tokens_out}"),
    ]
    if summary.cost:
        rows.append(("cost", f"{summary.cost:.4f}"))
    if summary.stopped:
        rows.append(("stopped early", STOPPED.get(summary.stopped, summary.stopped)))
    print_table("enlighten", rows)
    if failed := summary.known_failed + sum(summary.failed.values()):
        print_note(f"{failed} questions have failed and are asked again only with --retry-failed")
