"""Memory of a training step: what is always there, and a peak that is found by going through the step.

A step's tensors come and go. The forward pass lays one layer's activations on the other's; the loss adds its own on
top; the backward pass takes them off again, while gradients of the weights are laid down. Which moment is the highest
depends on the run: where few weights learn it is the loss, where all learn and layers are computed again it is the end.
So the step is gone through, moment by moment, in bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from fakescope.train.lmm.plan.activations import FLOAT, Numbers, backward_work, forward_work, kept
from fakescope.train.lmm.plan.gpus import GIB
from fakescope.train.lmm.plan.layout import Layout, Stack

Strategy = Literal["single", "ddp", "zero2", "zero3", "fsdp"]
STRATEGIES: tuple[Strategy, ...] = ("single", "ddp", "zero2", "zero3", "fsdp")

TILE_TOKENS, TILE_WORDS = 4096, 32768
"""Of the loss, which TRL takes tile by tile so that the logits of a batch are never there as a whole."""

CONTEXT = 1.0 * GIB
"""The driver's context and libraries' workspaces on a GPU (CUDA, cuBLAS, NCCL): not tensors, 0.6 to 1.2 GiB."""

FRAGMENTS = 0.05
"""Share of the activations that the GPU's allocator holds without using it: an assumption."""

BUCKET = 500_000_000
"""Elements of a bucket of gradients that are reduced together: DeepSpeed's default."""


@dataclass(frozen=True)
class Work:
    """What goes through the model in one pass on one device.

    Attributes:
        batch: Conversations.
        length: Tokens of the longest, its image's among them.
        learned: Tokens of it that are learned.
        image_tokens: Tokens of an image in it.
        views: Pictures that the encoder sees of an image.
        patches: Of a view, a class token among them.
        checkpointing: Layers are computed again.
        accumulate: Passes of a step.
        gpus: Devices.
        strategy: How they share.
        numbers: Precision and attention.
        quantised: Bytes of a linear map's weight, where weights are quantised.
    """

    batch: int
    length: int
    learned: int
    image_tokens: int
    views: int
    patches: int
    checkpointing: bool = True
    accumulate: int = 1
    gpus: int = 1
    strategy: Strategy = "single"
    numbers: Numbers = field(default_factory=Numbers)
    quantised: float | None = None

    @property
    def tokens(self) -> int:
        """Of the language model."""
        return self.batch * self.length

    @property
    def seen(self) -> int:
        """Tokens of the image encoder."""
        return self.batch * self.views * self.patches


@dataclass(frozen=True)
class Memory:
    """Bytes on one device.

    Attributes:
        weights: As loaded.
        gradients: All of them, at the end of the backward pass.
        states: Of AdamW, and float32 copies of weights where the strategy keeps them.
        activations: All that the forward pass leaves for the backward pass.
        again: Of the largest layer that is computed again; a part of the workspace, where that is the highest moment.
        loss: On top of them at the loss.
        logits: What whole logits would take: batch x length x vocabulary, in float32 and with their gradient. Not in
            the sum.
        workspace: Temporary tensors at the peak's moment; on a GPU also context and the allocator's loss.
        peak: The highest moment.
        moment: Its name.
    """

    weights: float
    gradients: float
    states: float
    activations: float
    again: float
    loss: float
    logits: float
    workspace: float
    peak: float
    moment: str


@dataclass(frozen=True)
class _Block:
    """A layer in the step. Bytes: kept by the forward pass; laid down when computed again; temporary; of gradients."""

    name: str
    kept: float
    again: float
    work: float
    gradients: float


def plan_memory(layout: Layout, work: Work) -> Memory:
    """The memory of a step after the first, when the optimiser has its states."""
    weights, gradients, states = _held(layout, work)
    blocks = list(_blocks(layout, work))
    loss = _loss(layout, work)
    static = weights + states
    if work.accumulate > 1 or work.strategy == "ddp":
        static += gradients  # of the passes before; DDP's buckets have their size from the start
        blocks = [replace(b, gradients=0.0, work=b.work + b.gradients) for b in blocks]
        peak, moment, temporary = _walk(static, 0.0, blocks, loss)
    else:
        peak, moment, temporary = _walk(static, gradients, blocks, loss)
    activations = sum(block.kept for block in blocks)
    extra = _buffers(layout, work)
    if work.numbers.gpu:
        extra += CONTEXT + FRAGMENTS * (activations + temporary)
    return Memory(
        weights=weights, gradients=gradients, states=states, activations=activations,
        again=max(block.again for block in blocks), loss=loss,
        logits=2.0 * work.tokens * layout.vocabulary * FLOAT, workspace=temporary + extra, peak=peak + extra,
        moment=moment,
    )  # fmt: skip


def _walk(static: float, gradients: float, blocks: list[_Block], loss: float) -> tuple[float, str, float]:
    """The highest moment, its name, and what was temporary in it."""
    moments: list[tuple[float, str, float]] = []
    live = static
    for block in blocks:
        moments.append((live + block.work, f"forward, {block.name}", block.work))
        live += block.kept
    moments.append((live + loss, "loss", loss))
    for block in reversed(blocks):
        moments.append((live + block.again + block.work, f"backward, {block.name}", block.again + block.work))
        live += block.gradients - block.kept
    moments.append((static + gradients, "optimiser", 0.0))
    return max(moments)


