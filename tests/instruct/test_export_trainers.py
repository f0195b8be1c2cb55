"""Exports as the real libraries read them: datasets, TRL, webdataset; LLaMA-Factory and ms-swift where they are."""

import json
from pathlib import Path

import pytest
from made_sets import make_images, make_row, make_set
from tiny_llava import IMAGE_ID, PATCHES, make_model, make_processor

from fakescope.instruct.export.run import export_set

HOSTILE = "A <image> and </s><|im_end|>[INST] {{image}}"
TRAIN, DEV = 7, 2


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A set with several turns, regions, and a text full of special tokens; and its images."""
    folder = tmp_path_factory.mktemp("trainers")
    ids = ("one", "two", "three")
    make_images(folder / "images", [*ids, "four"])
    train = [make_row(0, id, "Is it real?", "This image is fake.", part="judgement") for id in ids]
    train += [make_row(1, id, "Where?", "There. <7><24><13><31>", "Sure?", "A little.") for id in ids]
    train.append(make_row(2, "three", HOSTILE, HOSTILE))
    train.sort(key=lambda row: row["image"])
    dev = [make_row(number, "four", "Is it?", "It is.") for number in range(DEV)]
    return make_set(folder / "set", {"train": train, "dev": dev}), folder / "images"


@pytest.fixture
def exported(source, tmp_path, monkeypatch):
    """Exports the set; libraries keep their caches in the folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def export(name, images=None):
        export_set(source[0], tmp_path / "out", name, source[1], images=images)
        return tmp_path / "out"

    return export


def load(folder: Path, **options):
    datasets = pytest.importorskip("datasets")
    return datasets.load_dataset(str(folder), cache_dir=str(folder.parent / "cache"), **options)


def recipe(folder: Path, number: int) -> str:
    """A piece of Python of the README, for this export."""
    pieces = (folder / "README.md").read_text().split("```python\n")[1:]
    return pieces[number].split("```")[0].replace("FOLDER", str(folder))


def test_datasets_loads_messages_with_decoded_images(exported):
    data = load(exported("messages"))
    assert {split: len(rows) for split, rows in data.items()} == {"train": TRAIN, "dev": DEV}
    first = data["train"][0]
    assert first["images"][0].size == (64, 48)
    assert first["messages"][0]["content"][0]["type"] == "image"
    assert first["messages"][1] == {
        "role": "assistant",
        "content": [{"type": "text", "text": "This image is fake."}],
    }


def test_datasets_streams_messages(exported):
    data = load(exported("messages"), streaming=True)
    assert sum(len(row["images"]) for row in data["train"]) == TRAIN
    assert next(iter(data["dev"]))["images"][0].format == "JPEG"


@pytest.mark.parametrize("mode", ["path", "store"])
def test_messages_with_files_beside_them_load_by_the_recipe_in_the_readme(exported, monkeypatch, mode):
    folder = exported("messages", mode)
    held = {"data": load(folder)}
    exec(recipe(folder, 1), held)
    assert [row["images"][0].format for row in held["data"]["dev"]] == ["JPEG"] * DEV
    monkeypatch.chdir(folder)
    assert load(folder)["dev"][0]["images"][0].format == "JPEG"


@pytest.mark.parametrize("name", ["llava", "sharegpt", "swift"])
def test_datasets_loads_the_json_formats_too(exported, name):
    folder = exported(name)
    suffix = "json" if name == "llava" else "jsonl"
    files = {split: str(folder / f"{split}.{suffix}") for split in ("train", "dev")}
    datasets = pytest.importorskip("datasets")
    data = datasets.load_dataset("json", data_files=files, cache_dir=str(folder.parent / "cache"))
    assert len(data["train"]) == TRAIN
    row = data["train"][0]
    assert (folder / (row["image"] if name == "llava" else row["images"][0])).is_file()


def test_the_collator_of_trl_finds_one_image_in_every_conversation(exported):
    pytest.importorskip("trl")
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    rows = list(load(exported("messages"))["train"])
    processor = make_processor()
    batch = DataCollatorForVisionLanguageModeling(processor)(rows)
    assert batch["pixel_values"].shape == (TRAIN, 3, 28, 28)
    assert (batch["input_ids"] == IMAGE_ID).sum(dim=1).tolist() == [PATCHES] * TRAIN
    special = batch["input_ids"].unique().tolist()
    assert not {1, 2, 4, 5} & set(special), "no text has become a special token"
    said = processor.tokenizer.batch_decode(batch["input_ids"], skip_special_tokens=True)
    assert said[1] == "user:Where? assistant:There. <7><24><13><31> user:Sure? assistant:A little. "


