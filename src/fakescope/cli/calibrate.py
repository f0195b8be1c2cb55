"""`fakescope calibrate`: temperature, bias and inconclusive zone of a model, fitted on labelled images."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from fakescope.cli.chain_options import AsJson


def calibrate(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="See `fakescope models`.", show_default=False)
    ],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Folder with labels.csv (id, label, split) and images/ID.jpg.",
            show_default=False,
        ),
    ],
    split: Annotated[str, typer.Option("--split", help="Images to fit on; never test.")] = "dev",
    wordings: Annotated[
        int, typer.Option("--wordings", min=1, max=9, help="Questions to measure; 1 is the paper's alone.")
    ] = 9,
    average: Annotated[
        bool, typer.Option("--average", help="Read verdicts from the mean over all wordings.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder for card and report; by default within the model's, or calibration-NAME."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=20, help="At most this many images.")] = None,
    as_json: AsJson = False,
) -> None:
    """Fit how far a model's probability can be believed.

    Measures ECE and Brier score before and after, and how much wording and order of options change. A model that is a
    folder gets its new card at once; for others use the card that is written: `--model 'NAME?card=FILE'`.
    """
    from fakescope.bench.calibration import QUESTIONS, ask_all, fit
    from fakescope.bench.data import load_samples
    from fakescope.bench.detect import thinned
    from fakescope.bench.reliability_chart import reliability_chart
    from fakescope.bench.run import progress
    from fakescope.cli.chain_options import print_json
    from fakescope.cli.console import print_note, stderr_console, stdout_console
    from fakescope.errors import ConfigError
    from fakescope.models.card import save_card
    from fakescope.models.zoo import load_model, own_card_of

    if split.startswith("test"):
        raise ConfigError("nothing is fitted on a test split", "give --split dev")
    loaded = load_model(model)
    samples = thinned(load_samples(data, [split]), limit)
    with progress("calibrate", len(samples), stderr_console()) as tick:
        asked = ask_all(loaded, samples, QUESTIONS[:wordings], tick)
    fitted = fit(loaded, asked, f"{data.resolve().name}, {split}", average=average)
    own = own_card_of(model)
    folder = out or (
        own.parent / "calibration" if own else Path(f"calibration-{_file_name(loaded.card.name)}")
    )
    fitted.report.write(folder)
    save_card(folder / "card.json", fitted.card)
    (folder / "reliability.svg").write_text(reliability_chart(fitted.curves), encoding="utf-8")
    if own and out is None:
        save_card(own, fitted.card)
    for path, reason in asked.failed[:10]:
        print_note(f"not read: {path}: {reason}")
    if as_json:
        print_json(
            {"card": str(own if own and out is None else folder / "card.json"), **fitted.report.figures}
        )
        return
    fitted.report.show(stdout_console())
    print_note(f"written: {folder}")
    if not (own and out is None):
        name = f"{model}{'&' if '?' in model else '?'}card={folder / 'card.json'}"
        print_note(f"use it: --model {shlex.quote(name)}")


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip("-.") or "model"