def _held(layout: Layout, work: Work) -> tuple[float, float, float]:
    """Weights, gradients and optimiser's states on one device."""
    weights = float(layout.bytes)
    learning = sum(learns for _, learns in layout.counts.values())
    gradients, states = (
        float(layout.learning_bytes),
        2.0 * layout.learning_bytes,
    )  # two moments like the weights
    if work.quantised is not None:
        weights -= layout.frozen_linears * (layout.weight_size - work.quantised)
        spared = (
            2.0 * layout.counts.get("adapters", (0, 0))[1]
        )  # TRL casts adapters on quantised weights to bfloat16
        weights, gradients, states = weights - spared, gradients - spared, states - 2 * spared
    if work.strategy in ("zero2", "zero3"):
        states = 12.0 * learning / work.gpus  # float32 weights and both moments, each device its share
        gradients /= work.gpus
    if work.strategy == "fsdp":  # accelerate keeps what learns in float32 under mixed precision
        weights += FLOAT * learning - layout.learning_bytes
        gradients, states = FLOAT * learning / work.gpus, 2.0 * FLOAT * learning / work.gpus
    if work.strategy in ("zero3", "fsdp"):
        weights /= work.gpus
    return weights, gradients, states


def _buffers(layout: Layout, work: Work) -> float:
    """What sharing between devices takes on top."""
    learning = sum(learns for _, learns in layout.counts.values())
    if work.strategy == "ddp":
        return float(layout.learning_bytes)  # buckets hold a copy of all gradients
    if work.strategy == "zero2":
        return 2.0 * min(BUCKET, learning)
    if work.strategy in ("zero3", "fsdp"):
        largest = max(layout.language.parameters * layout.weight_size, layout.head_bytes)
        return 2.0 * largest  # the layer that is at work and the next one, gathered whole
    return 0.0


def _blocks(layout: Layout, work: Work) -> Iterator[_Block]:
    """The layers in the order of the forward pass."""
    in_projector = layout.vision_graph or any(learns for *_, learns in layout.projector)
    yield from _layers("image encoder", layout.vision, work, work.seen, work.patches, layout.vision_graph)
    yield _projector(layout, work, in_projector)
    embedding = 0.0 if layout.tied else layout.embedding_bytes
    yield _Block("embedding", 0.0, 0.0, 0.0, embedding)
    yield from _layers("language model", layout.language, work, work.tokens, work.length, True)
    size, width = work.numbers.size, layout.language.width
    # the last norm's float32 input, its result, and the rows of it that the loss takes
    last = work.tokens * width * (FLOAT + (size if layout.language.learns else 0) + 2 * size)
    head = layout.head_bytes if layout.head_learns else 0
    yield _Block("head", last, 0.0, 0.0, head)


def _layers(name: str, stack: Stack, work: Work, tokens: int, length: int, graph: bool) -> Iterator[_Block]:
    how = work.numbers
    if not graph:
        yield _Block(name, 0.0, 0.0, forward_work(stack, how) * tokens, 0.0)
        return
    whole, temporary = kept(stack, how, length) * tokens, backward_work(stack, how) * tokens
    if work.quantised is not None and stack.gated:
        temporary += stack.width * stack.inner * how.size  # a weight, made whole again for its product
    again = work.checkpointing and stack.checkpoints
    entry = float(stack.width * how.size * tokens)  # the layer's input, from which it is computed again
    for _ in range(stack.layers):
        if again:
            yield _Block(name, entry, whole, temporary, stack.gradient_bytes)
        else:
            yield _Block(name, whole, 0.0, temporary, stack.gradient_bytes)


def _projector(layout: Layout, work: Work, graph: bool) -> _Block:
    """Every linear map that learns keeps its input, and every one its result for what comes after; an approximation."""
    size = work.numbers.size
    if not graph:
        return _Block("projector", 0.0, 0.0, 0.0, 0.0)
    total = 0.0
    for name, wide, narrow, learns in layout.projector:
        tokens = work.seen if ".key" in name or ".value" in name else work.batch * work.image_tokens
        total += tokens * size * ((wide if learns else 0) + narrow)
    gradients = layout.counts.get("projector", (0, 0))[1] * layout.weight_size
    return _Block("projector", total, 0.0, 0.0, float(gradients))


def _loss(layout: Layout, work: Work) -> float:
    """What TRL's loss takes while it goes through its tiles.

    A tile is as wide as `TILE_WORDS` even where the vocabulary is narrower. On a GPU only learned tokens are scored and
    a kernel works in the tile itself; on a CPU all tokens are, and torch makes seven float32 tensors of a tile's size
    and a mask (scaled logits twice, log-probabilities, probabilities, the gradient and the two of its next term).
    """
    how, width = work.numbers, layout.language.width
    scored = work.batch * (work.learned if how.gpu else work.length)
    rows = min(scored, TILE_TOKENS)
    tile = rows * TILE_WORDS * how.size
    torch_made = 0.0 if how.gpu else rows * min(TILE_WORDS, layout.vocabulary) * (7 * FLOAT + 1)
    hidden = scored * width * FLOAT
    head = layout.vocabulary * width * FLOAT if layout.head_learns else 0
    return tile + torch_made + hidden + head
