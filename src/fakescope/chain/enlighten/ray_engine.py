"""Enlighten on Ray: each worker asks its own questions, with its part of the rate and of the budget."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from fakescope.chain.counts import plain
from fakescope.chain.demonstrate import ExemplarPool
from fakescope.chain.enlighten.ask import Patience
from fakescope.chain.enlighten.budget import Budget
from fakescope.chain.enlighten.flow import ask_all
from fakescope.chain.enlighten.run import OnImages, Plan, Summary, in_shard, questions_of, require_exemplars
from fakescope.chain.ray_engine import map_on_ray
from fakescope.chain.store import Store
from fakescope.chain.teachers.base import Teacher
from fakescope.records import Draft, Exemplar, JsonObject

OpenTeacher = Callable[[], Teacher]
BATCHES = 4
"""Questions in a batch for each that is on its way at a time: a batch's last questions leave slots idle."""


def enlighten_on_ray(
    store: Store,
    open_teacher: OpenTeacher,
    plan: Plan,
    *,
    patience: Patience,
    budget: Budget,
    concurrency: int,
    workers: int,
    on_images: OnImages = lambda images: None,
) -> Summary:
    """`enlighten` on a Ray cluster. `concurrency` is each worker's.

    Args:
        open_teacher: Opens the teacher on a worker; must be picklable.
        on_images: Told how many more images are through.

    The plan's limit counts images here, also those that were asked about before.

    Raises:
        DataError: The chain has no exemplar that may be shown, which ACoTI needs.
        MissingExtraError: Ray is not installed.
    """
    require_exemplars(store, plan)
    every = (i for i in store.image_ids(split=plan.split, label=plan.label) if in_shard(i, plan.shard))
    ids = islice(every, plan.limit)
    share = _share(patience, budget, workers)
    arguments = (store.url, store.root, open_teacher, plan, *share, concurrency)
    total = Summary()
    for counts in map_on_ray(
        ids, EnlightenWorker, arguments, workers=workers, batch_size=BATCHES * concurrency
    ):
        on_images(counts.pop("images"))
        total.merge(_summary(counts))
    return total


class EnlightenWorker:
    """One worker: opens store and teacher once, and asks about the images that it is handed."""

    def __init__(
        self,
        url: str,
        root: Path,
        open_teacher: OpenTeacher,
        plan: Plan,
        patience: Patience,
        budget: Budget,
        concurrency: int,
    ) -> None:
        self._store = Store(url, root)
        self._teacher = open_teacher()
        self._plan, self._patience, self._budget = plan, patience, budget
        self._concurrency = concurrency
        self._pool = ExemplarPool(self._store.read(Exemplar), unchecked=plan.unchecked)
        self._runner = asyncio.Runner()  # one event loop for all batches: clients keep their connections

    def run(self, ids: list[str]) -> JsonObject:
        """Ask about some images."""
        summary = Summary()

        def keep(drafts: Sequence[Draft]) -> None:
            self._store.append(drafts)
            for draft in drafts:
                summary.add(draft)

        refs = self._store.images_of(ids)
        todo = questions_of(self._store, refs, self._teacher.name, self._plan, self._pool, summary)
        asking = ask_all(iter([todo]), self._teacher, self._patience, self._budget, self._concurrency, keep)
        summary.stopped = self._runner.run(asking)
        return {"images": len(ids), **plain(summary)}


def _share(patience: Patience, budget: Budget, workers: int) -> tuple[Patience, Budget]:
    """Each worker's part of what the whole run may do."""

    def part(value: Any) -> Any:
        return None if value is None else value / workers

    tokens = None if budget.tokens is None else budget.tokens // workers
    return (
        dataclasses.replace(patience, per_minute=part(patience.per_minute)),
        Budget(tokens, part(budget.money), budget.prices),
    )


def _summary(counts: JsonObject) -> Summary:
    summary = Summary(**counts)
    for name in ("skipped", "failed", "faults"):
        setattr(summary, name, Counter(counts[name]))
    return summary
