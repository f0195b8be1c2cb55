"""Text as it is made: generation runs in a thread and its words come out here."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

Generate = Callable[[Any], object]
"""Generates, and gives every new token to the streamer that it is called with."""

Seen = Callable[[], Any]
"""What is to be handed on with every token; called when it is made."""


class _Tokens:
    """A streamer of transformers that puts token ids into a queue."""

    def __init__(self, seen: Seen) -> None:
        self.queue: queue.Queue[tuple[list[int], Any] | BaseException | None] = queue.Queue()
        self.stopped = False
        self._prompt, self._seen = True, seen

    def put(self, value: Any) -> None:
        if self.stopped:
            raise _StoppedError
        if not self._prompt:  # the first call brings the prompt
            self.queue.put((value.flatten().tolist(), self._seen()))
        self._prompt = False

    def end(self) -> None:
        self.queue.put(None)


class _StoppedError(Exception):
    """Nobody listens any more."""


def stream_text(
    generate: Generate, decode: Callable[[list[int]], str], context: list[int], seen: Seen = lambda: None
) -> Iterator[tuple[list[int], str, Any]]:
    """New tokens, the text that they complete, and what was seen; leaving early ends the generation at its next token.

    Args:
        generate: See `Generate`.
        decode: Token ids -> text.
        context: The last token ids of the prompt: what a token spells may depend on its place.
        seen: See `Seen`.

    Raises:
        Whatever `generate` raises.
    """
    tokens = _Tokens(seen)
    worker = threading.Thread(target=_run, args=(generate, tokens), daemon=True)
    worker.start()
    ids, said, before = list(context), "", decode(context)
    try:
        while (made := tokens.queue.get()) is not None:
            if isinstance(made, BaseException):
                raise made
            new, beside = made
            ids += new
            text = decode(ids)[len(before) :]
            if text.endswith("\ufffd") or len(text) < len(said):  # an unfinished character
                text = said
            yield new, text[len(said) :], beside
            said = text
    finally:
        tokens.stopped = True
        worker.join()


def end_tokens(model: Any) -> set[int]:
    """Ids of the tokens at which a model ends its answer."""
    ends = model.generation_config.eos_token_id
    return set(ends) if isinstance(ends, list | tuple) else {ends}


def _run(generate: Generate, tokens: _Tokens) -> None:
    try:
        generate(tokens)
    except _StoppedError:
        pass
    except BaseException as error:  # noqa: BLE001 - handed over to the thread that listens
        tokens.queue.put(error)
    else:
        tokens.queue.put(None)
