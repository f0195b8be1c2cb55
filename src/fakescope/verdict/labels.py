"""The words that stand for a label, as token ids of one model.

The soft score compares the logits of a handful of words. That is only fair when each word is a single token
of the model, the two sets have the same size (the paper's equation sums logits, so a larger set is favoured
or punished for its size alone) and no token speaks for both classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fakescope.errors import ModelError
from fakescope.models.base import ForensicModel


@dataclass(frozen=True)
class CandidateSets:
    """Token ids of the two classes' candidate words: T_fake and T_real of the paper."""

    fake: tuple[int, ...]
    real: tuple[int, ...]

    def swapped(self) -> CandidateSets:
        """The same sets with the classes exchanged."""
        return CandidateSets(fake=self.real, real=self.fake)


def candidate_sets(model: ForensicModel) -> CandidateSets:
    """The candidate sets that a model's card names.

    Raises:
        ModelError: A word is not one token, the sets differ in size, or a token stands for both classes.
    """
    return build_candidate_sets(model.card.fake_words, model.card.real_words, model.token_id)


def build_candidate_sets(
    fake_words: Sequence[str], real_words: Sequence[str], token_id: Callable[[str], int | None]
) -> CandidateSets:
    """Look up and check two lists of words.

    Args:
        fake_words: Words that answer "fake".
        real_words: Words that answer "real"; as many as `fake_words`.
        token_id: The id of the single token that spells a word at the answer slot, or None.

    Raises:
        ModelError: As for `candidate_sets`.
    """
    fake, real = _ids(fake_words, token_id), _ids(real_words, token_id)
    if not fake or not real:
        raise ModelError(
            "The model card names no label words for one class", "give both classes the same number"
        )
    if len(fake) != len(real):
        raise ModelError(
            f"The label words are unequal in number: {len(fake)} for fake, {len(real)} for real",
            "sets of different size bias the soft score; give both classes the same number of words",
        )
    if shared := set(fake) & set(real):
        words = sorted(w for w in (*fake_words, *real_words) if token_id(w) in shared)
        raise ModelError(f"The label words {words} share a token", "a token can speak for one class only")
    return CandidateSets(fake, real)


def _ids(words: Sequence[str], token_id: Callable[[str], int | None]) -> tuple[int, ...]:
    ids: list[int] = []
    for word in words:
        found = token_id(word)
        if found is None:
            raise ModelError(
                f"The label word {word!r} is not a single token of this model",
                "choose a word that its tokenizer keeps whole at the answer slot",
            )
        if found in ids:
            raise ModelError(
                f"The label word {word!r} repeats a token of its own class", "name each word once"
            )
        ids.append(found)
    return tuple(ids)
