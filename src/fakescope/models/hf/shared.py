"""Many questions about one image for little more than the price of one: the image is read once into the cache of keys
and values, and every question goes on from there.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

MIXING = {"paligemma"}
"""Model types whose image tokens see the question, so that nothing can be read before it is known."""


@dataclass(frozen=True)
class Prefix:
    """An image, and the words before and behind it that all questions share, as the model remembers it.

    Attributes:
        cache: Keys and values of one row.
        length: Positions held.
        delta: What Qwen's three-axis positions run behind the token count, [1, 1]; None for other models.
    """

    cache: Any
    length: int
    delta: Tensor | None


def split(rows: Sequence[Sequence[int]], expanded: Sequence[int]) -> tuple[int, list[list[int]]] | None:
    """Where conversations about one image part.

    Args:
        rows: Their token ids, with the image as placeholders of fixed length.
        expanded: Token ids of the first one, with the image's tokens in full.

    Returns:
        Length of the shared part in expanded tokens, and what remains of each row; None when they cannot be shared.
    """
    shortest = min(len(row) for row in rows) - 1  # every row keeps a token to be asked
    common = next((at for at in range(shortest) if len({row[at] for row in rows}) > 1), shortest)
    tail = len(rows[0]) - common
    tails = [list(row[common:]) for row in rows]
    if list(expanded[len(expanded) - tail :]) != tails[0]:
        return None
    return len(expanded) - tail, tails


def read_prefix(model: Any, inputs: dict[str, Any], length: int) -> Prefix:
    """Read the shared part of one row of inputs."""
    width = inputs["input_ids"].shape[1]
    cut = {
        name: value[:, :length] if value.ndim == 2 and value.shape[1] == width else value
        for name, value in inputs.items()
    }
    out = model(**cut, use_cache=True, logits_to_keep=1)
    return Prefix(out.past_key_values, length, getattr(_inner(model), "rope_deltas", None))


def next_logits(model: Any, prefix: Prefix, tails: Sequence[Sequence[int]]) -> Tensor:
    """float32 [rows, vocabulary]: logits after each tail. The prefix stays as it is."""
    import torch

    count, longest = len(tails), max(map(len, tails))
    pad = model.generation_config.pad_token_id or 0
    ids = torch.tensor([[*tail, *[pad] * (longest - len(tail))] for tail in tails], device=model.device)
    own = torch.tensor([[1] * len(tail) + [0] * (longest - len(tail)) for tail in tails], device=model.device)
    mask = torch.cat([torch.ones(count, prefix.length, dtype=own.dtype, device=own.device), own], dim=1)
    cache = copy.deepcopy(prefix.cache)
    cache.batch_repeat_interleave(count)
    positions = torch.arange(prefix.length, prefix.length + longest, device=model.device).expand(count, -1)
    if prefix.delta is not None:
        positions = (positions + prefix.delta.to(positions.device)).expand(3, count, -1)
    last = own.sum(dim=1) - 1
    keep, place = torch.unique(last, return_inverse=True)
    out = model(
        input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True,
        logits_to_keep=keep,
    )  # fmt: skip
    return out.logits[torch.arange(count, device=place.device), place].float()


def _inner(model: Any) -> Any:
    """The model without its language head, under whatever an adapter wraps it in."""
    bare = model.get_base_model() if hasattr(model, "get_base_model") else model
    return getattr(bare, "model", bare)
