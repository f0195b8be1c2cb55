"""Token-based probability estimation: how a language model's logits become a probability of "fake".

With z(v) the logit of vocabulary token v at the answer slot and T_j the candidate tokens of class j:

    p_j = exp( sum_{v in T_j} z(v) ) / sum_k exp( sum_{v in T_k} z(v) )

For two classes that is the logistic function of llr = sum_{T_fake} z - sum_{T_real} z, in nats. With one word
a class, llr is the log-odds of the two words; with n words it grows with n, which the mean-logit form undoes,
and the log-sum-exp form gives the log-odds of the two sets as the model's own softmax sees them.

Source: FakeScope (arXiv 2503.24267), token-based probability estimation; the two other forms are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fakescope.errors import ModelError
from fakescope.models.base import ROUNDING, Logits
from fakescope.verdict.labels import CandidateSets

Form = Literal["paper", "mean", "logsumexp"]
FloatArray = NDArray[np.float64]

DEEPEST_NATS = 1e4
"""Logits further than this under the largest count as this far: -inf masks stay finite, and p is 0 or 1
anyway."""


@dataclass(frozen=True)
class SoftScore:
    """The soft score of one answer slot or of a batch; all arrays have the batch's shape.

    Attributes:
        llr: Log-likelihood ratio, fake minus real, in nats; above 0 speaks for fake. Not calibrated.
        p_fake: sigmoid(llr), in [0, 1].
        answer_mass: Share of the softmax on the candidate tokens, in [0, 1].
        mass_over: What the softmax ran over. Under "top_k" the tokens that a server did not return are
            missing from the denominator, so `answer_mass` is an upper bound.
        missing: How many candidate tokens the server did not return (0 for a whole vocabulary).
        llr_low: The least llr that the logits allow: `llr`, less what real words may have unseen, or -inf where a
            candidate for fake is missing.
        llr_high: The greatest: `llr`, and what fake words may have unseen, or inf where a candidate for real is
            missing.
    """

    llr: FloatArray
    p_fake: FloatArray
    answer_mass: FloatArray
    mass_over: Literal["vocabulary", "top_k"] = "vocabulary"
    missing: int = 0
    llr_low: FloatArray | None = None
    llr_high: FloatArray | None = None


def sigmoid(x: Any) -> FloatArray:
    """The logistic function, without overflow at either end."""
    x = np.asarray(x, dtype=np.float64)
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def soft_score(values: Any, sets: CandidateSets, form: Form = "paper") -> SoftScore:
    """Score logits over a whole vocabulary.

    Args:
        values: Logits [..., V] in vocabulary order; -inf marks masked tokens.
        sets: Token ids of the two classes.
        form: "paper" sums the logits of a class, "mean" averages them, "logsumexp" sums their probabilities.

    Raises:
        ModelError: NaN or +inf among the logits, all of a row masked, or a token id outside the vocabulary.
    """
    z = _finite(values)
    if not all(0 <= i < z.shape[-1] for i in (*sets.fake, *sets.real)):
        raise ModelError(
            f"A candidate token lies outside the vocabulary of {z.shape[-1]} tokens",
            "the label words belong to another tokenizer",
        )
    fake, real = z[..., list(sets.fake)], z[..., list(sets.real)]
    llr = _pool(fake, form) - _pool(real, form)
    log_mass = logsumexp(np.concatenate([fake, real], axis=-1)) - logsumexp(z)
    return SoftScore(llr, sigmoid(llr), np.exp(np.minimum(log_mass, 0.0)))


def soft_score_logits(logits: Logits, sets: CandidateSets, form: Form = "paper") -> SoftScore:
    """Score one answer slot as a model returns it: a whole vocabulary, or only its top k tokens.

    A candidate outside the top k gets the most it can have: the smallest logit that was returned or, where
    log-probabilities are known, all that the others leave of 1, whichever is less. With one word a class the llr so
    errs towards 0; with several it may err to either side. Such a stand-in adds nothing to `answer_mass`. A missing
    candidate may as well have no probability at all, so on that side the llr has no bound. Where other spellings of a
    word may be among what is `unseen`, each word of a class may have all of that besides.
    """
    if logits.token_ids is None:
        return soft_score(logits.values, sets, form)
    z = _finite(logits.values)
    where = {int(token): place for place, token in enumerate(logits.token_ids)}
    if z.ndim != 1 or len(where) != z.size:
        raise ModelError(
            "The top-k logits do not match their token ids", "one logit for each distinct token id"
        )
    most = _most(z, logits.logprobs)
    fake, real = ([z[where[i]] if i in where else most for i in ids] for ids in (sets.fake, sets.real))
    llr = _pool(np.asarray(fake), form) - _pool(np.asarray(real), form)
    found = [where[i] for i in (*sets.fake, *sets.real) if i in where]
    missing = len(sets.fake) + len(sets.real) - len(found)
    more_fake, more_real = (
        sum(np.logaddexp(z[where[i]], np.log(logits.unseen)) - z[where[i]] for i in ids if i in where)
        if logits.unseen
        else 0.0
        for ids in (sets.fake, sets.real)
    )
    whole = 0.0 if logits.logprobs else logsumexp(z)
    log_mass = logsumexp(z[found]) - whole if found else -np.inf
    return SoftScore(
        llr, sigmoid(llr), np.exp(np.minimum(log_mass, 0.0)), "vocabulary" if logits.logprobs else "top_k", missing,
        llr_low=llr - more_real if all(i in where for i in sets.fake) else np.array(-np.inf),
        llr_high=llr + more_fake if all(i in where for i in sets.real) else np.array(np.inf),
    )  # fmt: skip


def _most(z: FloatArray, logprobs: bool) -> float:
    """The greatest logit that a token can have which is not among the most probable ones."""
    if not logprobs:
        return float(z.min())
    rest = 1.0 - float(np.exp(z).sum())
    # Under the rounding of servers' numbers the rest says nothing; the smallest that was returned still bounds it.
    return min(float(z.min()), float(np.log(rest))) if rest > ROUNDING else float(z.min())


def logsumexp(z: FloatArray) -> FloatArray:
    """log(sum(exp(z))) over the last axis, for finite z."""
    top = z.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(z - top).sum(axis=-1)) + top[..., 0])


def _finite(values: Any) -> FloatArray:
    """Logits in float64 with every mask brought to `DEEPEST_NATS` under the largest logit of its row."""
    z = np.asarray(values, dtype=np.float64)
    if z.ndim == 0 or z.shape[-1] == 0:
        raise ModelError("The model gave no logits at the answer slot")
    if z.size == 0:
        return z
    top = z.max(axis=-1, keepdims=True)
    if not np.isfinite(
        top
    ).all():  # NaN and +inf reach the maximum; -inf does so only when a whole row is masked
        raise ModelError(
            "The model gave logits that are not numbers at the answer slot",
            "NaN, +inf, or every token masked: check the model's precision",
        )
    return np.maximum(z, top - DEEPEST_NATS)


def _pool(z: FloatArray, form: Form) -> FloatArray:
    """One number a class from the logits [..., n] of its words."""
    if form == "paper":
        return np.asarray(z.sum(axis=-1))
    if form == "mean":
        return np.asarray(z.mean(axis=-1))
    if form == "logsumexp":
        return logsumexp(z)
    raise ValueError(f"unknown form of the soft score: {form!r}")
