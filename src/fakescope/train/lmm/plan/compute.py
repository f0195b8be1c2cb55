"""Operations of a run, and from them hours and cost.

A product of a weight with a token is one multiplication and one addition a parameter: 2N. Backwards, the gradient of
the input is as much again, and the gradient of the weight too. So a learning weight costs 6N a token, a frozen one that
gradients go through 4N, and one before everything that learns 2N; computing layers again adds 2N. Attention adds
products of tokens with tokens, of which a causal one needs half.
"""

from __future__ import annotations

from dataclasses import dataclass

from fakescope.train.lmm.plan.gpus import Gpu
from fakescope.train.lmm.plan.layout import Layout, Stack

UTILISATION = 0.35
"""Share of the GPU's stated operations that a run of this kind reaches: 0.3 to 0.45 is usual."""


@dataclass(frozen=True)
class Flops:
    """Operations of one conversation, forward and backward.

    Attributes:
        vision: Of the image encoder.
        projector: Of what lies between.
        language: Of the decoder and its head.
    """

    vision: float
    projector: float
    language: float

    @property
    def total(self) -> float:
        """Of all."""
        return self.vision + self.projector + self.language


@dataclass(frozen=True)
class Time:
    """Of a whole run.

    Attributes:
        flops: Operations.
        hours: By the clock.
        gpu_hours: Times GPUs.
        dollars: At the price an hour.
    """

    flops: float
    hours: float
    gpu_hours: float
    dollars: float


def count_flops(
    layout: Layout,
    *,
    length: float,
    learned: float,
    image_tokens: int,
    views: int,
    patches: int,
    checkpointing: bool,
) -> Flops:
    """Operations of a conversation.

    Args:
        layout: What is trained.
        length: Tokens, its image's among them.
        learned: Tokens that the head scores, forward, once more and backward.
        image_tokens: Of the image.
        views: Pictures that the encoder sees.
        patches: Of a view.
        checkpointing: Layers are computed again.
    """
    adapters = layout.counts.get("adapters", (0, 0))[0]
    passes = _passes(layout.language, True, layout.language.learns, checkpointing)
    language = _products(layout.language, length, length / 2) * passes
    again = checkpointing and layout.language.checkpoints
    language += 2 * adapters * length * (4 if again else 3)
    head = layout.vocabulary * layout.language.width
    language += (
        2 * head * learned * (3 + layout.head_learns)
    )  # scored tile by tile, and computed again backwards
    graph = layout.vision_graph
    vision = _products(layout.vision, views * patches, patches) * _passes(
        layout.vision, graph, layout.vision.learns, checkpointing
    )
    number, learns = layout.counts.get("projector", (0, 0))
    projector = 2 * number * image_tokens * (3 if learns else 2 if graph else 1)
    return Flops(vision, projector, language)


def _passes(stack: Stack, graph: bool, learns: bool, checkpointing: bool) -> int:
    """How often the forward pass's operations are done in all."""
    if not graph:
        return 1
    return 2 + learns + (checkpointing and stack.checkpoints)


def _products(stack: Stack, tokens: float, seen: float) -> float:
    """Operations of a forward pass; every token attends to `seen` others."""
    return stack.layers * tokens * (2 * stack.parameters + 4 * seen * stack.query)


def take_time(
    flops: Flops, conversations: float, gpu: Gpu, gpus: int, utilisation: float, price: float
) -> Time:
    """Hours and dollars of a run.

    Args:
        flops: Of a conversation.
        conversations: How often one goes through the model.
        gpu: What it runs on.
        gpus: How many.
        utilisation: In (0, 1].
        price: Dollars an hour and GPU.
    """
    total = flops.total * conversations
    gpu_hours = total / (gpu.tflops * 1e12 * utilisation) / 3600
    return Time(total, gpu_hours / gpus, gpu_hours, gpu_hours * price)
