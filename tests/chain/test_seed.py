"""Reading the seed: faults are counted and cost only what is broken; what is written can be read."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescope.chain import load_seed, read_chain, read_labels, write_chain
from fakescope.chain.seed import _note, _region
from fakescope.errors import DataError
from fakescope.records import Label

SHARED = Path(__file__).parents[3] / "shared" / "data"

HEADER = "id,split,label,generator,source,licence,kind,caption"
ROWS = (
    "aa,train,fake,sdxl,o/r,MIT,photo,a cat",
    "bb,dev,real,,o/r,MIT,photo,",
    "cc,test,fake,sdxl,o/r,MIT,photo,",
    "../dd,train,fake,sdxl,o/r,MIT,photo,",
    "ee,train,maybe,,o/r,MIT,photo,",
    "ff,holdout,real,,o/r,MIT,photo,",
)
NOTE = {"finding": "abnormal", "observation": "The hem dissolves.", "region": [0.1, 0.2, 0.3, 0.4]}


def entry(**changes):
    return {
        "id": "aa", "label": "fake", "kind": "photo", "subject": "A cat.", "blind_p_fake": 0.9,
        "traces": {"texture": NOTE, "edge": None}, "description": "This image is fake because so.",
        "limits": "None.", "advice": "Mend it.", **changes,
    }  # fmt: skip


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("\n".join([HEADER, *ROWS]) + "\n", encoding="utf-8")
    return path


def load(tmp_path, labels, *lines):
    chain = tmp_path / "chain.jsonl"
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    chain.write_text(text, encoding="utf-8")
    return load_seed(chain, labels)


def test_labels_keep_only_rows_that_can_be_used(labels):
    refs = read_labels(labels)
    assert list(refs) == ["aa", "bb", "cc"]
    assert refs["aa"].caption == "a cat"
    assert refs["aa"].path == str(labels.parent / "images" / "aa.jpg")
    assert refs["bb"].label is Label.REAL
    assert refs["bb"].generator is None


@pytest.mark.parametrize("content", [b"id,label\naa,fake\n", b"\xff\xfe\x00", b""])
def test_a_table_that_is_none_is_one_clear_error(tmp_path, content):
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with pytest.raises(DataError):
        read_labels(path)


def test_a_good_entry_becomes_a_record(tmp_path, labels):
    seed = load(tmp_path, labels, entry())
    (record,) = seed.records
    assert record.image.split == "train"
    assert record.traces["texture"].region == (0.1, 0.2, 0.3, 0.4)
    assert record.traces["edge"] is None
    assert "clarity" not in record.traces, "not annotated is not the same as cannot be judged"
    assert record.abnormal() == ("texture",)
    assert record.lineage[0].kind == "machine"
    assert not seed.dropped


def test_bad_entries_are_dropped_with_a_count(tmp_path, labels):
    seed = load(
        tmp_path, labels, entry(), entry(), "{broken", "[]", entry(id="zz"), entry(id=7),
        entry(id="bb"), entry(id="cc", traces=[]), "[" * 100_000,
    )  # fmt: skip
    assert [r.image.id for r in seed.records] == ["aa"]
    assert seed.dropped == {
        "image twice": 1,
        "not an entry": 4,
        "image not in the labels": 1,
        "label disagrees with the labels": 1,
        "no traces": 1,
    }


def test_bad_parts_are_left_out_and_the_rest_is_kept(tmp_path, labels):
    traces = {
        "texture": {**NOTE, "region": [0.3, 0.2, 0.1, 1.4]},
        "edge": {**NOTE, "region": "left"},
        "clarity": {**NOTE, "finding": "odd"},
        "tone": {**NOTE, "observation": " "},
        "light": 5,
        "aura": NOTE,
    }
    seed = load(tmp_path, labels, entry(traces=traces, blind_p_fake=7, limits=["x"], subject="a \ud800 b"))
    (record,) = seed.records
    assert record.traces["texture"].region == (0.1, 0.2, 0.3, 1.0)
    assert record.traces["edge"].region is None
    assert set(record.traces) == {"texture", "edge"}
    assert record.blind_p_fake is None
    assert record.subject == "a ? b"
    assert seed.patched["broken note"] == 3
    assert seed.patched["region mended"] == 1
    assert seed.patched["broken region"] == 1
    assert seed.patched["unknown criterion"] == 1
    assert seed.patched["limits is not text"] == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON, JSON)
def test_no_note_or_region_breaks_the_reader(finding, observation, region):
    from collections import Counter

    _note({"finding": finding, "observation": observation, "region": region}, Counter())
    _note({"finding": "natural", "observation": "So.", "region": region}, Counter())
    _region(region)


def test_what_is_written_can_be_read(tmp_path, labels):
    seed = load(tmp_path, labels, entry(), entry(id="cc"))
    path = tmp_path / "out.jsonl"
    assert write_chain(seed.records, path) == 2
    assert tuple(read_chain(path)) == seed.records
    assert not list(tmp_path.glob("*.part"))
    path.write_text('{"image": 3}\n', encoding="utf-8")
    with pytest.raises(DataError, match="line 1"):
        read_chain(path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the seed is not here")
def test_the_seed_is_read_whole():
    seed = load_seed(SHARED / "chain.jsonl", SHARED / "labels.csv")
    assert len(seed.records) == 951
    assert not seed.dropped
    assert not seed.patched
    assert {r.image.split for r in seed.records} == {"train", "dev", "test"}
