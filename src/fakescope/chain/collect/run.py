"""Collect: read every input, then settle. Stopped at any moment, the same call goes on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from fakescope.chain.collect.items import Facts, Input, Item, Known, key_of
from fakescope.chain.collect.journal import Journal
from fakescope.chain.collect.settle import Plan, Settled, settle
from fakescope.chain.collect.take import Keeper, Taken, take
from fakescope.chain.ray_engine import in_order_on_ray
from fakescope.chain.store import Store
from fakescope.errors import DataError

MOST_NAMED = 200
AS_USUAL = Plan()


@dataclass
class Summary:
    """What one run did.

    Attributes:
        seen: Items of the inputs.
        known: Those among them that an earlier run had taken.
        taken: Items that gave images.
        images: Images that they gave; duplicates among them.
        left_out: Items that a table of sources leaves out by their content.
        faults: Items without an image, by reason.
        named: Origin, reason and detail of the first `MOST_NAMED` of those; all are in `collected.jsonl`.
    """

    seen: int = 0
    known: int = 0
    taken: int = 0
    images: int = 0
    left_out: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    named: list[tuple[str, str, str]] = field(default_factory=list)
    settled: Settled = field(default_factory=Settled)
    seconds: float = 0.0


def collect(
    store: Store,
    inputs: Sequence[Input],
    plan: Plan = AS_USUAL,
    *,
    unlabelled: bool = False,
    in_place: bool = False,
    limit: int | None = None,
    jobs: int = 2,
    on_ray: bool = False,
    on_item: Callable[[], None] = lambda: None,
) -> Summary:
    """Collect images into a chain.

    Args:
        store: The chain; its folder `root` gets images/, collected.jsonl and duplicates.jsonl.
        inputs: What `open_inputs` gave.
        plan: Splits, and what becomes of near duplicates.
        unlabelled: Take images without a label, too.
        in_place: Leave files where they are, and keep their paths. What comes as bytes is kept all the same.
        limit: Stop after so many new items.
        jobs: Images decoded at a time.
        on_ray: On the workers of a Ray cluster, which must reach the files and the chain's folder by the same paths.
        on_item: Called for each item, known or new.

    Raises:
        DataError: The chain cannot be written, or another process is collecting into it.
        MissingExtraError: Ray is asked for and not installed.
    """
    started = time.monotonic()
    summary = Summary()
    keeper = Keeper(store.root, in_place)
    with Journal(store.root) as journal:

        def known(key: str) -> bool:
            summary.seen += 1
            if key not in journal.keys:
                return False
            summary.known += 1
            on_item()
            return True

        new = _limited(_items(inputs, known, unlabelled), limit)
        one = partial(take, keeper=keeper)
        several = in_order_on_ray(one, new, workers=jobs) if on_ray else _in_threads(one, new, jobs)
        for taken in several:
            journal.append(taken)
            _note(taken, summary)
            on_item()
        summary.settled = settle(store, journal, plan)
    summary.seconds = round(time.monotonic() - started, 3)
    return summary


def _items(inputs: Sequence[Input], known: Known, unlabelled: bool) -> Iterator[Item]:
    """The new items of all inputs; an input that fails on the way gives a fault for its rest."""
    for source in inputs:
        try:
            for item in source.items(known):
                if item.facts.label is None and not item.fault and not unlabelled:
                    yield Item(item.key, item.origin, item.facts, fault="no_label")
                else:
                    yield item
        except DataError as error:
            key = key_of(f"failed|{source.name}", Facts())
            known(key)
            yield Item(key, source.name, Facts(), fault="input_failed", detail=str(error))


def _limited(items: Iterable[Item], limit: int | None) -> Iterator[Item]:
    for number, item in enumerate(items, 1):
        yield item
        if number == limit:
            return


def _in_threads(one: Callable[[Item], Taken], items: Iterable[Item], jobs: int) -> Iterator[Taken]:
    """Take items several at a time, in their order; few are held at once, however many there are."""
    waiting: deque[Future[Taken]] = deque()
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="fakescope-take")
    try:
        for item in items:
            waiting.append(pool.submit(one, item))
            if len(waiting) > 2 * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _note(taken: Taken, summary: Summary) -> None:
    if taken.images:
        summary.taken += 1
        summary.images += len(taken.images)
        return
    if not taken.fault:
        summary.left_out += 1
        return
    reason = taken.fault
    summary.faults[reason] = summary.faults.get(reason, 0) + 1
    if len(summary.named) < MOST_NAMED:
        summary.named.append((taken.item.origin, reason, taken.detail))
