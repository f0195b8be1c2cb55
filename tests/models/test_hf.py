"""Chat models of transformers: a tiny LLaVA of real classes, saved to a folder and loaded back."""

from __future__ import annotations

import asyncio
import json
import pickle
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fakescope.chain.teachers.base import Fault, Picture, Reply, Request, TeacherError
from fakescope.chain.teachers.open import open_teacher
from fakescope.errors import MissingExtraError, ModelError
from fakescope.models.hf import load_chat_model
from fakescope.records import Label

pytest.importorskip("torch")
pytest.importorskip("transformers")

EXAMPLE = Path(__file__).parents[2] / "examples" / "images" / "real-fallen-leaf.jpg"
IMAGE_TOKENS = 4
TEMPLATE = (
    "{% for m in messages %}{{ m.role }}:{% for c in m.content %}{{ '<image>' if c.type == 'image' else c.text }}"
    "{% endfor %} {% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)
NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + TEMPLATE
)


def _processor() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import CLIPImageProcessor, LlavaProcessor, PreTrainedTokenizerFast

    pieces = ["<pad>", "<s>", "</s>", "<image>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={piece: number for number, piece in enumerate(pieces)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>",
        additional_special_tokens=["<image>"],
    )  # fmt: skip
    return LlavaProcessor(
        image_processor=CLIPImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}),
        tokenizer=fast, patch_size=14, vision_feature_select_strategy="default", num_additional_image_tokens=1,
        chat_template=TEMPLATE, image_token="<image>",
    )  # fmt: skip


def _model(words: int) -> Any:
    import torch
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    torch.manual_seed(0)
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**small, image_size=28, patch_size=14, projection_dim=16),
        text_config=LlamaConfig(
            **small, vocab_size=words, num_key_value_heads=2, bos_token_id=1, eos_token_id=2, pad_token_id=0
        ),
        image_token_index=3, image_token_id=3, image_seq_length=IMAGE_TOKENS,
    )  # fmt: skip
    model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = [2], 0
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("models") / "tiny-llava"
    processor = _processor()
    _model(len(processor.tokenizer)).save_pretrained(made)
    processor.save_pretrained(made)
    return made


def changed(folder: Path, to: Path, template: str | None = None, **generation: Any) -> Path:
    """A copy of the model with another chat template or other settings of generation."""
    shutil.copytree(folder, to)
    if template is not None:
        (to / "chat_template.jinja").write_text(template)
    settings = json.loads((to / "generation_config.json").read_text())
    (to / "generation_config.json").write_text(json.dumps(settings | generation))
    return to


def request(max_tokens: int = 8) -> Request:
    picture = Picture(EXAMPLE.read_bytes())
    return Request("Be careful.", "What is it?", (picture,), {}, Label.REAL, max_tokens=max_tokens)


def ask(folder: Path, *requests: Request) -> list[Reply | TeacherError]:
    async def run() -> list[Any]:
        teacher = open_teacher(f"hf:{folder}")
        assert teacher.name == f"hf:{folder.name}", "the rest of the path is private"
        answers = await asyncio.gather(*(teacher.ask(one) for one in requests), return_exceptions=True)
        await teacher.close()
        return answers

    return asyncio.run(run())


def test_an_answer_and_its_tokens(folder: Path) -> None:
    model = load_chat_model(str(folder))
    prompt = "system:Be careful. user:<image>What is it? assistant:"
    with Image.open(EXAMPLE) as image:
        said = model.answer([image.convert("RGB")], "Be careful.", "What is it?", max_tokens=8)
        again = model.answer([image.convert("RGB")], "Be careful.", "What is it?", max_tokens=8)
    assert said == again
    assert said.tokens_in == len(prompt.replace("<image>", "")) + IMAGE_TOKENS
    assert (said.tokens_out, said.ended) == (8, False)
    assert said.text


def test_the_picture_reaches_the_model(folder: Path) -> None:
    model = load_chat_model(str(folder))
    logits = []
    for colour in ("black", "white"):
        inputs = model._inputs([Image.new("RGB", (40, 30), colour)], "", "What is it?")
        logits.append(model._model(**inputs).logits[0, -1])
    assert (logits[0] - logits[1]).abs().max() > 1e-6
    without = model.answer([], "Be careful.", "What is it?", max_tokens=4)
    assert without.tokens_in == len("system:Be careful. user:What is it? assistant:")


