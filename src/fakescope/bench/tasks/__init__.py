"""The tasks of the bench, one a file; `find_task` knows them by name."""

from fakescope.bench.tasks.registry import TASKS, find_task

__all__ = ["TASKS", "find_task"]
