"""Reading labelled folders: what is kept, and what is refused with all its faults."""

from pathlib import Path

import pytest

from fakescope.bench.data import load_references, load_samples
from fakescope.errors import DataError
from fakescope.records import Label

SHARED = Path(__file__).parents[3] / "shared" / "data"


def table(folder: Path, text: str, name: str = "labels.csv") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_samples_keep_order_labels_and_all_columns(folder):
    samples = load_samples(folder, ["test"])
    assert [s.id for s in samples] == [f"{c}{i:03d}" for c in ("real", "fake") for i in (2, 5, 8, 11)]
    assert all(s.path.is_file() for s in samples)
    assert samples[-1].label is Label.FAKE
    assert samples[-1].generator == "gen1"
    assert samples[-1].row["original_format"] == "PNG"


def test_a_manifest_serves_as_well(tmp_path):
    folder = table(tmp_path, "id,split,label\na1,train,fake\n", "manifest.csv")
    (sample,) = load_samples(folder)
    assert (sample.id, sample.source, sample.path.name) == ("a1", "", "a1.jpg")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,label\na,fake\n", "lacks the columns"),
        ("", "lacks the columns"),
        ("id,split,label\n../../etc/passwd,test,fake\n", "not a plain file name"),
        ("id,split,label\n.hidden,test,fake\n", "not a plain file name"),
        ("id,split,label\na,test,fake\na,test,real\n", "occurs twice"),
        ("id,split,label\na,test,FAKE?\n", "neither real nor fake"),
        ("id,split,label\na,test\n", "neither real nor fake"),
        ("id,split,label\n", "no images"),
        ("id,split,label\na,dev,fake\n", "no images"),
    ],
)
def test_faulty_tables_are_refused(tmp_path, text, says):
    with pytest.raises(DataError, match=says):
        load_samples(table(tmp_path, text), ["test"])


def test_all_faults_are_counted(tmp_path):
    folder = table(tmp_path, "id,split,label\n/a,test,fake\nb,test,maybe\n")
    with pytest.raises(DataError, match=r"2 faulty rows: line 2.*line 3"):
        load_samples(folder)


def test_bytes_that_are_not_text_are_one_error(tmp_path):
    (tmp_path / "labels.csv").write_bytes(b"id,split,label\n\xff\xfe,test,fake\n")
    with pytest.raises(DataError, match="cannot be read"):
        load_samples(tmp_path)


def test_a_folder_without_a_table(tmp_path):
    with pytest.raises(DataError, match="neither"):
        load_samples(tmp_path)


def test_references(folder):
    references = load_references(folder)
    assert references["fake001"].abnormal == {"texture", "edge"}
    assert references["fake000"].abnormal == {"texture"}
    assert references["real001"].abnormal == frozenset()


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"id": "a"}',
        '{"id": "a", "label": "maybe", "traces": {}, "description": ""}',
        '{"id": "a", "label": "fake", "traces": {"smell": {"finding": "abnormal"}}, "description": ""}',
    ],
)
def test_a_broken_reference_names_its_line(tmp_path, line):
    (tmp_path / "chain.jsonl").write_text("\n" + line + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 2"):
        load_references(tmp_path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the labelled images are not at hand")
def test_the_real_folder_reads_whole():
    samples, references = load_samples(SHARED), load_references(SHARED)
    assert len(samples) > 2000
    assert len({s.id for s in samples} & set(references)) == len(references)
