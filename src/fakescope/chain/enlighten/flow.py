"""The flow of questions to a teacher and of drafts back: many at a time, every queue bounded.

todo -> feed (decodes a few pictures ahead) -> workers (ask) -> keep (all that came together, in one go)
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from fakescope.chain.enlighten.ask import Asker, Patience
from fakescope.chain.enlighten.budget import Budget
from fakescope.chain.enlighten.question import Question
from fakescope.chain.teachers.base import Fault, Request, Teacher, TeacherError
from fakescope.records import Draft

DECODERS = 2
HOPELESS = 5
"""So many refusals of access in a row end a run: the key is wrong, or the quota is used up."""

LOST = 20
"""So many questions in a row that no server answered, each tried as often as it may be, end a run, too."""


@dataclass(frozen=True)
class Todo:
    """A question, and how many drafts it has already (failed ones that are asked again)."""

    question: Question
    earlier: int = 0


Ready = tuple[Todo, Request | TeacherError]


async def ask_all(
    pages: Iterator[list[Todo]],
    teacher: Teacher,
    patience: Patience,
    budget: Budget,
    concurrency: int,
    keep: Callable[[Sequence[Draft]], None],
    on_stop: Callable[[], None] = lambda: None,
) -> str | None:
    """Ask all questions, and hand drafts to `keep` as they come.

    Ctrl-C ends it in order: nothing new is asked, and what was sent is awaited and kept; `on_stop` is called at
    once. A second one aborts.

    Returns:
        Why it stopped before the end of `pages`: `budget`, `interrupted`, `not_allowed`, `unreachable`, or None.
    """
    ready: asyncio.Queue[Ready | None] = asyncio.Queue(concurrency)
    done: asyncio.Queue[Draft | None] = asyncio.Queue()
    stop = asyncio.Event()
    with ThreadPoolExecutor(DECODERS, "decode") as pool, stopped_by_signal(stop, on_stop):
        asker = Asker(teacher, patience, budget, pool)
        async with asyncio.TaskGroup() as group:
            feeder = group.create_task(_feed(asker, pages, ready, concurrency, stop))
            for _ in range(concurrency):
                group.create_task(_work(asker, ready, done, stop))
            hopeless = await _keep(done, concurrency, keep, stop)
        return hopeless or ("interrupted" if stop.is_set() else feeder.result())


async def _feed(
    asker: Asker,
    pages: Iterator[list[Todo]],
    ready: asyncio.Queue[Ready | None],
    workers: int,
    stop: asyncio.Event,
) -> str | None:
    """Keep a few requests ready, so that no worker waits for a picture to be decoded."""
    ahead: deque[tuple[Todo, asyncio.Task[Request | TeacherError]]] = deque()

    async def pass_on(most: int) -> None:
        while len(ahead) > most:
            first, task = ahead.popleft()
            await ready.put((first, await task))

    stopped: str | None = None
    # In a thread: a page of questions that were all asked before is long work without a pause.
    while stopped is None and (page := await asyncio.to_thread(next, pages, None)) is not None:
        for one in page:
            if stop.is_set() or not asker.budget.admit():
                stopped = "budget"
                break
            ahead.append((one, asyncio.create_task(asker.prepare(one.question))))
            await pass_on(DECODERS)
    await pass_on(0)
    for _ in range(workers):
        await ready.put(None)
    return stopped


async def _work(
    asker: Asker,
    ready: asyncio.Queue[Ready | None],
    done: asyncio.Queue[Draft | None],
    stop: asyncio.Event,
) -> None:
    while (item := await ready.get()) is not None:
        todo, request = item
        if not stop.is_set():
            await done.put(await asker.draft(todo.question, request, todo.earlier))
    await done.put(None)


async def _keep(
    done: asyncio.Queue[Draft | None],
    workers: int,
    keep: Callable[[Sequence[Draft]], None],
    stop: asyncio.Event,
) -> str | None:
    """One transaction for all drafts that came while the last one was being written.

    Returns:
        Why it set `stop`: the server refuses access again and again, or is not there.
    """
    refused, lost = 0, 0
    hopeless: str | None = None
    while workers:
        came = [await done.get()]
        while not done.empty():
            came.append(done.get_nowait())
        workers -= came.count(None)
        if drafts := [draft for draft in came if draft is not None]:
            keep(drafts)
        for draft in drafts:
            refused = refused + 1 if draft.fault == Fault.NOT_ALLOWED else 0
            lost = lost + 1 if draft.fault == Fault.UNREACHABLE else 0
        if max(refused - HOPELESS, lost - LOST) >= 0 and not stop.is_set():
            hopeless = (Fault.NOT_ALLOWED if refused >= HOPELESS else Fault.UNREACHABLE).value
            stop.set()
    return hopeless


@contextmanager
def stopped_by_signal(stop: asyncio.Event, on_stop: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C sets `stop`; the next one has its usual effect."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGINT)

    def handle() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)
        stop.set()
        on_stop()

    loop.add_signal_handler(signal.SIGINT, handle)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)