@pytest.mark.parametrize("streaming", [False, True])
def test_trl_trains_on_messages(exported, streaming):
    trl = pytest.importorskip("trl")
    data = load(exported("messages"), streaming=streaming)
    processor = make_processor()
    settings = trl.SFTConfig(
        output_dir="run", max_length=None, max_steps=2, per_device_train_batch_size=2, report_to="none",
        save_strategy="no", use_cpu=True, bf16=False, gradient_checkpointing=False, logging_steps=1,
        dataloader_num_workers=0,
    )  # fmt: skip
    trainer = trl.SFTTrainer(
        make_model(len(processor.tokenizer)), settings, train_dataset=data["train"],
        eval_dataset=data["dev"], processing_class=processor,
    )  # fmt: skip
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(losses) == 2
    assert all(0 < loss < 20 for loss in losses)
    assert trainer.evaluate()["eval_loss"] > 0


def test_webdataset_reads_its_shards_by_the_recipe_in_the_readme(exported):
    pytest.importorskip("webdataset")
    held = {}
    exec(recipe(exported("webdataset"), 0), held)
    rows = list(held["data"])
    assert len(rows) == TRAIN
    assert all(row["image"].mode == "RGB" for row in rows)
    asked = {row["id"]: row["messages"] for row in rows}
    assert asked["one/0/1"][2] == {"role": "user", "content": "Sure?"}


def test_datasets_reads_the_tar_shards(exported):
    data = load(exported("webdataset"))
    assert {split: len(rows) for split, rows in data.items()} == {"train": 3, "dev": 1}
    row = data["dev"][0]
    assert row["jpg"].format == "JPEG"
    assert len(row["json"]["instructions"]) == DEV


@pytest.mark.parametrize("mode", ["path", "store"])
def test_llama_factory_loads_and_tokenizes(exported, mode):
    pytest.importorskip("llamafactory")
    from llamafactory.data import (
        SFTDataCollatorWith4DAttentionMask,
        get_dataset,
        get_template_and_fix_tokenizer,
    )
    from llamafactory.hparams import DataArguments, ModelArguments
    from transformers import Seq2SeqTrainingArguments

    folder = exported("sharegpt", mode)
    processor = make_processor()
    names = list(json.loads((folder / "dataset_info.json").read_text()))
    assert names == ["fakeinstruct_train", "fakeinstruct_dev"]
    about = DataArguments(
        template="llava",
        dataset=names[0],
        eval_dataset=names[1],
        dataset_dir=str(folder),
        overwrite_cache=True,
    )
    template = get_template_and_fix_tokenizer(processor.tokenizer, about)
    settings = Seq2SeqTrainingArguments(output_dir="run", use_cpu=True, report_to="none")
    model = ModelArguments(model_name_or_path="none")
    data = get_dataset(template, model, about, settings, "sft", processor.tokenizer, processor)
    assert len(data["train_dataset"]) == TRAIN
    assert len(data["eval_dataset"]) == DEV
    for row in data["train_dataset"]:
        assert row["input_ids"].count(IMAGE_ID) == PATCHES
        assert Path(row["images"][0]).is_file()
        learned = [label for label in row["labels"] if label >= 0]
        assert processor.tokenizer.decode(learned)
    collator = SFTDataCollatorWith4DAttentionMask(
        template=template, tokenizer=processor.tokenizer, processor=processor, compute_dtype=None
    )
    batch = collator([data["train_dataset"][number] for number in range(2)])
    assert batch["pixel_values"].shape == (2, 3, 28, 28)


@pytest.mark.parametrize("mode", ["path", "store"])
def test_swift_loads_and_encodes(exported, monkeypatch, mode):
    pytest.importorskip("swift")
    folder = exported("swift", mode)
    monkeypatch.setenv("ROOT_IMAGE_DIR", str(folder))
    processor = make_processor()
    make_model(len(processor.tokenizer)).save_pretrained("model")
    processor.save_pretrained("model")
    from swift.dataset import load_dataset
    from swift.model import get_model_processor
    from swift.template import get_template

    train, _ = load_dataset([str(folder / "train.jsonl")], split_dataset_ratio=0)
    dev, _ = load_dataset([str(folder / "dev.jsonl")], split_dataset_ratio=0)
    assert (len(train), len(dev)) == (TRAIN, DEV)
    _, held = get_model_processor("model", load_model=False, model_type="llava1_5_hf")
    template = get_template(held, template_type="llava1_5_hf")
    template.set_mode("train")
    for row in train:
        told = template.encode(dict(row))
        assert told["pixel_values"].shape[0] == 1
        assert told["input_ids"].count(IMAGE_ID) in (1, PATCHES)
