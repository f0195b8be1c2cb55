"""The tokenizer of the embedded model: the ids of the library that made it, from the same file."""

import json
from pathlib import Path

import pytest

import fakescope
from fakescope.errors import ModelError
from fakescope.models.tokenizer import BpeTokenizer

NANO_FOLDER = Path(fakescope.__file__).parent / "models" / "nano_weights"
TEXTS = (
    " This image is fake because the hem dissolves.",
    "<image><user> What speaks against it?<bot> Nothing much. <7><24><13><31><end>",
    "In 2024  12 items,\n\n a\ttab   and  trailing   ",
    "I'll don't we've x'S 'tis",
    "\u00e9t\u00e9 \u65e5\u672c\u8a9e \U0001f642 na\u00efve",
    "CamelCase under_score http://example.org/a?b=c&d=1,000.50",
    "",
)


@pytest.fixture(scope="module")
def tokenizer() -> BpeTokenizer:
    return BpeTokenizer(NANO_FOLDER / "tokenizer.json")


@pytest.mark.parametrize("text", TEXTS)
def test_ids_and_texts_are_those_of_the_library_that_made_the_file(tokenizer, text):
    tokenizers = pytest.importorskip("tokenizers")
    reference = tokenizers.Tokenizer.from_file(str(NANO_FOLDER / "tokenizer.json"))
    ids = reference.encode(text, add_special_tokens=False).ids
    assert tokenizer.encode(text) == ids
    assert tokenizer.decode(ids) == reference.decode(ids, skip_special_tokens=False)
    assert tokenizer.size == reference.get_vocab_size()


def test_bytes_that_the_vocabulary_lacks_are_left_out(tokenizer):
    assert tokenizer.decode(tokenizer.encode("a\x01\U0010ffffb")).replace("\ufffd", "").endswith("b")


def test_an_unfinished_character_is_marked(tokenizer):
    first = tokenizer.encode("\u65e5")[:1]
    assert tokenizer.decode(first) == "\ufffd"


def test_control_tokens_have_ids_and_unknown_ones_none(tokenizer):
    assert tokenizer.token_id("<end>") is not None
    assert tokenizer.token_id("<no such token>") is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"model": {"vocab": {}}, "added_tokens": []}', "\x00"])
def test_a_broken_file_is_one_clear_error(tmp_path, content):
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(ModelError, match="tokenizer"):
        BpeTokenizer(path)


def test_a_token_that_is_no_bytes_is_refused(tmp_path):
    path = tmp_path / "tokenizer.json"
    model = {"vocab": {"\u4e00": 0}, "merges": []}
    path.write_text(json.dumps({"model": model, "added_tokens": []}))
    with pytest.raises(ModelError, match="tokenizer"):
        BpeTokenizer(path)
