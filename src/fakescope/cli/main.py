"""The `fakescope` command. Kept free of heavy imports: help must be instant."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from fakescope.cli.ask import ask
from fakescope.cli.bench import app as bench_app
from fakescope.cli.calibrate import calibrate
from fakescope.cli.chain import app as chain_app
from fakescope.cli.console import print_error, silence_stdout
from fakescope.cli.data import app as data_app
from fakescope.cli.detect import detect
from fakescope.cli.examine import examine
from fakescope.cli.exits import Exit
from fakescope.cli.export import export
from fakescope.cli.instruct import app as instruct_app
from fakescope.cli.models import app as models_app
from fakescope.cli.serve import serve
from fakescope.cli.train import app as train_app
from fakescope.errors import FakescopeError

app = typer.Typer(
    name="fakescope",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(examine)
app.command()(detect)
app.command()(ask)
app.command()(serve)
app.command()(calibrate)
app.command()(export)
app.add_typer(models_app, name="models")
app.add_typer(bench_app, name="bench")
app.add_typer(chain_app, name="chain")
app.add_typer(instruct_app, name="instruct")
app.add_typer(train_app, name="train")
app.add_typer(data_app, name="data")


def _print_version(wanted: bool) -> None:
    if wanted:
        from fakescope import __version__

        print(f"fakescope {__version__}")
        raise typer.Exit(Exit.OK)


Version = Annotated[
    bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
]


@app.callback()
def fakescope(version: Version = False) -> None:
    """Is this image AI-generated, how sure is that, and why. Works offline; no image leaves this computer.

    A verdict is a probability with its limits, not proof.
    """


def main() -> NoReturn:
    """Run the command; errors that are the user's to mend are one line without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        # An encoding without some letter must not end a run.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    try:
        app(prog_name="fakescope")
    except FakescopeError as error:
        print_error(error)
        sys.exit(Exit.SETUP)
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except BrokenPipeError:
        silence_stdout()
        sys.exit(Exit.CLOSED)
    sys.exit(Exit.OK)


if __name__ == "__main__":
    main()
