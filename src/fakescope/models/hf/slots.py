"""Which token says a word at the place of an answer: blank, capital and SentencePiece prefix included.

Words are never looked up by their spelling. Each is put into the conversation at its place, and the token in which it
first differs from the conversation, or from the other words, is the one that speaks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fakescope.errors import ModelError

Ids = Callable[[str], list[int]]
"""Token ids of the whole conversation with a text as its begun answer."""


@dataclass(frozen=True)
class Slot:
    """Where words part.

    Attributes:
        tokens: The token of each word.
        before: Token ids of the conversation up to there.
        drop: How many tokens of the conversation without the words lie behind that place: 0, or 1 where the word
            melts with the blank before it.
    """

    tokens: tuple[int, ...]
    before: tuple[int, ...]
    drop: int


def single_token(ids: Ids, prefix: str, word: str) -> int | None:
    """The one token that spells ` word` after `prefix`, or None when there is none."""
    before, after = ids(prefix), ids(f"{prefix} {word}")
    whole = len(after) == len(before) + 1 and after[: len(before)] == before
    return after[-1] if whole else None


def find_slot(ids: Ids, prefix: str, words: Sequence[str], bare: Sequence[int]) -> Slot:
    """Where several words part as the beginning or the continuation of an answer.

    Args:
        ids: See `Ids`.
        prefix: What of the answer stands already, with its last blank if there is one.
        words: At least two, different in their first letters as far as the tokenizer is concerned.
        bare: Token ids of the conversation with nothing of the words.

    Raises:
        ModelError: Two words begin with the same token.
    """
    rows = [ids(f"{prefix}{word}") for word in words]
    at = _common([*rows, list(bare)])
    tokens = tuple(row[at] for row in rows if len(row) > at)
    if len(set(tokens)) < len(words):
        raise ModelError(
            f"the words {', '.join(words)} begin alike for this model's tokenizer", "ask with other words"
        )
    return Slot(tokens, tuple(rows[0][:at]), len(bare) - at)


def _common(rows: Sequence[Sequence[int]]) -> int:
    """Length of the longest common beginning."""
    return next(
        (at for at, column in enumerate(zip(*rows, strict=False)) if len(set(column)) > 1),
        min(len(row) for row in rows),
    )
