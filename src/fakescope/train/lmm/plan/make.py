"""The plan of a recipe: everything that can be known of a run before it is run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fakescope.errors import ConfigError
from fakescope.images.preprocess import LONGER_SIDE_PX
from fakescope.records import JsonObject
from fakescope.train.lmm.plan.activations import Attention, Numbers
from fakescope.train.lmm.plan.compute import UTILISATION, Flops, Time, count_flops, take_time
from fakescope.train.lmm.plan.gpus import DEFAULT_GPU, GIB, GPUS, Gpu, find_gpu
from fakescope.train.lmm.plan.layout import Layout, read_layout
from fakescope.train.lmm.plan.memory import STRATEGIES, Memory, Strategy, Work, plan_memory
from fakescope.train.lmm.plan.pictures import Look, look, processor_of
from fakescope.train.lmm.plan.skeleton import Skeleton, build_skeleton
from fakescope.train.lmm.plan.texts import ASSUMED, Texts, measure_texts
from fakescope.train.lmm.recipe import Recipe

SHAPES = tuple((LONGER_SIDE_PX, LONGER_SIDE_PX * a // b) for a, b in ((1, 1), (3, 4), (2, 3), (9, 16)))
"""Widths and heights of levelled pictures that are looked at, and each on its side."""

QUANTISED = {"int8": 1.0, "nf4": 0.516, "torchao-int8": 1.0, "torchao-int4": 0.53}
"""Bytes of a weight: nf4 has 4 bits, an 8-bit scale for 64 weights and a float for 256 of those scales."""


@dataclass(frozen=True)
class Wish:
    """Where and how a recipe is to run.

    Attributes:
        gpu: What it runs on.
        gpus: How many.
        strategy: How they share.
        price: Dollars an hour and GPU.
        utilisation: Share of the GPU's stated operations, in (0, 1].
    """

    gpu: Gpu
    gpus: int = 1
    strategy: Strategy = "single"
    price: float | None = None
    utilisation: float = UTILISATION

    @staticmethod
    def of(gpu: str, gpus: int, strategy: str | None, price: float | None, utilisation: float) -> Wish:
        """A wish in words.

        Raises:
            ConfigError: There is no such GPU or strategy, or a number is out of range.
        """
        wanted = strategy or ("single" if gpus == 1 else "ddp")
        if wanted not in STRATEGIES:
            raise ConfigError(f"no strategy is known as {wanted!r}", f"one of {', '.join(STRATEGIES)}")
        if gpus < 1 or not 0 < utilisation <= 1 or (price is not None and price < 0):
            raise ConfigError("GPUs must be 1 or more, utilisation in (0, 1], a price not below 0")
        if wanted == "single" and gpus > 1:
            raise ConfigError(f"{gpus} GPUs cannot share by 'single'", "ddp, zero2, zero3 or fsdp")
        return Wish(find_gpu(gpu or DEFAULT_GPU), gpus, wanted, price, utilisation)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Plan:
    """What a run needs.

    Attributes:
        recipe: What is run.
        wish: Where.
        dtype: Of the weights, as loaded.
        layout: The model.
        picture: The picture that takes most, of those that are looked at.
        image_tokens: Mean over them.
        texts: The conversations.
        work: A pass on one GPU.
        memory: Of it.
        variants: Way of computing layers -> bytes of activations, a layer that is computed again among them.
        flops: Of a mean conversation.
        seen: Conversations that go through the model in all.
        times: GPU -> hours and cost: of the wished one, and of an A100 and an H100.
        hints: What to change where it does not fit; what else would.
    """

    recipe: Recipe
    wish: Wish
    dtype: str
    layout: Layout
    picture: Look
    image_tokens: float
    texts: Texts
    work: Work
    memory: Memory
    variants: dict[str, float]
    flops: Flops
    seen: float
    times: dict[str, Time]
    hints: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether the peak is below what the GPU has."""
        return self.memory.peak <= self.wish.gpu.gib * GIB

    def to_json(self) -> JsonObject:
        """All numbers, for programs; memory in bytes."""
        values: JsonObject = asdict(self)
        values["fits"] = self.fits
        return values


def make_plan(recipe: Recipe, wish: Wish, data: Path | None = None) -> Plan:
    """Plan a run. It takes a few seconds, most of them for imports; no weight is read.

    Args:
        recipe: What is run.
        wish: Where.
        data: A set of instructions to take lengths and number of conversations from; else they are assumed.

    Raises:
        ModelError: The model is not known here.
        DataError: The set cannot be read.
        ConfigError: The strategy cannot take it.
    """
    skeleton = build_skeleton(recipe)
    layout = read_layout(skeleton.model, checkpointing=recipe.checkpointing)
    pictures = [
        look(skeleton, size) for width, height in SHAPES for size in {(width, height), (height, width)}
    ]
    picture = max(pictures, key=lambda seen: (seen.tokens, seen.views * seen.patches))
    texts = _texts(recipe, skeleton, data)
    work = _work(recipe, wish, skeleton, layout, picture, texts)
    mean = sum(seen.tokens for seen in pictures) / len(pictures)
    encoded = sum(seen.views * seen.patches for seen in pictures) / len(pictures)
    flops = count_flops(
        layout, length=texts.mean + mean, learned=texts.learned, image_tokens=round(mean),
        views=max(1, round(encoded / picture.patches)), patches=picture.patches, checkpointing=recipe.checkpointing,
    )  # fmt: skip
    seen = _conversations(recipe, wish, texts)
    memory = plan_memory(layout, work)
    return Plan(
        recipe, wish, skeleton.dtype, layout, picture, mean, texts, work, memory, _variants(layout, work), flops, seen,
        {gpu.name: _time(flops, seen, gpu, wish) for gpu in (wish.gpu, GPUS["a100-80"], GPUS["h100-80"])},
        tuple(_hints(layout, work, wish, memory)),
    )  # fmt: skip


