"""Standard output and error: colour only on a terminal, no control characters of foreign text, ever."""

from __future__ import annotations

import os
import sys
import unicodedata
from typing import TYPE_CHECKING, TextIO

from fakescope.errors import FakescopeError

if TYPE_CHECKING:
    from rich.console import Console


def stdout_console() -> Console:
    """A console on standard output."""
    return _console(sys.stdout)


def stderr_console() -> Console:
    """A console on standard error."""
    return _console(sys.stderr)


def _console(file: TextIO) -> Console:
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            # The default ends the process from inside a print; the command wants to end in order.
            raise

    # Said outright, because FORCE_COLOR would put colour codes into pipes.
    return Piped(file=file, force_terminal=file.isatty(), highlight=False, markup=False, emoji=False)


def is_terminal(file: TextIO) -> bool:
    """Whether a person watches this stream."""
    return file.isatty() and os.environ.get("TERM") != "dumb"


def print_line(text: str) -> None:
    """Write a line to standard output and flush it, so that nothing done is lost."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_error(error: FakescopeError | str) -> None:
    """Write one `error: ...` line to standard error."""
    sys.stderr.write(f"error: {safe_text(str(error)).replace(chr(10), ' ')}\n")
    sys.stderr.flush()


def print_note(text: str) -> None:
    """Write a line for people to standard error."""
    sys.stderr.write(safe_text(text) + "\n")
    sys.stderr.flush()


def safe_text(text: str) -> str:
    """Text without control and invisible characters; line ends stay."""
    return "".join(ch for ch in text if ch == "\n" or unicodedata.category(ch)[0] != "C")


def silence_stdout() -> None:
    """After the reader has gone: let the interpreter's last flush go nowhere instead of failing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
