"""Any stage that works image by image, on Ray Data: ids go out in batches, workers read and write the store themselves.

A worker that dies is started anew with the batch that it held. What it had finished is in the store and is found there,
so nothing is lost and nothing is done twice but what was on its way. Several machines need a database they can all
reach (PostgreSQL) and image paths that mean the same everywhere.
"""

from __future__ import annotations

import json
import logging
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from itertools import islice
from typing import Any, Protocol, TypeVar

from fakescope.errors import MissingExtraError
from fakescope.records import JsonObject

CPUS = 0.5
"""Of each worker: most of its time goes into waiting for a teacher."""

HELD = 4
"""Results for each worker that may wait for an earlier one."""

ROUND = 50_000
"""Ids handed to Ray at a time, so that memory does not grow with the chain."""

A = TypeVar("A")
B = TypeVar("B")


class Worker(Protocol):
    """What is made once on each worker from the arguments, and then called with batches of ids."""

    def run(self, ids: list[str]) -> JsonObject:
        """Do the stage's work on some images; what is done already is passed over. Returns counts."""
        ...


class _Actor:
    """A worker in the form that Ray Data calls: columns in, columns out."""

    def __init__(self, make: Any, arguments: tuple[Any, ...]) -> None:
        self._worker: Worker = make(*arguments)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        return {"counts": [json.dumps(self._worker.run([str(id) for id in batch["id"]]))]}


def map_on_ray(
    ids: Iterable[str], make: Any, arguments: tuple[Any, ...], *, workers: int, batch_size: int
) -> Iterator[JsonObject]:
    """Run a stage on a Ray cluster: the one that RAY_ADDRESS names, or one on this machine.

    Args:
        ids: Of the images.
        make: Makes a `Worker`; it and its arguments are sent to the workers.
        arguments: Its arguments.
        workers: How many work at a time.
        batch_size: Ids in a batch.

    Yields:
        The counts of each batch, as batches end.

    Raises:
        MissingExtraError: Ray is not installed.
    """
    with _session() as ray:
        rest = iter(ids)
        while part := list(islice(rest, ROUND)):
            dataset = ray.data.from_items(
                [{"id": id} for id in part], override_num_blocks=_blocks(len(part), batch_size)
            )
            done = dataset.map_batches(
                _Actor,
                fn_constructor_args=(make, arguments),
                batch_size=batch_size,
                compute=ray.data.ActorPoolStrategy(size=workers),
                num_cpus=CPUS,
            )
            for row in done.iter_rows():
                yield json.loads(row["counts"])


def in_order_on_ray(function: Callable[[A], B], items: Iterable[A], *, workers: int) -> Iterator[B]:
    """Call a function for each item on a Ray cluster; results come in the order of the items.

    As many items are worked on at a time as there are workers, and few results wait for their turn, however many items
    there are. The item of a worker that dies is given to another one.

    Raises:
        MissingExtraError: Ray is not installed.
    """
    with _session() as ray:

        def call(function: Callable[[A], B], item: A) -> B:  # Ray takes plain functions only
            return function(item)

        remote, held = ray.remote(num_cpus=CPUS)(call), ray.put(function)
        waiting: deque[Any] = deque()
        running: list[Any] = []
        for item in items:
            waiting.append(remote.remote(held, item))
            running.append(waiting[-1])
            if len(running) >= workers:
                _, running = ray.wait(running, num_returns=1)
            while waiting and (waiting[0] not in running or len(waiting) > HELD * workers):
                yield ray.get(waiting.popleft())
        while waiting:
            yield ray.get(waiting.popleft())


@contextmanager
def _session() -> Iterator[Any]:
    """A connection to Ray; one that was opened here is closed again. What Ray prints goes to stderr: stdout is ours."""
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise MissingExtraError("the ray engine", "ray") from error
    own = not ray.is_initialized()
    with redirect_stdout(sys.stderr):
        if own:
            ray.init(log_to_driver=False, logging_level=logging.WARNING, include_dashboard=False)
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.WARNING)
        try:
            yield ray
        finally:
            if own:
                ray.shutdown()


def _blocks(count: int, batch_size: int) -> int:
    """A block a batch: what a dead worker held is then no more than one batch."""
    return max(1, -(-count // batch_size))