def _time(flops: Flops, seen: float, gpu: Gpu, wish: Wish) -> Time:
    asked = wish.price if wish.price is not None and gpu == wish.gpu else gpu.price
    return take_time(flops, seen, gpu, wish.gpus, wish.utilisation, asked)


def _texts(recipe: Recipe, skeleton: Skeleton, data: Path | None) -> Texts:
    from fakescope.instruct.mixture import WEIGHTS
    from fakescope.train.lmm.stage import ALIGN_PARTS

    parts = recipe.parts or (ALIGN_PARTS if recipe.stage == "align" else ())
    if data is None:
        share = sum(weight for part, weight in WEIGHTS.items() if part in parts) if parts else 1.0
        return replace(ASSUMED, conversations=round(ASSUMED.conversations * (share or 1.0)))
    if skeleton.folder is None:
        return measure_texts(data, parts, None, None)
    from fakescope.models.hf.prompt import Prompter

    processor = processor_of(skeleton)
    return measure_texts(data, parts, Prompter(processor), processor.tokenizer)


def _work(
    recipe: Recipe, wish: Wish, skeleton: Skeleton, layout: Layout, picture: Look, texts: Texts
) -> Work:
    options = skeleton.name.options
    attention: Attention = options.attention or "sdpa"
    how = Numbers(
        2, attention, True, recipe.batch > 1, layout.rank, layout.dropout
    )  # bfloat16 or mixed precision
    return Work(
        batch=recipe.batch, length=texts.longest + picture.tokens, learned=texts.most_learned,
        image_tokens=picture.tokens, views=picture.views, patches=picture.patches, checkpointing=recipe.checkpointing,
        accumulate=recipe.accumulate, gpus=wish.gpus, strategy=wish.strategy, numbers=how,
        quantised=QUANTISED[options.quantise] if options.quantise else None,
    )  # fmt: skip


def _conversations(recipe: Recipe, wish: Wish, texts: Texts) -> float:
    if recipe.steps:
        return recipe.steps * recipe.batch * recipe.accumulate * wish.gpus
    return min(texts.conversations, recipe.limit or texts.conversations) * recipe.epochs


def _variants(layout: Layout, work: Work) -> dict[str, float]:
    """Activations however the layers could be computed."""
    found = {}
    for attention in ("flash_attention_2", "sdpa", "eager"):
        for checkpointing in (True, False):
            how: Any = replace(work.numbers, attention=attention)
            changed = plan_memory(layout, replace(work, checkpointing=checkpointing, numbers=how))
            found[f"{attention}, {'checkpointing' if checkpointing else 'all kept'}"] = (
                changed.activations + changed.again
            )
    return found


def _hints(layout: Layout, work: Work, wish: Wish, memory: Memory) -> Iterator[str]:
    """What to change where it does not fit, tried on the same formula; or how much more would fit."""
    room = wish.gpu.gib * GIB
    if memory.peak <= room:
        yield from _larger(layout, work, room)
        return
    for text, changed in _changes(layout, work):
        needed = plan_memory(layout, changed).peak
        if needed <= room:
            yield f"{text}: {needed / GIB:.1f} GiB"
    fitting = [gpu.name for gpu in GPUS.values() if gpu.gib * GIB >= memory.peak]
    if fitting:
        yield f"it fits on {', '.join(fitting)}"


def _changes(layout: Layout, work: Work) -> Iterator[tuple[str, Work]]:
    base = work
    if not work.checkpointing:
        base = replace(work, checkpointing=True)
        yield "checkpointing: true", base
    smaller = base
    while smaller.batch > 1:
        smaller = replace(smaller, batch=smaller.batch // 2, accumulate=smaller.accumulate * 2)
        yield f"batch: {smaller.batch} with accumulate: {smaller.accumulate}", smaller
    if work.quantised is None and layout.rank:
        yield "weights in nf4 (?quantise=nf4)", replace(base, quantised=QUANTISED["nf4"])
    for gpus in (2, 4, 8, 32):
        if gpus >= work.gpus and work.quantised is None:
            yield f"zero3 on {gpus} GPUs", replace(base, strategy="zero3", gpus=gpus)


def _larger(layout: Layout, work: Work, room: float) -> Iterator[str]:
    batch = work.batch
    while batch < 512 and plan_memory(layout, replace(work, batch=2 * batch)).peak <= room:
        batch *= 2
    if batch > work.batch:
        yield f"batch: {batch} would fit too"
    if (
        work.checkpointing
        and (needed := plan_memory(layout, replace(work, checkpointing=False)).peak) <= room
    ):
        yield f"checkpointing: false would fit too ({needed / GIB:.1f} GiB) and is faster"
