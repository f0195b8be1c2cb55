"""A server's likeliest tokens as log-probabilities of words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from fakescope.models.base import ROUNDING, Logits
from fakescope.models.remote.wire import Top

BLANKS = "▁Ġ "
"""How tokenizers write a leading blank."""

FIRST_OTHER = 1_000
"""Ids of tokens that are no label words begin here."""

Match = Callable[[str, str], bool]
"""Whether a token says a word."""


def continues(token: str, word: str) -> bool:
    """Whether a token spells a word in the middle of a sentence: as it is written, behind a blank."""
    return token[:1] in tuple(BLANKS) and token[1:] == word


def bare(token: str, word: str) -> bool:
    """As `continues`, for servers that leave the blank away."""
    return token == word


def begins(token: str, word: str) -> bool:
    """Whether a token spells a word as the first of an answer: with or without a blank or a capital."""
    return token.lstrip(BLANKS).casefold() == word.casefold()


def opens(token: str, word: str) -> bool:
    """Whether a token is a word or its first letters."""
    plain = token.strip(BLANKS).casefold()
    return bool(plain) and word.casefold().startswith(plain)


def logprob_of(top: Sequence[Top], word: str, match: Match) -> float | None:
    """The log-probability in nats that one of the tokens says the word; None when none of them does."""
    found = [t.logprob for t in top if match(t.token, word)]
    return float(np.logaddexp.reduce(found)) if found else None


def unseen(top: Sequence[Top]) -> float:
    """What the tokens that were told leave of 1: other spellings of a word may be in it. Rounding apart, in [0, 1]."""
    rest = 1.0 - sum(float(np.exp(t.logprob)) for t in top)
    return rest if rest > ROUNDING else 0.0


def as_logits(top: Sequence[Top], ids: dict[str, int], match: Match, known: dict[str, float]) -> Logits:
    """Words under their ids, all other tokens behind them, as log-probabilities over the whole vocabulary.

    Args:
        top: What the server gave; tokens with the same text are taken together.
        ids: Word -> id, below `FIRST_OTHER`.
        match: Which tokens say a word.
        known: Words asked for by name -> their log-probability.
    """
    values: dict[int, float] = {}
    others = FIRST_OTHER
    for entry in top:
        word = next((w for w in ids if match(entry.token, w)), None)
        if word is None:
            values[others] = entry.logprob
            others += 1
        elif word not in known:
            held = values.get(ids[word])
            values[ids[word]] = entry.logprob if held is None else float(np.logaddexp(held, entry.logprob))
    values |= {ids[word]: logprob for word, logprob in known.items()}
    return Logits(
        np.array(list(values.values()), np.float32), np.array(list(values), np.int64), logprobs=True
    )


def choice_row(top: Sequence[Top], words: Sequence[str]) -> NDArray[np.float32]:
    """float32 [words]: log-probability of each word at the beginning of an answer.

    A token counts for the one word that it opens. A word without any gets the most that it can have.
    """
    said: dict[str, list[Top]] = {word: [] for word in words}
    for entry in top:
        meant = [word for word in words if opens(entry.token, word)]
        if len(meant) == 1:
            said[meant[0]].append(entry)
    rest = 1.0 - sum(float(np.exp(t.logprob)) for t in top)
    least = min((t.logprob for t in top), default=0.0)
    most = min(least, float(np.log(rest))) if rest > 0 else least
    values = [
        float(np.logaddexp.reduce([t.logprob for t in found])) if found else most for found in said.values()
    ]
    return np.array(values, np.float32)
