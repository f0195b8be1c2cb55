"""Run a command in a process of its own, and read its wall time and peak memory from the operating system."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fakescope.errors import FakescopeError


@dataclass(frozen=True)
class Usage:
    """What one command took. `peak_bytes` is the resident set of its largest process, None where it is
    unknown."""

    wall_s: float
    cpu_s: float | None
    peak_bytes: int | None
    stdout: str


FAKESCOPE = (sys.executable, "-c", "from fakescope.cli.main import main; main()")
"""The command line of this very installation, whatever `fakescope` is on the path."""

_LAUNCHER = """
import json, os, subprocess, sys, time
start = time.perf_counter()
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
if hasattr(os, "wait4"):
    _, status, usage = os.wait4(child.pid, 0)
    code, cpu_s, peak = os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss
else:
    code, cpu_s, peak = child.wait(), None, None
taken = {"code": code, "wall_s": time.perf_counter() - start, "cpu_s": cpu_s, "peak": peak}
with open(sys.argv[1], "w") as out:
    json.dump(taken, out)
"""
"""Starts the command from a bare interpreter: on Linux a child's peak memory begins at what its parent holds
at that moment, and the parent of a benchmark holds a model."""


def measure(command: Sequence[str], *, accept: Sequence[int] = (0,)) -> Usage:
    """Run a command to its end.

    Args:
        command: Program and arguments; no shell.
        accept: Exit codes that count as success.

    Raises:
        FakescopeError: Another exit code; the last line of its errors is quoted.
    """
    with tempfile.TemporaryDirectory(prefix="fakescope-bench-") as scratch:
        result = Path(scratch) / "usage.json"
        process = subprocess.run(  # noqa: S603 - no shell, and the command is ours
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(result), *command],
            stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip
        taken = json.loads(result.read_text()) if result.is_file() else {"code": process.returncode}
    lines = process.stderr.decode(errors="replace").strip().splitlines()
    code = taken["code"]
    if code not in accept or "wall_s" not in taken:
        raise FakescopeError(
            f"`{' '.join(command[-3:])}` ended with code {code}: {lines[-1] if lines else ''}"
        )
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kibibytes
    peak_bytes = None if taken["peak"] is None else int(taken["peak"]) * unit
    return Usage(taken["wall_s"], taken["cpu_s"], peak_bytes, process.stdout.decode(errors="replace"))


def median_wall_s(command: Sequence[str], times: int = 5) -> float:
    """Median wall time of a command run several times, in seconds; the first run only warms the disk's
    cache."""
    measure(command)
    taken = sorted(measure(command).wall_s for _ in range(times))
    return taken[len(taken) // 2]
