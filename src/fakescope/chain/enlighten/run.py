"""All questions of a chain: what is left to ask, many at a time, each answer kept before it counts as done.

    images -> supervision, exemplars -> questions not asked yet -> requests -> teacher -> drafts -> store

Every queue is bounded, so memory does not grow with the chain. A draft is in the store the moment it counts, so a run
that is killed loses only what was on its way, and asks only that again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from fakescope.chain.demonstrate import ExemplarPool
from fakescope.chain.enlighten.ask import Patience
from fakescope.chain.enlighten.budget import Budget
from fakescope.chain.enlighten.flow import Todo, ask_all
from fakescope.chain.enlighten.question import Mode, Question, make_question
from fakescope.chain.steer import Keep, supervisions
from fakescope.chain.store import Store
from fakescope.chain.teachers.base import Teacher
from fakescope.errors import DataError
from fakescope.records import Draft, Exemplar, ImageRef, Label

PAGE = 200
OnImages = Callable[[int], None]


@dataclass(frozen=True)
class Plan:
    """What is to be asked.

    Attributes:
        mode: ACoTI, or the plain prompting that it is compared with.
        keep: How the criteria of several people are merged.
        steered_only: Ask only about images of which at least one person recognised the label.
        unchecked: Show exemplars that nobody has checked, too.
        retry_failed: Ask those questions again that failed.
        again: Ask about images too that this teacher has described, if the prompt has changed since.
        split: Only images of this split.
        limit: At most so many questions.
        shard: (i, n): only the i-th of n parts of the images, by id, for several machines on one store.
    """

    mode: Mode = "acoti"
    keep: Keep = Keep.INTERSECTION
    steered_only: bool = False
    unchecked: bool = False
    retry_failed: bool = False
    again: bool = False
    split: str | None = None
    label: Label | None = None
    limit: int | None = None
    shard: tuple[int, int] = (0, 1)


@dataclass
class Summary:
    """Counts of a run.

    `known` were asked before, `known_failed` of them in vain; `faults` counts every failed attempt by name, `failed`
    the questions given up.
    """

    asked: int = 0
    drafted: int = 0
    known: int = 0
    known_failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    stopped: str | None = None

    def add(self, draft: Draft) -> None:
        """Count one draft."""
        self.asked += 1
        self.faults.update(draft.faults)
        if draft.fault is None:
            self.drafted += 1
        else:
            self.failed[draft.fault] += 1
        self.tokens_in += draft.tokens_in
        self.tokens_out += draft.tokens_out
        self.cost += draft.cost

    def merge(self, other: Summary) -> None:
        """Add the counts of another run."""
        for name in ("asked", "drafted", "known", "known_failed", "tokens_in", "tokens_out", "cost"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("skipped", "failed", "faults"):
            getattr(self, name).update(getattr(other, name))
        self.stopped = self.stopped or other.stopped


def questions(
    store: Store, teacher: str, plan: Plan, summary: Summary, on_passed: OnImages
) -> Iterator[list[Todo]]:
    """What is left to ask of one teacher, in pages in the order of image ids; counts what is passed over."""
    pool = ExemplarPool(store.read(Exemplar), unchecked=plan.unchecked)
    left = plan.limit
    for page in store.image_pages(split=plan.split, label=plan.label, size=PAGE):
        own = [ref for ref in page if in_shard(ref.id, plan.shard)]
        todo = questions_of(store, own, teacher, plan, pool, summary)[:left]
        left = None if left is None else left - len(todo)
        on_passed(len(page) - len(todo))
        yield todo
        if left == 0:
            return


def questions_of(
    store: Store, page: list[ImageRef], teacher: str, plan: Plan, pool: ExemplarPool, summary: Summary
) -> list[Todo]:
    """What is left to ask about some images; counts what is passed over."""
    ids = [ref.id for ref in page]
    steered = supervisions(store, ids, plan.keep)
    described = set() if plan.again else store.described(ids, teacher, plan.mode)
    found: list[Question] = []
    for ref in page:
        if ref.label is None:
            summary.skipped["no_label"] += 1
        elif plan.steered_only and not steered[ref.id].right:
            summary.skipped["not_steered"] += 1
        elif ref.id in described:
            summary.known += 1
        else:
            criteria = steered[ref.id].criteria
            path = store.path_of(ref)
            found.append(make_question(ref, path, mode=plan.mode, criteria=criteria, pool=pool))
    keys = [question.key(teacher) for question in found]
    known = store.asked(keys, failed_too=not plan.retry_failed)
    summary.known += len(known)
    summary.known_failed += 0 if plan.retry_failed else len(known - store.asked(keys))
    return [
        Todo(question, store.attempts(key) if plan.retry_failed else 0)
        for question, key in zip(found, keys, strict=True)
        if key not in known
    ]


def enlighten(
    store: Store,
    teacher: Teacher,
    plan: Plan,
    *,
    patience: Patience | None = None,
    budget: Budget | None = None,
    concurrency: int = 8,
    on_images: OnImages = lambda images: None,
    on_stop: Callable[[], None] = lambda: None,
) -> Summary:
    """Ask a teacher everything that is left to ask. Drafts go into the store as they come.

    Ctrl-C ends it in order: nothing new is asked, and what was paid for is awaited and kept. A second one aborts.

    Args:
        store: The chain.
        teacher: Whom to ask.
        plan: What.
        patience: How often and how fast.
        budget: Limits; when they are reached the run ends in order, and says so.
        concurrency: Questions on their way at a time.
        on_images: Told how many more images are through, with a draft that is kept or without a question.
        on_stop: Called at the first Ctrl-C.

    Raises:
        DataError: The chain has no exemplar that may be shown, which ACoTI needs.
    """
    require_exemplars(store, plan)
    summary = Summary()

    def keep(drafts: Sequence[Draft]) -> None:
        store.append(drafts)
        for draft in drafts:
            summary.add(draft)
        on_images(len(drafts))

    async def run() -> str | None:
        todo = questions(store, teacher.name, plan, summary, on_images)
        try:
            limits = patience or Patience(), budget or Budget()
            return await ask_all(todo, teacher, *limits, concurrency, keep, on_stop)
        finally:
            await teacher.close()

    summary.stopped = asyncio.run(run())
    return summary


def in_shard(id: str, shard: tuple[int, int]) -> bool:
    """Whether an image belongs to the i-th of n parts."""
    place, of = shard
    return of <= 1 or int(hashlib.sha256(id.encode()).hexdigest()[:8], 16) % of == place


def require_exemplars(store: Store, plan: Plan) -> None:
    """Refuse ACoTI without a demonstration of each label: it would be plain prompting under another name, or one-sided.

    Raises:
        DataError: The chain has no fake or no real exemplar that may be shown.
    """
    if plan.mode != "acoti":
        return
    shown = {e.label for e in ExemplarPool(store.read(Exemplar), unchecked=plan.unchecked).exemplars}
    if missing := [label.value for label in Label if label not in shown]:
        raise DataError(
            f"the chain has no checked exemplar of a {' nor of a '.join(missing)} image; ACoTI shows one of each",
            "make some with `fakescope chain exemplars`, or allow unchecked ones with --unchecked",
        )
