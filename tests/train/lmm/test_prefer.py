"""Learning from preferences: the loss is DPO's, and people's choices become likelier, on families of either make."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("datasets")
sys.path.insert(0, str(Path(__file__).parent))

from datasets import Dataset  # noqa: E402
from made_reviews import good_and_bad  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from PIL import Image  # noqa: E402
from trl import SFTConfig  # noqa: E402

from fakescope.chain.release.write import ALL, Release, write_release  # noqa: E402
from fakescope.models.hf.load import put_adapter_on  # noqa: E402
from fakescope.models.hf.tiny import FAMILIES, build_tiny, save_tiny  # noqa: E402
from fakescope.models.zoo import load_model  # noqa: E402
from fakescope.prompts.product import DESCRIBE_PROMPT  # noqa: E402
from fakescope.records import Label  # noqa: E402
from fakescope.train.lmm import stage  # noqa: E402
from fakescope.train.lmm.folder import read_curve  # noqa: E402
from fakescope.train.lmm.groups import language_linears  # noqa: E402
from fakescope.train.lmm.pairs import make_pairs  # noqa: E402
from fakescope.train.lmm.prefer import PairCollator, PreferenceTrainer  # noqa: E402
from fakescope.train.lmm.recipe import Lora, Recipe  # noqa: E402

pytestmark = pytest.mark.slow
CLOSE = 1e-4
LN_2 = math.log(2.0)
SIZES = {"wide": (200, 120), "tall": (90, 150), "square": (64, 64)}
TEXTS = {
    "wide": ("This image is fake because the sleeve melts.", "This image is fake because it is odd, all of it."),
    "tall": ("This image is real because the grain is even everywhere.", "This image is real."),
    "square": ("This image is fake because the roof has no edge <image>.", "This image is fake because so."),
}  # fmt: skip
PROMPT = [{"role": "user", "content": DESCRIBE_PROMPT}]
PAIRS = [
    {"id": id, "image": id, "prompt": PROMPT, "chosen": chosen, "rejected": rejected}
    for id, (chosen, rejected) in TEXTS.items()
]


def picture(id: str) -> Image.Image:
    return Image.new("RGB", SIZES[id], (200, 30, 90))


def trainer_of(model: Any, processor: Any, out: Path, **changes: Any) -> PreferenceTrainer:
    values: dict[str, Any] = {
        "max_steps": 12, "learning_rate": 1e-3, "per_device_train_batch_size": 3, "beta": 0.1,
    } | changes  # fmt: skip
    beta = values.pop("beta")
    args = SFTConfig(
        output_dir=str(out), max_length=None, dataset_kwargs={"skip_prepare_dataset": True}, logging_steps=1,
        remove_unused_columns=False, save_strategy="no", report_to="none", use_cpu=True, bf16=False,
        gradient_checkpointing=False, disable_tqdm=True, lr_scheduler_type="constant", **values,
    )  # fmt: skip
    return PreferenceTrainer(
        model=model, args=args, train_dataset=Dataset.from_list(PAIRS), data_collator=PairCollator(processor, picture),
        processing_class=processor, look=None, vision=frozenset(), vision_rate=0.0, beta=beta,
    )  # fmt: skip


def with_adapter(model: Any, dropout: float = 0.0) -> Any:
    return get_peft_model(
        model, LoraConfig(r=8, lora_alpha=16, lora_dropout=dropout, target_modules=language_linears(model))
    )


def logged(trainer: Any, name: str) -> list[float]:
    return [row[name] for row in trainer.state.log_history if name in row]


@pytest.mark.parametrize("adapters", [False, True], ids=["all", "lora"])
@pytest.mark.parametrize("family", ["llava-1.5", "qwen2.5-vl"])
def test_the_loss_begins_at_ln_2_and_choices_become_likelier(
    family: str, adapters: bool, tmp_path: Path
) -> None:
    model, processor = build_tiny(family)
    model = with_adapter(model) if adapters else model
    trainer = trainer_of(model, processor, tmp_path)
    before = trainer.ask_reference(trainer.train_dataset)
    trainer.train()
    losses, margins = logged(trainer, "loss"), logged(trainer, "rewards/margins")
    assert losses[0] == pytest.approx(LN_2, abs=CLOSE)
    assert margins[0] == pytest.approx(0.0, abs=CLOSE)
    assert logged(trainer, "rewards/accuracies")[-1] == 1.0
    assert losses[-1] < losses[0] / 2
    assert margins[-1] > 0.5
    after = trainer.ask_reference(trainer.train_dataset)
    gained = [
        (new_good - new_bad) - (old_good - old_bad)
        for new_good, new_bad, old_good, old_bad in zip(*after, *before, strict=True)
    ]
    assert min(gained) > 1.0, "nats, of every pair"


def test_the_loss_is_that_of_the_paper(tmp_path: Path) -> None:
    """Equation 7, written out from the logits of a plain forward pass, for a model that has left its reference."""
    model, processor = build_tiny("llava-1.5")
    other, _ = build_tiny("llava-1.5", seed=1)
    trainer = trainer_of(model, processor, tmp_path, beta=0.3)
    batch = PairCollator(processor, picture)(PAIRS)
    now, reference = (plain_log_probs(one, batch) for one in (model, other))
    gain = (now - reference).chunk(2)
    expected = -torch.log(torch.sigmoid(0.3 * (gain[0] - gain[1]))).mean()
    with torch.no_grad():
        loss = trainer.compute_loss(trainer.model, {**batch, "reference": reference.tolist()})
    assert float(loss) == pytest.approx(float(expected), abs=CLOSE)


def plain_log_probs(model: Any, batch: dict[str, Any]) -> Any:
    with torch.no_grad():
        scores = torch.log_softmax(type(model).forward(model, **batch).logits[:, :-1].float(), dim=-1)
    labels = batch["labels"][:, 1:]
    each = scores.gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    return (each * (labels >= 0)).sum(dim=1)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_padded_batch_scores_as_one_at_a_time(family: str, tmp_path: Path) -> None:
    model, processor = build_tiny(family)
    trainer = trainer_of(model, processor, tmp_path, per_device_train_batch_size=3)
    together = trainer.ask_reference(trainer.train_dataset)
    trainer.args.per_device_train_batch_size = 1
    alone = trainer.ask_reference(trainer.train_dataset)
    for first, second in zip(together, alone, strict=True):
        assert first == pytest.approx(second, abs=CLOSE)
        assert max(first) < -10, "whole answers, summed"


def test_the_reference_is_the_base_model_for_fresh_adapters_and_the_tuned_one_for_trained_adapters(
    tmp_path: Path,
) -> None:
    base, processor = build_tiny("llava-1.5")
    plain = trainer_of(base, processor, tmp_path)
    of_base = plain.ask_reference(plain.train_dataset)
    tuned = with_adapter(build_tiny("llava-1.5")[0], dropout=0.5)
    trainer = trainer_of(tuned, processor, tmp_path)
    trainer.train()
    rows = trainer.train_dataset
    assert rows["reference_chosen"][:] == pytest.approx(of_base[0], abs=CLOSE)
    assert rows["reference_rejected"][:] == pytest.approx(of_base[1], abs=CLOSE)
    of_tuned = trainer.ask_reference(rows)
    assert of_tuned[0] != pytest.approx(of_base[0], abs=1e-2)
    tuned.save_pretrained(tmp_path / "adapter")
    again = put_adapter_on(build_tiny("llava-1.5")[0], str(tmp_path / "adapter"), trainable=True)
    second = trainer_of(again, processor, tmp_path, max_steps=1)
    second.train()
    assert second.train_dataset["reference_chosen"][:] == pytest.approx(of_tuned[0], abs=CLOSE)
    assert logged(second, "loss")[0] == pytest.approx(LN_2, abs=CLOSE), "dropout is off"


def test_accumulated_passes_are_averaged_over(tmp_path: Path) -> None:
    losses = []
    for batch, accumulate in ((3, 1), (1, 3)):
        model, processor = build_tiny("llava-1.5")
        trainer = trainer_of(
            model, processor, tmp_path, max_steps=2, per_device_train_batch_size=batch,
            gradient_accumulation_steps=accumulate,
        )  # fmt: skip
        trainer.train()
        losses.append(logged(trainer, "loss"))
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model, pairs, and their images."""
    root = tmp_path_factory.mktemp("world")
    records = [
        good_and_bad(n, label, split)
        for label in Label
        for n, split in enumerate(["train"] * 4 + ["dev"] * 2)
    ]
    write_release(records, root / "release", Release("made", "1"), statuses=ALL)
    make_pairs(root / "release", root / "pairs")
    (root / "images").mkdir()
    for record in records:
        colour = (210, 60, 60) if record.image.label is Label.FAKE else (60, 60, 210)
        Image.new("RGB", (80, 70), colour).save(root / "images" / f"{record.image.id}.jpg")
    save_tiny("llava-1.5", root / "base")
    return {name: root / name for name in ("pairs", "images", "base")}


