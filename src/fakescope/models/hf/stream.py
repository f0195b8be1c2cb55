"""Text as it is made: generation runs in a thread and its words come out here."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

Generate = Callable[[Any], object]
"""Generates, and gives every new token to the streamer that it is called with."""


class _Tokens:
    """A streamer of transformers that puts token ids into a queue."""

    def __init__(self) -> None:
        self.queue: queue.Queue[list[int] | BaseException | None] = queue.Queue()
        self.stopped = False
        self._prompt = True

    def put(self, value: Any) -> None:
        if self.stopped:
            raise _StoppedError
        if not self._prompt:  # the first call brings the prompt
            self.queue.put(value.flatten().tolist())
        self._prompt = False

    def end(self) -> None:
        self.queue.put(None)


class _StoppedError(Exception):
    """Nobody listens any more."""


def stream_text(generate: Generate, decode: Callable[[list[int]], str], context: list[int]) -> Iterator[str]:
    """Pieces of text; leaving the loop early ends the generation at its next token.

    Args:
        generate: See `Generate`.
        decode: Token ids -> text.
        context: The last token ids of the prompt: what a token spells may depend on its place.

    Raises:
        Whatever `generate` raises.
    """
    tokens = _Tokens()
    worker = threading.Thread(target=_run, args=(generate, tokens), daemon=True)
    worker.start()
    ids, said, before = list(context), "", decode(context)
    try:
        while (new := tokens.queue.get()) is not None:
            if isinstance(new, BaseException):
                raise new
            ids += new
            text = decode(ids)[len(before) :]
            if not text.endswith("\ufffd") and len(text) > len(said):  # else an unfinished character
                yield text[len(said) :]
                said = text
    finally:
        tokens.stopped = True
        worker.join()


def _run(generate: Generate, tokens: _Tokens) -> None:
    try:
        generate(tokens)
    except _StoppedError:
        pass
    except BaseException as error:  # noqa: BLE001 - handed over to the thread that listens
        tokens.queue.put(error)
    else:
        tokens.queue.put(None)
