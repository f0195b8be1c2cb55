"""Greedy decoding that does not go in circles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

REPEAT_NGRAM = 3
"""A small model left to itself repeats phrases; no three tokens are said twice in one answer."""


def next_token(logits: NDArray[np.float32], said: Sequence[int], ngram: int = REPEAT_NGRAM) -> int:
    """The likeliest token [vocabulary] that completes no n-gram already in `said`.

    Ties go to the lower id, so that the same logits always give the same text.
    """
    blocked = _repeats(said, ngram)
    if not blocked:
        return int(logits.argmax())
    allowed = logits.copy()
    allowed[list(blocked)] = -np.inf
    return int(allowed.argmax())


def _repeats(said: Sequence[int], ngram: int) -> set[int]:
    """Tokens that would complete an n-gram said before."""
    if len(said) < ngram:
        return set()
    tail = tuple(said[len(said) - ngram + 1 :])
    windows = range(len(said) - ngram + 1)
    return {said[i + ngram - 1] for i in windows if tuple(said[i : i + ngram - 1]) == tail}
