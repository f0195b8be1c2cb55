"""Is the plan's memory right? Peaks of real training steps at small size on this CPU, against the formula.

    python benchmarks/train_memory.py [CASE...]

What is measured: the bytes of all tensors that are alive. Every operation that torch dispatches (forward, backward and
optimiser alike) is watched; the storage of each of its results is counted once, when it appears, and is taken off by a
weak reference's callback when it is freed. That is exact to the byte, where the resident size of a process has the
noise of its allocator. What an operation takes and frees inside itself (a matrix product's scratch space) is not seen;
the plan has no term for it on a CPU either. The steps are those of the project's own stage, trainer and collator, on a
family's real classes at small size; the first step, which makes the optimiser's states, is left out.
"""

from __future__ import annotations

import argparse
import tempfile
import weakref
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
import trl
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import TrainerCallback

from fakescope.models.hf import tiny
from fakescope.train.lmm import stage
from fakescope.train.lmm.answers import AnswerCollator
from fakescope.train.lmm.plan.activations import Numbers
from fakescope.train.lmm.plan.layout import read_layout
from fakescope.train.lmm.plan.memory import Memory, Work, plan_memory
from fakescope.train.lmm.plan.pictures import look
from fakescope.train.lmm.plan.skeleton import build_skeleton
from fakescope.train.lmm.recipe import Lora, Recipe
from fakescope.train.lmm.trainer import ForensicTrainer

MIB = 2**20
STEPS = 2
SAID = "This image is fake: the hair melts into the ear, and light falls from two sides at once. "
SIZE = (96, 96)


@dataclass(frozen=True)
class Case:
    """A model and a run.

    Attributes:
        family: Of `fakescope.models.hf.tiny`.
        recipe: Without its model.
        text: What its language model has more than the tiny one.
        vision: What its image encoder has more.
        said: Times that an answer says its sentence.
        padded: Every other answer says it half as often.
        mixed: In bfloat16 under mixed precision, as on a GPU; else in float32.
    """

    family: str
    recipe: Recipe
    text: dict[str, Any] = field(default_factory=dict)
    vision: dict[str, Any] = field(default_factory=dict)
    said: int = 4
    padded: bool = False
    mixed: bool = False


def _recipe(**changes: Any) -> Recipe:
    values: dict[str, Any] = {
        "stage": "tune", "model": "", "steps": STEPS, "batch": 8, "dev_images": 0, "workers": 0, "checkpointing": False,
        "learning_rate": 1e-4, "evaluate_every": 1000,
    }  # fmt: skip
    return Recipe(**(values | changes))


WIDER = {"hidden_size": 512, "intermediate_size": 1408, "num_attention_heads": 8, "num_hidden_layers": 6}
ALL = ("vision", "projector", "language")
CASES = {
    "llava-1.5, all learns": Case(
        "llava-1.5", _recipe(trained=ALL), {**WIDER, "num_key_value_heads": 8}, {"num_hidden_layers": 6}
    ),
    "qwen2.5-vl, adapters, computed again": Case(
        "qwen2.5-vl", _recipe(lora=Lora(16, 32, 0.05), checkpointing=True),
        {"num_hidden_layers": 8, "intermediate_size": 1024}, {"depth": 6}, said=8,
    ),
    "smolvlm, projector alone": Case(
        "smolvlm", _recipe(stage="align", trained=("projector",), batch=6),
        {**WIDER, "num_key_value_heads": 4}, {"num_hidden_layers": 4}, padded=True,
    ),
    "qwen3-vl, all learns, computed again": Case(
        "qwen3-vl", _recipe(trained=ALL, checkpointing=True, batch=2),
        {**WIDER, "num_key_value_heads": 4}, {"depth": 6}, said=1,
    ),
    "internvl, adapters, mixed precision": Case(
        "internvl", _recipe(lora=Lora(16, 32, 0.05), batch=4), {"num_hidden_layers": 8, "intermediate_size": 1024},
        {"num_hidden_layers": 4}, mixed=True,
    ),
    "gemma3, all learns in two passes": Case(
        "gemma3", _recipe(trained=ALL, batch=2, accumulate=2), {**WIDER, "num_key_value_heads": 4}, said=2,
    ),
}  # fmt: skip


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of living storages.

    Attributes:
        live: Bytes that are alive now.
        peak: Most since `reset`.
    """

    def __init__(self, known: list[torch.Tensor]) -> None:
        super().__init__()
        self._sizes: dict[int, int] = {}
        self.live = self.peak = 0
        for tensor in known:
            self._meet(tensor)
        self.reset()

    def reset(self) -> None:
        """Begin a new peak."""
        self.peak = self.live

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor):
                self._meet(leaf)
        return out

    def _meet(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._sizes:
            return
        self._sizes[key] = storage.nbytes()
        self.live += storage.nbytes()
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._part, key)

    def _part(self, key: int) -> None:
        self.live -= self._sizes.pop(key)


@dataclass(frozen=True)
class Measured:
    """Bytes: the highest moment of a step, and what was alive between forward and backward pass beyond what lay there
    before the pass.
    """

    peak: int
    activations: int


class _Steps(TrainerCallback):  # type: ignore[misc]
    """Figures of the steps after the first."""

    def __init__(self, watch: LiveBytes) -> None:
        self._watch, self._before = watch, 0
        self.peaks: list[int] = []
        self.activations: list[int] = []

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._watch.reset()
        self._before = self._watch.live

    def on_substep_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._before = self._watch.live

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.peaks.append(self._watch.peak)

    def before(self, backward: Any) -> Any:
        """`backward` with a look at what is alive when it begins."""

        def looked_at(*args: Any, **kwargs: Any) -> Any:
            self.activations.append(self._watch.live - self._before)
            return backward(*args, **kwargs)

        return looked_at

    def figures(self) -> Measured:
        return Measured(max(self.peaks[1:]), max(self.activations[1:]))


def measure(case: Case, folder: Path) -> tuple[Memory, Measured]:
    """What the plan says of a case, and what was measured."""
    _save_wider(case, folder / "base")
    recipe = replace(case.recipe, model=f"{folder / 'base'}?dtype={'bfloat16' if case.mixed else 'float32'}")
    model, processor, _ = stage._prepare(recipe)
    rows = _rows(recipe, case)
    collator = AnswerCollator(processor, lambda _: Image.new("RGB", SIZE, (200, 30, 90)))
    watch = LiveBytes([*model.parameters(), *model.buffers()])
    steps = _Steps(watch)
    trainer = ForensicTrainer(
        model=model, args=_arguments(recipe, folder, case.mixed), train_dataset=rows,
        data_collator=collator, processing_class=processor, callbacks=[steps], look=None, vision=frozenset(),
        vision_rate=recipe.vision_rate,
    )  # fmt: skip
    trainer.accelerator.backward = steps.before(trainer.accelerator.backward)
    with watch:
        trainer.train()
    return plan(recipe, collator([rows[0]]), case), steps.figures()


def _arguments(recipe: Recipe, folder: Path, mixed: bool) -> Any:
    """The stage's own, but for mixed precision, which it asks for on a GPU alone."""
    kind = trl.SFTConfig
    with patch.object(trl, "SFTConfig", lambda **values: kind(**{**values, "bf16": mixed})):
        return stage._arguments(recipe, folder / "run", evaluates=False)


