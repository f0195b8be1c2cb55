"""Run a command in a process of its own, and read its wall time and peak memory from the operating system."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

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


def measure(command: Sequence[str], *, accept: Sequence[int] = (0,)) -> Usage:
    """Run a command to its end.

    Args:
        command: Program and arguments; no shell.
        accept: Exit codes that count as success.

    Raises:
        FakescopeError: Another exit code; the last line of its errors is quoted.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors)  # noqa: S603
        code, cpu_s, peak = _wait(process)
        wall_s = time.perf_counter() - start
        out.seek(0)
        errors.seek(0)
        stdout = out.read().decode(errors="replace")
        lines = errors.read().decode(errors="replace").strip().splitlines()
    if code not in accept:
        raise FakescopeError(
            f"`{' '.join(command[-3:])}` ended with code {code}: {lines[-1] if lines else ''}"
        )
    return Usage(wall_s, cpu_s, peak, stdout)


def median_wall_s(command: Sequence[str], times: int = 5) -> float:
    """Median wall time of a command run several times, in seconds; the first run only warms the disk's
    cache."""
    measure(command)
    taken = sorted(measure(command).wall_s for _ in range(times))
    return taken[len(taken) // 2]


def _wait(process: subprocess.Popen[bytes]) -> tuple[int, float | None, int | None]:
    """Exit code, processor seconds and peak bytes of one child."""
    if not hasattr(os, "wait4"):
        return process.wait(), None, None
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kibibytes
    return process.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit
