"""Only answers are learned, whatever the family's chat template and tokenizer."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from PIL import Image  # noqa: E402

from fakescope.errors import ModelError  # noqa: E402
from fakescope.models.hf.tiny import FAMILIES, build_tiny  # noqa: E402
from fakescope.train.lmm.answers import IGNORED, AnswerCollator  # noqa: E402

pytestmark = pytest.mark.slow
SIZES = {"wide": (300, 120), "tall": (90, 200), "square": (64, 64)}
ROWS: list[dict[str, Any]] = [
    {"image": "wide", "messages": [
        {"role": "user", "content": "What is the authenticity of this image?"},
        {"role": "assistant", "content": "This image is fake."},
        {"role": "user", "content": "How strong is the evidence?"},
        {"role": "assistant", "content": "It is strong: two criteria look abnormal."},
    ]},
    {"image": "tall", "messages": [
        {"role": "user", "content": "Is it fake?"}, {"role": "assistant", "content": "No. This image is real."},
    ]},
    {"image": "square", "messages": [
        {"role": "user", "content": "Which? A. Hair. B. Light."},
        {"role": "assistant", "content": "A.", "train": False},
        {"role": "user", "content": "Are you sure?"},
        {"role": "assistant", "content": "No, it is B."},
    ]},
]  # fmt: skip


def picture(id: str) -> Image.Image:
    return Image.new("RGB", SIZES[id], (200, 30, 90))


@pytest.fixture(scope="module", params=FAMILIES)
def made(request: pytest.FixtureRequest) -> tuple[str, Any, Any]:
    return (request.param, *build_tiny(request.param))


def learned(processor: Any, labels: Any) -> list[str]:
    """The runs of tokens that are learned, as text without tokens of control."""
    runs: list[list[int]] = [[]]
    for token in labels.tolist():
        if token == IGNORED:
            runs.append([])
        else:
            runs[-1].append(token)
    return [processor.tokenizer.decode(run, skip_special_tokens=True).strip() for run in runs if run]


def test_labels_are_the_answers_and_their_ends_and_nothing_else(made: tuple[str, Any, Any]) -> None:
    family, _, processor = made
    batch = AnswerCollator(processor, picture)(ROWS)
    told = [learned(processor, labels) for labels in batch["labels"]]
    answers = [["This image is fake.", "It is strong: two criteria look abnormal."], ["No. This image is real."],
               ["No, it is B."]]  # fmt: skip
    if family == "paligemma":  # one question and one answer: the last
        answers = [row[-1:] for row in answers]
    assert told == answers
    for labels, ids in zip(batch["labels"], batch["input_ids"], strict=True):
        kept = labels != IGNORED
        assert torch.equal(labels[kept], ids[kept])
        ends = {id for id, token in processor.tokenizer.added_tokens_decoder.items() if token.special}
        assert int(labels[kept][-1]) in ends, "the end of an answer is learned too"


def test_the_model_takes_the_batch_and_loses_no_token_of_an_image(made: tuple[str, Any, Any]) -> None:
    _, model, processor = made
    collator = AnswerCollator(processor, picture)
    with torch.no_grad():
        together = model(**collator(ROWS)).loss
        long = [{**ROWS[0], "messages": ROWS[0]["messages"] * 20}]
        assert torch.isfinite(model(**collator(long)).loss), "however long the talk is"
    assert torch.isfinite(together)


def test_a_template_that_rewrites_earlier_turns_is_told() -> None:
    _, processor = build_tiny("llava-1.5")
    processor.chat_template = processor.chat_template.replace(
        "{{- '</s>' if m.role == 'assistant' else '\\n' -}}", "{{- '</s>' if loop.last else loop.length -}}"
    )
    with pytest.raises(ModelError, match="rewrites earlier turns"):
        AnswerCollator(processor, picture)(ROWS)