def plan(recipe: Recipe, longest: Any, case: Case) -> Memory:
    """The plan's memory of a recipe, from the folder of its model, for the batches that are measured."""
    skeleton = build_skeleton(recipe)
    layout = read_layout(skeleton.model, checkpointing=recipe.checkpointing)
    picture = look(skeleton, SIZE)
    size = 2 if case.mixed else 4
    how = Numbers(size=size, gpu=False, masked=case.padded, rank=layout.rank, dropout=layout.dropout)
    return plan_memory(
        layout,
        Work(
            batch=recipe.batch, length=longest["input_ids"].shape[1], learned=int((longest["labels"] >= 0).sum()),
            image_tokens=picture.tokens, views=picture.views, patches=picture.patches,
            checkpointing=recipe.checkpointing, accumulate=recipe.accumulate, numbers=how,
        ),
    )  # fmt: skip


def _save_wider(case: Case, folder: Path) -> None:
    model, processor = tiny.build_tiny(case.family)
    values = model.config.to_dict()
    text = values.get("text_config", values)
    text.pop("layer_types", None)  # of the layers that the tiny model has
    text.update(case.text)
    values["vision_config"].update(case.vision)
    if "out_hidden_size" in values["vision_config"]:
        values["vision_config"]["out_hidden_size"] = text["hidden_size"]
    torch.manual_seed(0)
    type(model)(type(model.config).from_dict(values)).save_pretrained(folder)
    processor.save_pretrained(folder)


def _rows(recipe: Recipe, case: Case) -> Any:
    from datasets import Dataset

    count = recipe.batch * recipe.accumulate * (STEPS + 1)
    question = {"role": "user", "content": "What is the authenticity of this image?"}
    answers = [SAID * (case.said // (1 + case.padded * (number % 2))) for number in range(count)]
    return Dataset.from_list([
        {"image": "one", "messages": [question, {"role": "assistant", "content": answer}]} for answer in answers
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", nargs="*", choices=[*CASES, []])
    chosen = parser.parse_args().case or list(CASES)
    print(f"{'MiB':38} {'peak: plan measured ratio':>26} {'activations: plan measured ratio':>34}   moment")
    for name in chosen:
        with tempfile.TemporaryDirectory() as folder:
            said, found = measure(CASES[name], Path(folder))
        print(
            f"{name:38} {_compare(said.peak, found.peak)} {_compare(said.activations, found.activations):>34}  ",
            said.moment,
        )


def _compare(said: float, found: float) -> str:
    return f"{said / MIB:10.1f} {found / MIB:8.1f} {said / found:6.3f}"


if __name__ == "__main__":
    main()
