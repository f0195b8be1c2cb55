"""Exit codes: part of the contract, listed in docs/cli.md."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """How a command ended."""

    OK = 0
    FAULT = 1
    USAGE = 2
    SOME_FAILED = 3
    NOTHING = 4
    SETUP = 5
    FOUND = 10
    GATE = 11
    INTERRUPTED = 130
    CLOSED = 141


MEANINGS: dict[Exit, str] = {
    Exit.OK: "Everything that was named was examined.",
    Exit.FAULT: "A fault of fakescope itself, with a traceback; please report it.",
    Exit.USAGE: "The command line is wrong: an unknown option, a missing argument, a value out of range.",
    Exit.SOME_FAILED: "Some images could not be examined; each has its error line, the others are done.",
    Exit.NOTHING: "No image was found in what was named, so nothing was examined.",
    Exit.SETUP: "A model, a report file or something else that the whole run needs could not be used.",
    Exit.FOUND: "With --fail-on fake only: at least one image was labelled fake. Comes before 3.",
    Exit.GATE: "With `data audit --fail-over` only: the data did not pass; the reasons are in the report.",
    Exit.INTERRUPTED: "Stopped by Ctrl-C; what was done until then was printed, and is in the report.",
    Exit.CLOSED: "Whoever read the output closed it early (a pipe into head, for example).",
}