def test_a_whole_stage_goes_on_where_it_was_stopped_and_its_model_is_loaded(
    world: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(
        stage="prefer", model=str(world["base"]), trained=(), lora=Lora(4, 8, 0.0), steps=6, batch=4,
        learning_rate=1e-3, evaluate_every=3, dev_images=4, dev_texts=0, checkpointing=False, workers=0, beta=0.1,
    )  # fmt: skip
    whole = stage.train(recipe, world["pairs"], world["images"], tmp_path / "whole")
    assert whole.steps == 6
    add = stage.add_row

    def killed(folder: Path, step: int, row: dict[str, float]) -> None:
        add(folder, step, row)
        if step == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(stage, "add_row", killed)
    with pytest.raises(KeyboardInterrupt):
        stage.train(recipe, world["pairs"], world["images"], tmp_path / "stopped")
    monkeypatch.setattr(stage, "add_row", add)
    stage.train(recipe, world["pairs"], world["images"], tmp_path / "stopped")
    for name in ("loss", "rewards/margins"):
        first, second = (dict(read_curve(tmp_path / run)[name]) for run in ("whole", "stopped"))
        assert first.keys() == set(range(1, 7))
        assert first == pytest.approx(second, abs=CLOSE)
    assert read_curve(tmp_path / "whole")["rewards/margins"][-1][1] > 0
    model = load_model(str(whole.folder))
    assert "preferences" in model.card.summary


def test_no_dropout_is_left_in_any_form(tmp_path: Path) -> None:
    model, processor = build_tiny("llava-1.5")
    layers = [module for module in model.modules() if hasattr(module, "attention_dropout")]
    for layer in layers:
        layer.attention_dropout = 0.5
    trainer_of(model, processor, tmp_path)
    assert layers
    assert {layer.attention_dropout for layer in layers} == {0.0}
