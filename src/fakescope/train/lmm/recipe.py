"""What a training run does. Every value has its unit and a default that a first run can keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fakescope.config import load_config
from fakescope.errors import ConfigError

STAGES = ("align", "tune", "prefer")
GROUPINGS = ("none", "length")
TRACKERS = ("none", "tensorboard", "trackio", "wandb")


@dataclass(frozen=True)
class Lora:
    """Low-rank adapters on the language model's linear layers.

    Attributes:
        rank: Of the update.
        alpha: Scale; the update is multiplied by alpha / rank.
        dropout: In [0, 1).
    """

    rank: int = 64
    alpha: int = 128
    dropout: float = 0.05


@dataclass(frozen=True)
class Recipe:
    """One stage.

    Attributes:
        stage: align (captions and descriptions), tune (all of FakeInstruct), or prefer (accepted drafts over rejected).
        model: A model of transformers, as `fakescope models` and `fakescope.models.names` call it.
        trained: Groups of parameters that learn in full: vision, projector, language.
        lora: Adapters on the language model; None for none.
        parts: Of FakeInstruct; all if empty.
        limit: At most so many instructions, drawn by the seed; None for all.
        epochs: Times that the instructions are seen, when `steps` is None.
        steps: Optimiser steps.
        batch: Conversations on one device and pass.
        accumulate: Passes of one optimiser step.
        learning_rate: Highest, of everything but the vision encoder.
        vision_rate: Highest, of the vision encoder, where it learns.
        warmup: Share of the steps over which the rate rises; then it falls as a cosine.
        weight_decay: AdamW's.
        clip: Largest norm of the gradient.
        grouping: length puts conversations of like length into a batch, so that little is padding. (Packing several
            into one row would need a mask between them; TRL refuses it for images.)
        beta: Of DPO, in the stage prefer: how dearly it is paid to leave the model before.
        checkpointing: Gradients are computed again instead of kept: less memory, a third more time.
        liger: The kernels of liger-kernel, where installed.
        evaluate_every: Steps between looks at dev.
        dev_images: Images that are looked at, as many real as fake; 0 for none.
        dev_texts: Of those, how many are also asked for words; see texts.jsonl in the run folder.
        keep: Checkpoints that are kept beside the best.
        tracker: Where curves go besides the run folder.
        workers: Processes that prepare batches.
        seed: Of order and adapters.
    """

    stage: str
    model: str
    trained: tuple[str, ...] = ("projector",)
    lora: Lora | None = None
    parts: tuple[str, ...] = ()
    limit: int | None = None
    epochs: float = 1.0
    steps: int | None = None
    batch: int = 4
    accumulate: int = 1
    learning_rate: float = 2e-4
    vision_rate: float = 2e-6
    warmup: float = 0.03
    weight_decay: float = 0.0
    clip: float = 1.0
    grouping: str = "none"
    beta: float = 0.1
    checkpointing: bool = True
    liger: bool = False
    evaluate_every: int = 200
    dev_images: int = 128
    dev_texts: int = 8
    keep: int = 1
    tracker: str = "none"
    workers: int = 2
    seed: int = 0


def load_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        ConfigError: It does not fit; every fault is listed.
    """
    recipe = load_config(path, Recipe)
    if faults := _faults(recipe):
        raise ConfigError(f"{path} has {len(faults)} fault(s): " + "; ".join(faults), "mend the file")
    return recipe


def check_adapter(recipe: Recipe, adapter: Mapping[str, Any]) -> None:
    """An adapter that goes on keeps its rank, scale and modules, so the recipe has to name the same ones.

    Args:
        recipe: With `lora`.
        adapter: PEFT's configuration of it.

    Raises:
        ConfigError: They differ.
    """
    assert recipe.lora is not None
    pairs = {
        "rank": (recipe.lora.rank, adapter.get("r")),
        "alpha": (recipe.lora.alpha, adapter.get("lora_alpha")),
        "trained: projector": ("projector" in recipe.trained, bool(adapter.get("modules_to_save"))),
    }
    if differing := [f"{name} {own} but {other}" for name, (own, other) in pairs.items() if own != other]:
        raise ConfigError(
            f"the adapter that goes on is not the one in the recipe: {', '.join(differing)} in the adapter",
            "mend the recipe, or merge the adapter first with fakescope export",
        )


def _faults(recipe: Recipe) -> list[str]:
    known = {"vision", "projector", "language"}
    rules = {
        f"stage must be one of {', '.join(STAGES)}": recipe.stage in STAGES,
        f"tracker must be one of {', '.join(TRACKERS)}": recipe.tracker in TRACKERS,
        f"grouping must be one of {', '.join(GROUPINGS)}": recipe.grouping in GROUPINGS,
        "beta must be above 0": recipe.beta > 0,
        f"trained must be of {', '.join(sorted(known))}": set(recipe.trained) <= known,
        "nothing is trained: name groups or give lora": bool(recipe.trained or recipe.lora),
        "lora and trained: language exclude each other": not (recipe.lora and "language" in recipe.trained),
        "lora and trained: vision exclude each other, for an adapter does not hold the tower": not (
            recipe.lora and "vision" in recipe.trained
        ),
        "batch, accumulate, keep and evaluate_every must be 1 or more": min(
            recipe.batch, recipe.accumulate, recipe.keep, recipe.evaluate_every
        )
        >= 1,
        "learning_rate must be above 0": recipe.learning_rate > 0,
        "epochs must be above 0": recipe.epochs > 0,
        "steps must be 1 or more": recipe.steps is None or recipe.steps >= 1,
        "limit must be 1 or more": recipe.limit is None or recipe.limit >= 1,
        "warmup must be in [0, 1)": 0 <= recipe.warmup < 1,
        "dev_images, dev_texts and workers cannot be below 0": min(
            recipe.dev_images, recipe.dev_texts, recipe.workers
        )
        >= 0,
        "lora: rank and alpha must be 1 or more, dropout in [0, 1)": recipe.lora is None
        or (min(recipe.lora.rank, recipe.lora.alpha) >= 1 and 0 <= recipe.lora.dropout < 1),
    }
    return [fault for fault, holds in rules.items() if not holds]
