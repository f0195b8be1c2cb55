"""One stage of training: from a recipe to a saved model that `fakescope` loads."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fakescope.errors import DataError, MissingExtraError, ModelError
from fakescope.models.base import ModelCard
from fakescope.models.hf.forensic import HfModel
from fakescope.models.hf.load import adapter_config, load_parts, put_adapter_on
from fakescope.models.names import parse_name
from fakescope.models.zoo import OWN_CARD, source_of
from fakescope.train.lmm.answers import AnswerCollator
from fakescope.train.lmm.data import PictureBook, load_rows
from fakescope.train.lmm.dev import choose_dev, look_at_dev
from fakescope.train.lmm.folder import add_row, describe, draw_curve
from fakescope.train.lmm.groups import counts, group_of, language_linears, projector_modules, set_trainable
from fakescope.train.lmm.recipe import Recipe
from fakescope.verdict.labels import candidate_sets

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
    """

    folder: Path
    steps: int
    loss: float | None
    dev: dict[str, float]


def train(recipe: Recipe, data: Path, images: Path, out: Path) -> Trained:
    """Run a stage; the same command goes on where it was stopped.

    Args:
        recipe: What is done.
        data: A set of instructions.
        images: Folder of its images, or the release that holds them.
        out: Run folder.

    Raises:
        DataError, ModelError, MissingExtraError: As in data, model and packages.
    """
    _require_packages()
    from transformers import set_seed

    set_seed(recipe.seed)
    out.mkdir(parents=True, exist_ok=True)
    model, processor, source = _prepare(recipe)
    candidate_sets(
        HfModel(model, processor, _card(recipe, source, out.name))
    )  # label words must be single tokens
    parts = recipe.parts or (ALIGN_PARTS if recipe.stage == "align" else ())
    rows = load_rows(data, "train", parts=parts, limit=recipe.limit, seed=recipe.seed)
    describe(out, recipe, data, counts(model), len(rows))
    with PictureBook(data, images) as book:
        if missing := book.missing():
            raise DataError(
                f"{len(missing)} of {len(book.table)} pictures are missing, such as {missing[0]}",
                "see --images",
            )
        trainer = _trainer(recipe, model, processor, rows, book, out)
        trainer.train(resume_from_checkpoint=_last_checkpoint(out))
    draw_curve(out)
    return _save(trainer, processor, recipe, source, out)


def _require_packages() -> None:
    try:
        import datasets
        import peft
        import trl
    except ModuleNotFoundError as error:
        raise MissingExtraError("training a multimodal model", "tune") from error
    del datasets, peft, trl


def _prepare(recipe: Recipe) -> tuple[Any, Any, str]:
    """The model with what is to learn set to learn; an adapter of an earlier stage goes on."""
    name = parse_name(recipe.model)
    source = source_of(name)
    before = source if adapter_config(source) else name.options.adapter
    model, processor = load_parts(source, name.options)
    if before:
        if recipe.lora is None:
            model = model.merge_and_unload()
        else:
            model = put_adapter_on(model.unload(), before, trainable=True)
    if recipe.lora and not before:
        model = _with_lora(model, recipe)
    elif not recipe.lora:
        set_trainable(model, recipe.trained)
    if not any(p.requires_grad for p in model.parameters()):
        raise ModelError("nothing of this model would learn", "name groups in `trained`, or give lora")
    return model, processor, source


def _with_lora(model: Any, recipe: Recipe) -> Any:
    from peft import LoraConfig, get_peft_model

    assert recipe.lora is not None
    saved = projector_modules(model) if "projector" in recipe.trained else None
    config = LoraConfig(
        r=recipe.lora.rank, lora_alpha=recipe.lora.alpha, lora_dropout=recipe.lora.dropout,
        target_modules=language_linears(model), modules_to_save=saved, task_type="CAUSAL_LM",
    )  # fmt: skip
    tuned = get_peft_model(model, config)
    if "vision" in recipe.trained:
        for name, parameter in tuned.named_parameters():
            if group_of(name) == "vision":
                parameter.requires_grad_(True)
    return tuned


def _trainer(recipe: Recipe, model: Any, processor: Any, rows: Any, book: PictureBook, out: Path) -> Any:
    from fakescope.train.lmm.trainer import Curve, ForensicTrainer

    look = None
    if recipe.dev_images:
        dev = choose_dev(book.table, recipe.dev_images, recipe.seed)
        look = partial(look_at_dev, processor=processor, dev=dev, picture=book, batch=recipe.batch)
    learning = [name for name, p in model.named_parameters() if p.requires_grad]
    return ForensicTrainer(
        model=model,
        args=_arguments(recipe, out, evaluates=look is not None),
        train_dataset=rows,
        eval_dataset=rows.select(range(1)) if look else None,
        data_collator=AnswerCollator(processor, book),
        processing_class=processor,
        callbacks=[Curve(partial(add_row, out))],
        look=look,
        vision=frozenset(name for name in learning if group_of(name) == "vision"),
        vision_rate=recipe.vision_rate,
    )


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
        bf16=gpu,
        use_cpu=not gpu,
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
    from transformers.trainer_utils import get_last_checkpoint

    folder = out / "checkpoints"
    found: str | None = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    return found


def _save(trainer: Any, processor: Any, recipe: Recipe, source: str, out: Path) -> Trained:
    """Write the model, its processor and a card that says it is not calibrated."""
    folder = out / "model"
    trainer.save_model(str(folder))
    processor.save_pretrained(folder)
    card = _card(recipe, source, out.name)
    (folder / OWN_CARD).write_text(json.dumps(asdict(card), indent=2) + "\n", encoding="utf-8")
    logged = [row["loss"] for row in trainer.state.log_history if "loss" in row][-10:]
    dev = [row for row in trainer.state.log_history if "eval_dev_auroc" in row]
    best: dict[str, float] = max(dev, key=lambda row: row["eval_dev_auroc"], default={})
    figures = {k.removeprefix("eval_"): v for k, v in best.items() if k.startswith("eval_dev")}
    loss = sum(logged) / len(logged) if logged else None
    return Trained(folder, trainer.state.global_step, loss, figures)


def _card(recipe: Recipe, source: str, name: str) -> ModelCard:
    return ModelCard(
        name=name, revision="1", licence="as its base model's", fake_words=("fake",), real_words=("real",),
        summary=f"{source}, {'aligned' if recipe.stage == 'align' else 'tuned'} on FakeInstruct.",
        limits=("Its probability is not calibrated yet: run `fakescope calibrate`.",), source=source,
    )  # fmt: skip
