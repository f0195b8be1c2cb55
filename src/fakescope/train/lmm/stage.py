"""One stage of training: from a recipe to a saved model that `fakescope` loads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fakescope.errors import ConfigError, DataError, MissingExtraError, ModelError
from fakescope.instruct.read import MANIFEST
from fakescope.models.base import ModelCard
from fakescope.models.card import save_card
from fakescope.models.hf.forensic import HfModel
from fakescope.models.hf.load import adapter_config, load_parts, put_adapter_on
from fakescope.models.names import parse_name
from fakescope.models.zoo import OWN_CARD, source_of
from fakescope.train.lmm.answers import AnswerCollator
from fakescope.train.lmm.data import PictureBook, load_rows
from fakescope.train.lmm.dev import Looker, choose_dev
from fakescope.train.lmm.folder import add_row, add_texts, check_same, describe, draw_curve, write_about
from fakescope.train.lmm.groups import counts, group_of, language_linears, projector_modules, set_trainable
from fakescope.train.lmm.recipe import Recipe, check_adapter
from fakescope.verdict.labels import candidate_sets

_DONE = {
    "align": "aligned on FakeInstruct", "tune": "tuned on FakeInstruct", "prefer": "tuned on people's preferences",
}  # fmt: skip
ALIGN_PARTS = ("judgement", "reasoning")
"""What the projector is aligned on, where a recipe names nothing: whole answers about whole images."""


@dataclass(frozen=True)
class Trained:
    """What came of a stage.

    Attributes:
        folder: Of the model: `fakescope detect --model FOLDER` takes it.
        steps: Taken in all.
        loss: Mean of the last logged steps, nats a token; None when nothing was logged.
        dev: Figures of the best checkpoint on dev; empty without dev images.
        first: Of several processes, this is the one that writes.
    """

    folder: Path
    steps: int
    loss: float | None
    dev: dict[str, float]
    first: bool = True


def train(recipe: Recipe, data: Path, images: Path, out: Path) -> Trained:
    """Run a stage; the same command goes on where it was stopped.

    Args:
        recipe: What is done.
        data: A set of instructions.
        images: Folder of its images, or the release that holds them.
        out: Run folder.

    Raises:
        ConfigError: The folder holds another run, or the recipe does not fit the adapter that goes on.
        DataError, ModelError, MissingExtraError: As in data, model and packages.
    """
    _require_packages(recipe)
    import torch
    from accelerate import PartialState
    from transformers import set_seed

    set_seed(recipe.seed)
    first = PartialState(cpu=not torch.cuda.is_available()).is_main_process
    out.mkdir(parents=True, exist_ok=True)
    model, processor, source = _prepare(recipe)
    candidate_sets(
        HfModel(model, processor, _card(recipe, source, out.name))
    )  # label words must be single tokens
    rows = _rows(recipe, data)
    listed = data / ("pairs.json" if recipe.stage == "prefer" else MANIFEST)
    about = describe(recipe, source, listed, counts(model), len(rows))
    check_same(out, about)
    if first:
        write_about(out, about)
    with PictureBook(data, images) as book:
        if missing := book.missing():
            raise DataError(
                f"{len(missing)} of {len(book.table)} pictures are missing, such as {missing[0]}",
                "see --images",
            )
        trainer = _trainer(recipe, model, processor, rows, book, out)
        trainer.train(resume_from_checkpoint=_last_checkpoint(out))
    if first:
        draw_curve(out)
    return _save(trainer, processor, recipe, source, out, first=first)


def _rows(recipe: Recipe, data: Path) -> Any:
    if recipe.stage == "prefer":
        from fakescope.train.lmm.pairs import load_pairs

        return load_pairs(data, "train", limit=recipe.limit, seed=recipe.seed)
    parts = recipe.parts or (ALIGN_PARTS if recipe.stage == "align" else ())
    return load_rows(
        data, "train", parts=parts, limit=recipe.limit, seed=recipe.seed, lengths=recipe.grouping == "length"
    )


def _require_packages(recipe: Recipe) -> None:
    try:
        import datasets
        import peft
        import trl
    except ModuleNotFoundError as error:
        raise MissingExtraError("training a multimodal model", "tune") from error
    del datasets, peft, trl
    wanted = {recipe.tracker: recipe.tracker} if recipe.tracker != "none" else {}
    wanted |= {"liger_kernel": "liger-kernel"} if recipe.liger else {}
    for module, package in wanted.items():
        if find_spec(module) is None:
            raise ConfigError(
                f"the recipe asks for {package}, which is not installed", f"pip install {package}"
            )


def _prepare(recipe: Recipe) -> tuple[Any, Any, str]:
    """The model with what is to learn set to learn; an adapter of an earlier stage goes on."""
    name = parse_name(recipe.model)
    source = source_of(name)
    before = source if adapter_config(source) else name.options.adapter
    model, processor = load_parts(source, name.options)
    if name.options.quantise:
        model = _ready_for_adapters(model, recipe, name.options.quantise)
    if before:
        if recipe.lora is None:
            model = model.merge_and_unload()
        else:
            model = put_adapter_on(model.unload(), before, trainable=True)
            check_adapter(recipe, model.peft_config["default"].to_dict())
    if recipe.lora and not before:
        model = _with_lora(model, recipe)
    elif not recipe.lora:
        set_trainable(model, recipe.trained)
    if not any(p.requires_grad for p in model.parameters()):
        raise ModelError("nothing of this model would learn", "name groups in `trained`, or give lora")
    return model, processor, source


def _ready_for_adapters(model: Any, recipe: Recipe, kind: str) -> Any:
    """A quantised model that gradients can pass through to adapters and projector (QLoRA: Dettmers et al. 2023)."""
    from peft import prepare_model_for_kbit_training

    if kind not in ("nf4", "int8"):
        raise ModelError(f"weights quantised to {kind} cannot be tuned", "nf4 or int8")
    if recipe.lora is None and set(recipe.trained) - {"projector"}:
        raise ModelError(
            "quantised weights cannot learn", "give lora, and leave vision and language out of `trained`"
        )
    return prepare_model_for_kbit_training(model, use_gradient_checkpointing=recipe.checkpointing)


def _with_lora(model: Any, recipe: Recipe) -> Any:
    from peft import LoraConfig, get_peft_model

    assert recipe.lora is not None
    saved = projector_modules(model) if "projector" in recipe.trained else None
    config = LoraConfig(
        r=recipe.lora.rank, lora_alpha=recipe.lora.alpha, lora_dropout=recipe.lora.dropout,
        target_modules=language_linears(model), modules_to_save=saved, task_type="CAUSAL_LM",
    )  # fmt: skip
    return get_peft_model(model, config)


def _trainer(recipe: Recipe, model: Any, processor: Any, rows: Any, book: PictureBook, out: Path) -> Any:
    from fakescope.train.lmm.trainer import Curve, ForensicTrainer

    look, said = None, partial(add_texts, out)
    if recipe.dev_images:
        dev = choose_dev(book.table, recipe.dev_images, recipe.seed)
        look = Looker(
            processor, dev, book, recipe.batch, recipe.dev_texts, lambda texts: trainer.tell(said, texts)
        )
    learning = [name for name, p in model.named_parameters() if p.requires_grad]
    kind: Any = ForensicTrainer
    collator: Any = AnswerCollator(processor, book)
    own: dict[str, Any] = {}
    if recipe.stage == "prefer":
        from fakescope.train.lmm.prefer import PairCollator, PreferenceTrainer

        kind, collator, own = PreferenceTrainer, PairCollator(processor, book), {"beta": recipe.beta}
    trainer = kind(
        model=model,
        args=_arguments(recipe, out, evaluates=look is not None),
        train_dataset=rows,
        eval_dataset=rows.select(range(1)) if look else None,
        data_collator=collator,
        processing_class=processor,
        callbacks=[Curve(partial(add_row, out))],
        look=look,
        vision=frozenset(name for name in learning if group_of(name) == "vision"),
        vision_rate=recipe.vision_rate,
        **own,
    )
    return trainer


def _arguments(recipe: Recipe, out: Path, *, evaluates: bool) -> Any:
    import torch
    from trl import SFTConfig

    gpu = torch.cuda.is_available()
    return SFTConfig(
        output_dir=str(out / "checkpoints"),
        max_length=None,  # nothing is ever cut off, least of all tokens of an image
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        max_steps=recipe.steps or -1,
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch,
        gradient_accumulation_steps=recipe.accumulate,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=recipe.warmup,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.clip,
        gradient_checkpointing=recipe.checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False} if recipe.checkpointing else None,
        use_liger_kernel=recipe.liger,
        bf16=gpu or bool(parse_name(recipe.model).options.quantise),  # those compute in bfloat16 everywhere
        use_cpu=not gpu,
        train_sampling_strategy="group_by_length" if recipe.grouping == "length" else "random",
        logging_steps=1 if (recipe.steps or 1000) <= 500 else 10,
        eval_strategy="steps" if evaluates else "no",
        eval_steps=recipe.evaluate_every,
        save_strategy="steps",
        save_steps=recipe.evaluate_every,
        save_total_limit=recipe.keep + 1,
        load_best_model_at_end=evaluates,
        metric_for_best_model="eval_dev_auroc" if evaluates else None,
        greater_is_better=True if evaluates else None,
        dataloader_num_workers=recipe.workers,
        report_to=recipe.tracker,
        seed=recipe.seed,
        data_seed=recipe.seed,
        disable_tqdm=False,
    )


def _last_checkpoint(out: Path) -> str | None:
    """The last one that is whole: the state is written last, so a run that was killed while writing left none."""
    whole = (out / "checkpoints").glob("checkpoint-*/trainer_state.json")
    return max((str(p.parent) for p in whole), key=lambda name: int(name.rpartition("-")[2]), default=None)


def _save(trainer: Any, processor: Any, recipe: Recipe, source: str, out: Path, *, first: bool) -> Trained:
    """Write the model, its processor and a card that says it is not calibrated."""
    folder = out / "model"
    trainer.save_model(str(folder))  # all processes: each may hold a part
    if first:
        processor.save_pretrained(folder)
        save_card(folder / OWN_CARD, _card(recipe, source, out.name))
    logged = [row["loss"] for row in trainer.state.log_history if "loss" in row][-10:]
    dev = [row for row in trainer.state.log_history if "eval_dev_auroc" in row]
    best: dict[str, float] = max(dev, key=lambda row: row["eval_dev_auroc"], default={})
    figures = {k.removeprefix("eval_"): v for k, v in best.items() if k.startswith("eval_dev")}
    loss = sum(logged) / len(logged) if logged else None
    return Trained(folder, trainer.state.global_step, loss, figures, first)


def _card(recipe: Recipe, source: str, name: str) -> ModelCard:
    return ModelCard(
        name=name, revision="1", licence="as its base model's", fake_words=("fake",), real_words=("real",),
        summary=f"{source}, {_DONE[recipe.stage]}.",
        limits=("Its probability is not calibrated yet: run `fakescope calibrate`.",), source=source,
    )  # fmt: skip