def test_a_template_without_a_system_prompt_gets_it_before_the_text(folder: Path, tmp_path: Path) -> None:
    model = load_chat_model(str(changed(folder, tmp_path / "plain", NO_SYSTEM)))
    assert model._prompt(1, "Be careful.", "What?") == "user:<image>Be careful.\n\nWhat? assistant:"


def test_an_answer_that_ends_by_itself(folder: Path, tmp_path: Path) -> None:
    free = load_chat_model(str(folder)).answer([], "", "Hello", max_tokens=12)
    model = load_chat_model(str(folder))
    inputs = model._inputs([], "", "Hello")
    produced = model._model.generate(**inputs, max_new_tokens=12)[0, inputs["input_ids"].shape[1] :].tolist()
    assert len(produced) == free.tokens_out == 12
    stop = produced[5]
    ending = load_chat_model(str(changed(folder, tmp_path / "ends", eos_token_id=[2, stop])))
    said = ending.answer([], "", "Hello", max_tokens=12)
    assert said.ended
    assert said.tokens_out == produced.index(stop) + 1
    to_the_limit = ending.answer([], "", "Hello", max_tokens=produced.index(stop) + 1)
    assert to_the_limit.ended, "its last token may be the last one allowed"


def test_as_a_teacher_it_answers_one_at_a_time(folder: Path, tmp_path: Path) -> None:
    cut, also = ask(folder, request(), request())
    assert isinstance(cut, TeacherError)
    assert isinstance(also, TeacherError)
    assert (cut.fault, cut.tokens_out, cut.tokens_in > 20) == (Fault.TRUNCATED, 8, True)
    ends = changed(folder, tmp_path / "ends", eos_token_id=list(range(len(_processor().tokenizer)))[2:])
    (empty,) = ask(ends, request())
    assert isinstance(empty, Reply | TeacherError)
    assert getattr(empty, "tokens_out", 0) == 1


def test_a_picture_that_cannot_be_read_is_named(folder: Path) -> None:
    broken = Request("", "", (Picture(b"no image"),), {}, Label.REAL)
    (error,) = ask(folder, broken)
    assert isinstance(error, TeacherError)
    assert error.fault is Fault.BAD_IMAGE


def test_a_prompt_that_the_model_cannot_take_is_named(folder: Path, tmp_path: Path) -> None:
    # The template leaves the picture out, so features and places for them do not agree.
    blind = changed(folder, tmp_path / "blind", TEMPLATE.replace("'<image>'", "'<image><image>'"))
    (error,) = ask(blind, request())
    assert isinstance(error, TeacherError)
    assert error.fault is Fault.BAD_REQUEST


def test_weights_in_a_pickle_are_not_read(folder: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "opened",))

    other = changed(folder, tmp_path / "pickled")
    weights = load_file(other / "model.safetensors")
    (other / "model.safetensors").unlink()
    torch.save(weights, other / "pytorch_model.bin")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_chat_model(str(other))
    (other / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_chat_model(str(other))
    assert not (tmp_path / "opened").exists()


def test_code_that_comes_with_a_model_runs_only_when_asked_for(folder: Path, tmp_path: Path) -> None:
    other = changed(folder, tmp_path / "own-code")
    config = json.loads((other / "config.json").read_text())
    config |= {
        "model_type": "of-its-own",
        "auto_map": {
            "AutoConfig": "own.OwnConfig", "AutoModelForImageTextToText": "own.OwnModel", "AutoProcessor": "own.P",
        },
    }  # fmt: skip
    (other / "config.json").write_text(json.dumps(config))
    (other / "own.py").write_text(
        f"open({str(tmp_path / 'ran')!r}, 'w').close()\nraise ValueError('own code')\n"
    )
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_chat_model(str(other))
    assert not (tmp_path / "ran").exists()
    with pytest.raises(ModelError, match="own code"):
        load_chat_model(str(other), trust_code=True)
    assert (tmp_path / "ran").exists(), "or the test proves nothing"


def test_what_is_no_model_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_chat_model(str(tmp_path))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_chat_model(str(tmp_path / "broken"))
    bare = changed(folder, tmp_path / "bare")
    (bare / "chat_template.jinja").unlink()
    with pytest.raises(ModelError, match="no chat template"):
        load_chat_model(str(bare))


def test_missing_packages_say_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"fakescope\[hf\]"):
        load_chat_model(str(folder))
