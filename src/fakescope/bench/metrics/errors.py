"""What happens to a metric that has no value on the data at hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fakescope.errors import DataError


class UnscoredError(DataError):
    """The metric is not defined on these data: one class is missing, or there is nothing to count."""

    code = "unscored"


def scored(metric: Callable[..., float], *args: Any, **options: Any) -> float | None:
    """The metric's value, or None where it is not defined; faulty input still raises."""
    try:
        return metric(*args, **options)
    except UnscoredError:
        return None
