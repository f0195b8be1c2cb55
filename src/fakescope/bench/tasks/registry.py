"""Tasks by name."""

from __future__ import annotations

from collections.abc import Callable

from fakescope.bench.task import Task
from fakescope.bench.tasks.closed import Closed
from fakescope.bench.tasks.detection import Detection
from fakescope.bench.tasks.wild import Wild
from fakescope.errors import ConfigError

TASKS: dict[str, Callable[[], Task]] = {"detection": Detection, "wild": Wild, "closed": Closed}


def find_task(name: str) -> Task:
    """A task with its usual options.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in TASKS:
        raise ConfigError(f"there is no task {name[:40]!r}", f"one of: {', '.join(TASKS)}")
    return TASKS[name]()
