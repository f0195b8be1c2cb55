"""`fakescope instruct rewrite`: another model rewords a set of instructions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fakescope.cli.chain_options import AsJson, Limit, print_json, print_table
from fakescope.cli.console import print_note
from fakescope.cli.exits import Exit

if TYPE_CHECKING:
    from fakescope.instruct.rewrite.run import Rewritten

STOPPED = {
    "budget": "the budget is spent; the rest stays as it was",
    "interrupted": "the set is not written; the same command goes on",
    "not_allowed": "the server refuses access; look at the key, then use --retry-failed",
    "unreachable": "no server answers; look whether it runs and where, then use --retry-failed",
}


def rewrite(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder of instructions.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Where the reworded ones go.", show_default=False)
    ],
    writer: Annotated[
        str,
        typer.Option(
            "--writer",
            help="Who rewords: openai:MODEL (any compatible server), anthropic:MODEL or google:MODEL.",
        ),
    ],
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            help="Address of the server, such as http://localhost:8000/v1; your key is then sent only with --key-env.",
            show_default=False,
        ),
    ] = None,
    key_env: Annotated[
        str | None,
        typer.Option("--key-env", help="Environment variable that holds the key.", show_default=False),
    ] = None,
    share: Annotated[
        float, typer.Option("--share", min=0.001, max=1.0, help="Share of the instructions to reword.")
    ] = 1.0,
    parts: Annotated[
        list[str] | None,
        typer.Option(
            "--part", help="Only this part or form, such as traces.free (repeatable).", show_default=False
        ),
    ] = None,
    limit: Limit = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask for those again that failed.")
    ] = False,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, max=1024, help="Requests on their way at a time.")
    ] = 8,
    per_minute: Annotated[
        float | None,
        typer.Option("--per-minute", min=0.01, help="Most requests a minute.", show_default=False),
    ] = None,
    attempts: Annotated[
        int, typer.Option("--attempts", min=1, help="Requests for one text, retries among them.")
    ] = 4,
    timeout_s: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds for one request.")] = 120.0,
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=16, help="Longest reply, in tokens.")] = 2000,
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
        float, typer.Option("--price-out", min=0.0, help="Price of a million reply tokens.")
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Have an LLM say questions and answers in other words. Resumes; nothing is asked twice.

    A rewording that changes a label, a closed answer, a place or a number, or noticeably adds or loses something, is
    not taken; the old words stay, and the fault is counted. Stops in order at Ctrl-C or when the budget is spent.
    """
    if budget_money is not None and not (price_in or price_out):
        raise typer.BadParameter("needs --price-in or --price-out", param_hint="--budget-money")
    from fakescope.cli.progress import watch
    from fakescope.errors import MissingExtraError

    try:
        from fakescope.chain.enlighten.ask import Patience
        from fakescope.chain.enlighten.budget import Budget, Prices
        from fakescope.instruct.read import read_manifest
        from fakescope.instruct.rewrite.run import Writer, rewrite_set
    except ModuleNotFoundError as error:
        raise MissingExtraError("rewording instructions", "instruct") from error

    total = int(read_manifest(folder).get("instructions") or 0)
    with watch(total, "asking") as watching:
        done = rewrite_set(
            folder,
            out,
            Writer(writer, url, key_env, timeout_s),
            share=share,
            parts=tuple(parts or ()),
            limit=limit,
            patience=Patience(attempts=attempts, per_minute=per_minute, max_tokens=max_tokens),
            budget=Budget(budget_tokens, budget_money, Prices(price_in, price_out)),
            concurrency=concurrency,
            retry_failed=retry_failed,
            on_done=watching.done_many,
            on_stop=_tell_stop,
        )
    _tell(done, out, as_json)
    if done.stopped == "interrupted":
        raise typer.Exit(Exit.INTERRUPTED)
    if done.failed or done.stopped in ("not_allowed", "unreachable"):
        raise typer.Exit(Exit.SOME_FAILED)


def _tell_stop() -> None:
    print_note("stopping: waiting for the replies that are on their way; Ctrl-C again aborts")


def _tell(done: Rewritten, out: Path, as_json: bool) -> None:
    from fakescope.chain.counts import plain

    if as_json:
        told = plain(done)
        told["tally"] = plain(done.tally) if done.tally else None
        print_json(told)
        return
    rows: list[tuple[str, str]] = []
    if tally := done.tally:
        count = sum(tally.reworded.values())
        rows.append(("instructions", f"{tally.instructions:,}, {tally.chosen:,} chosen, {count:,} reworded"))
        rows += [(f"old words stay: {name}", f"{number:,}") for name, number in tally.kept.most_common()]
    rows += [
        ("requests, known before", f"{done.asked:,}, {done.known:,}"),
        *((f"given up: {name}", str(count)) for name, count in done.failed.most_common()),
        *((f"attempts ended by {name}", str(count)) for name, count in done.faults.most_common()),
        ("tokens in, out", f"{done.tokens_in:,}, {done.tokens_out:,}"),
    ]
    if done.cost:
        rows.append(("cost", f"{done.cost:.4f}"))
    if done.stopped:
        rows.append(("stopped early", STOPPED.get(done.stopped, done.stopped)))
    print_table(str(out), rows)
    if failed := done.known_failed + sum(done.failed.values()):
        print_note(f"{failed} texts brought no reply and are asked for again only with --retry-failed")
