"""The flow of pieces to a writer and of replies into the cache: many at a time, the queue bounded.

pieces -> feed (leaves out what was asked before) -> workers (ask, keep)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fakescope.chain.enlighten.flow import HOPELESS, LOST, stopped_by_signal
from fakescope.chain.teachers.base import Fault
from fakescope.instruct.rewrite.ask import PROMPT_VERSION, Asker, Outcome
from fakescope.instruct.rewrite.cache import Cache
from fakescope.instruct.rewrite.pieces import Piece


@dataclass
class Asking:
    """One run of questions.

    Attributes:
        retry_failed: Ask those again that failed in an earlier run.
        on_known: Told the fault, or None, of what was asked before.
        on_outcome: Told what came of a piece, when it is kept.
    """

    asker: Asker
    cache: Cache
    concurrency: int
    retry_failed: bool
    on_known: Callable[[str | None], None]
    on_outcome: Callable[[Outcome], None]
    on_stop: Callable[[], None] = lambda: None
    _on_the_way: set[str] = field(default_factory=set)
    _failed_now: set[str] = field(default_factory=set)
    _refused: int = 0
    _lost: int = 0
    _hopeless: str | None = None

    async def run(self, pages: Iterator[list[Piece]]) -> str | None:
        """Ask for all pieces that were not asked for yet.

        Ctrl-C ends it in order: nothing new is asked, and what was sent is awaited and kept. A second one aborts.

        Args:
            pages: Pieces, some at a time, in the order of the set.

        Returns:
            Why it stopped before their end: `budget`, `interrupted`, `not_allowed`, `unreachable`, or None.

        Raises:
            DataError: The set or the cache cannot be read.
        """
        queue: asyncio.Queue[Piece | None] = asyncio.Queue(self.concurrency)
        stop = asyncio.Event()
        with stopped_by_signal(stop, self.on_stop):
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(self.concurrency):
                        group.create_task(self._work(queue, stop))
                    spent = await self._feed(pages, queue, stop)
            except ExceptionGroup as several:
                raise several.exceptions[0] from several
        return self._hopeless or ("interrupted" if stop.is_set() else spent)

    async def _feed(
        self, pages: Iterator[list[Piece]], queue: asyncio.Queue[Piece | None], stop: asyncio.Event
    ) -> str | None:
        spent: str | None = None
        # In a thread: instructions of which none is chosen are long work without a pause.
        while spent is None and not stop.is_set():
            page = await asyncio.to_thread(next, pages, None)
            if page is None:
                break
            for piece in page:
                if self._known(piece):
                    continue
                if stop.is_set() or not self.asker.budget.admit():
                    spent = "budget"
                    break
                self._on_the_way.add(self._key(piece))
                await queue.put(piece)
        for _ in range(self.concurrency):
            await queue.put(None)
        return spent

    def _known(self, piece: Piece) -> bool:
        key = self._key(piece)
        if key in self._on_the_way:
            return True
        kept = self.cache.find(key)
        if kept is None or (kept.fault and self.retry_failed and key not in self._failed_now):
            return False
        self.on_known(kept.fault)
        return True

    async def _work(self, queue: asyncio.Queue[Piece | None], stop: asyncio.Event) -> None:
        while (piece := await queue.get()) is not None:
            if stop.is_set():
                continue
            outcome = await self.asker.reword(piece)
            self.cache.keep(outcome.key, outcome.kept)
            self._on_the_way.discard(outcome.key)
            if outcome.kept.fault and self.retry_failed:
                self._failed_now.add(outcome.key)
            self.on_outcome(outcome)
            self._give_up(outcome.kept.fault, stop)

    def _give_up(self, fault: str | None, stop: asyncio.Event) -> None:
        """A server that refuses access again and again, or is not there, is left alone."""
        self._refused = self._refused + 1 if fault == Fault.NOT_ALLOWED else 0
        self._lost = self._lost + 1 if fault == Fault.UNREACHABLE else 0
        if max(self._refused - HOPELESS, self._lost - LOST) >= 0 and not stop.is_set():
            self._hopeless = (Fault.NOT_ALLOWED if self._refused >= HOPELESS else Fault.UNREACHABLE).value
            stop.set()

    def _key(self, piece: Piece) -> str:
        return piece.key(self.asker.writer.name, PROMPT_VERSION)
