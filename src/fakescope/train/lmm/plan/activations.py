"""What autograd keeps of a layer until the backward pass has gone through it, in bytes a token.

Every term is a tensor that some operation's backward needs, found by reading transformers' layers:

- a linear map that learns keeps its input; a frozen one keeps nothing, for its input's gradient needs the weight alone
- maps with one input (queries, keys, values; gate and up) keep it once
- scaled dot-product attention keeps queries, keys, values, its output and one float32 a head; the output is also the
  input of the map after it. Where a mask is needed, keys and values are first repeated for all heads of queries
- eager attention keeps its probabilities instead of the output: heads x length numbers a token
- turning by place keeps nothing but sines and cosines, which the layers share
- an RMSNorm computes in float32: it keeps that copy of its input (in float32, the input itself), and, where its weight
  learns, the normed values. A LayerNorm keeps its input, which mixed precision makes a float32 copy of
- an activation keeps its input; a gated MLP also keeps both factors of its product
- adapters keep their input after dropout, the dropout's mask and the narrow values between their two maps

Left out are numbers of a token alone (means, masks of padding), which are thousandths of the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fakescope.train.lmm.plan.layout import Stack

Attention = Literal["eager", "sdpa", "flash_attention_2"]
FLOAT = 4


@dataclass(frozen=True)
class Numbers:
    """How a run computes.

    Attributes:
        size: Bytes of an activation: 2 in bfloat16 or under mixed precision, 4 in float32.
        attention: The implementation.
        gpu: On a GPU; a CPU's dropout keeps its mask as floats.
        masked: Batches are padded, so that attention gets a mask.
        rank: Of adapters.
        dropout: Of adapters.
    """

    size: int = 2
    attention: Attention = "sdpa"
    gpu: bool = True
    masked: bool = True
    rank: int = 0
    dropout: float = 0.0


def kept(stack: Stack, how: Numbers, length: int) -> float:
    """Bytes a token that a layer in the graph keeps.

    Args:
        stack: Of the layer.
        how: Precision and attention.
        length: Tokens that attend to each other.
    """
    return _norms(stack, how) + _attention(stack, how, length) + _mlp(stack, how) + _adapters(stack, how)


def _norms(stack: Stack, how: Numbers) -> float:
    copies = (
        stack.ways if how.size < FLOAT else 1
    )  # both of two norms make a float32 copy; in float32 there is none
    found = stack.norms * stack.width * FLOAT * copies
    normed = FLOAT if stack.late else how.size
    if stack.learns and stack.rms:
        found += stack.norms * stack.width * normed * stack.ways
    if stack.learns or _shares_input(stack, how):
        found += 2 * stack.width * how.size  # inputs of attention and MLP
    if stack.head_norms:
        found += (stack.query + stack.held) * (FLOAT + (normed if stack.learns else 0))
    return found


def _attention(stack: Stack, how: Numbers, length: int) -> float:
    size, attention = how.size, "eager" if stack.eager else how.attention
    masked = how.masked and not stack.sees_all
    repeated = attention == "eager" or (attention == "sdpa" and masked)
    keys = stack.query if repeated else stack.held
    if stack.fused:  # values, and unturned queries and keys, are views into one tensor that stays as a whole
        found = 3 * stack.query * size + (2 * stack.query * size if stack.rotary else 0)
    else:
        found = (stack.query + 2 * keys) * size
    if attention == "eager":
        found += stack.heads * length * (FLOAT + (size if size < FLOAT else 0))  # softmax, and its cast copy
        found += stack.query * size if stack.learns else 0
    else:
        found += stack.query * size + stack.heads * FLOAT
        found += length * size if masked and attention == "sdpa" else 0  # the mask as numbers, in every layer
        found += stack.query * size if stack.chunked and stack.learns else 0  # the joined pieces are a copy
    return found + (stack.width * size if stack.scaled and stack.learns else 0)


def _mlp(stack: Stack, how: Numbers) -> float:
    factors = 3 if stack.gated else 2 if stack.quick else 1
    found = factors * stack.inner * how.size
    if stack.learns or (stack.adapted and _shares_input(stack, how)):
        found += stack.inner * how.size
    return found + (stack.width * how.size if stack.scaled and stack.learns else 0)


def _shares_input(stack: Stack, how: Numbers) -> bool:
    """Adapters without dropout keep the map's own input, if that needs no cast to their float32."""
    return bool(stack.adapted) and not how.dropout and how.size == FLOAT


def _adapters(stack: Stack, how: Numbers) -> float:
    found = float(len(stack.adapted) * how.rank * how.size)
    if stack.adapted and not _shares_input(stack, how):
        mask = (1 if how.gpu else FLOAT) if how.dropout else 0
        found += sum(stack.adapted) * (how.size + mask)
    return found


def backward_work(stack: Stack, how: Numbers) -> float:
    """Bytes a token that are alive for a while when a layer's MLP, its widest place, is gone through backwards.

    Gradients of the stream and of the MLP's inner values: of a product's result and its two factors, less what was
    freed before, or else of one value.
    """
    inner = (2 if stack.gated else 1) * stack.inner * how.size
    return inner + 2 * stack.width * how.size


def forward_work(stack: Stack, how: Numbers) -> float:
    """Bytes a token of a layer that keeps nothing: the stream, and the MLP's inner values or attention's."""
    inner = (3 if stack.gated or stack.quick else 2) * stack.inner * how.size
    return max(inner, 5 * stack.query * how.size) + 2 * stack.width * FLOAT
