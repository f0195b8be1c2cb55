"""Every kind of input comes to the same kind of images; what a table or file says is never trusted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fakescope.chain.collect import parquet as parquet_module
from fakescope.chain.collect.journal import read_originals
from fakescope.chain.collect.settle import Plan
from fakescope.chain.collect.splits import Shares
from fakescope.records import Label
from made_repositories import FILES, make_mirror, make_table, picture

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

ALL_TRAIN = Plan(Shares(dev=0.0, test=0.0))
MAP = {"1": Label.FAKE, "0": Label.REAL}


def fine(seed: int, **options) -> bytes:
    return picture(seed, grain=24, **options)


def origins(images) -> dict[str, str]:
    return {ref.origin: str(ref.label) for ref in images()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "set"
    (made / "sub").mkdir(parents=True)
    for number in range(3):
        (made / "sub" / f"{number}.png").write_bytes(fine(number))
    return made


def test_a_table_tells_what_is_beside_it(collect, images, folder):
    table = folder / "all.csv"
    table.write_text(
        "file,kind_of,model,license,split,date\n"
        "sub/0.png,1,sdxl,MIT,validation,2024\n"
        "sub/1.png,0,,CC0,test,\n"
        "sub/2.png,maybe,,,,\n"
        "../secret.png,1,,,,\n"
        "/etc/hostname,1,,,,\n"
        "sub/none.png,1,,,,\n"
        "sub/0.png,1,sdxl,MIT,holdout,\n"
    )
    (folder.parent / "secret.png").write_bytes(fine(9))
    columns = {"label": "kind_of", "generator": "model"}
    summary = collect(table, columns=columns, label_map=MAP)
    assert summary.faults == {"bad_row": 4, "missing": 1}
    assert {name.rsplit("line ")[-1] for name, reason, _ in summary.named if reason == "bad_row"} == set(
        "4568"
    )
    refs = {ref.origin: ref for ref in images()}
    assert set(refs) == {"sub/0.png", "sub/1.png"}
    first, second = refs["sub/0.png"], refs["sub/1.png"]
    assert (first.label, first.generator, first.licence, first.split, first.date) == (
        "fake", "sdxl", "MIT", "dev", "2024",
    )  # fmt: skip
    assert (second.label, second.generator, second.split, second.source) == ("real", None, "test", "set")


def test_splits_can_be_drawn_anew(collect, images, folder):
    (folder / "all.csv").write_text("file,label,split\nsub/0.png,real,test\n")
    collect(folder / "all.csv", keep_splits=False, plan=ALL_TRAIN)
    assert [ref.split for ref in images()] == ["train"]


def test_a_data_folder_keeps_its_ids_and_splits_and_what_is_known_of_the_originals(collect, images, tmp_path):
    data = tmp_path / "data"
    (data / "images").mkdir(parents=True)
    (data / "images" / "aa.jpg").write_bytes(fine(1, format="JPEG"))
    (data / "images" / "bb.png").write_bytes(fine(2))
    (data / "labels.csv").write_text(
        "id,split,label,generator,source,commit,path,licence,original_width,original_height,original_format,original_bytes\n"
        "aa,dev,fake,sdxl,o/r,c0ffee,a/b.png,MIT,1024,768,png,90000\n"
        "bb,train,real,,o/q,,x.jpg,,,,,\n"
        "../cc,train,real,,,,,,,,,\n"
        "dd,train,real,,,,,,,,,\n"
    )
    summary = collect(data)
    assert summary.faults == {"bad_row": 1, "missing": 1}
    refs = {ref.id: ref for ref in images()}
    assert {id: (ref.split, ref.label, ref.source) for id, ref in refs.items()} == {
        "aa": ("dev", "fake", "o/r"),
        "bb": ("train", "real", "o/q"),
    }
    assert refs["aa"].origin == "c0ffee:a/b.png"
    original = read_originals(tmp_path / "chain")
    assert set(original) == {"aa"}
    assert (original["aa"].format, original["aa"].width_px, original["aa"].size_bytes) == ("PNG", 1024, 90000)


def write_parquet(path: Path, **columns) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=2)
    return path


@pytest.mark.parametrize("form", ["bytes", "pair", "path"])
def test_parquet_holds_images_in_three_ways(collect, images, tmp_path, folder, form):
    data = [fine(number) for number in range(3)]
    cells = {
        "bytes": data,
        "pair": [{"bytes": one, "path": "x"} for one in data],
        "path": [f"sub/{number}.png" for number in range(3)],
    }
    path = write_parquet(
        folder / "p.parquet", image=cells[form], label=["fake", "real", None], extra=[1, 2, 3]
    )
    summary = collect(path, label="real", plan=ALL_TRAIN)
    assert summary.settled.added == 3
    assert origins(images) == {
        "p.parquet, row 0": "fake",
        "p.parquet, row 1": "real",
        "p.parquet, row 2": "real",
    }


def test_parquet_rows_with_faults_are_named(collect, images, tmp_path):
    (tmp_path / "secret.png").write_bytes(fine(9))
    pairs = [
        {"bytes": None, "path": "../secret.png"},
        {"bytes": None, "path": str(tmp_path / "secret.png")},
        {"bytes": b"no image", "path": None},
        {"bytes": None, "path": None},
        {"bytes": fine(1), "path": None},
    ]
    (tmp_path / "in").mkdir()
    path = write_parquet(tmp_path / "in" / "p.parquet", picture=pairs, is_ai=[1, 1, 1, 1, 1])
    summary = collect(path, columns={"image": "picture", "label": "is_ai"}, label_map=MAP)
    assert summary.faults == {"bad_row": 3, "broken": 1}
    assert origins(images) == {"p.parquet, row 4": "fake"}


def test_only_groups_of_rows_with_something_new_are_read(collect, tmp_path, monkeypatch):
    path = write_parquet(tmp_path / "p.parquet", image=[fine(n) for n in range(5)], label=["real"] * 5)
    collect(path, limit=3)
    groups = []
    cells = parquet_module.ParquetInput._cells
    monkeypatch.setattr(
        parquet_module.ParquetInput,
        "_cells",
        lambda self, file, group: (groups.append(group), cells(self, file, group))[1],
    )
    assert collect(path).taken == 2
    assert groups == [1, 2]
    assert collect(path).known == 5
    assert groups == [1, 2]


def test_numbers_as_labels_must_be_explained(collect, tmp_path):
    path = write_parquet(tmp_path / "p.parquet", image=[fine(1)], label=[1])
    assert collect(path).faults == {"bad_row": 1}


def test_a_bad_input_does_not_take_others_with_it(collect, images, tmp_path, folder):
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    good = write_parquet(tmp_path / "p.parquet", image=[fine(5)], label=["real"])
    bad = write_parquet(tmp_path / "q.parquet", picture=[fine(6)])
    names = [tmp_path / "broken.parquet", bad, tmp_path / "none.parquet", tmp_path / "nowhere", good]
    summary = collect(*names)
    assert summary.faults == {"input_failed": 4}
    assert all(detail for _, _, detail in summary.named)
    assert len(images()) == 1


def test_parquet_that_breaks_on_the_way_keeps_what_was_read(collect, images, tmp_path):
    path = write_parquet(tmp_path / "p.parquet", image=[fine(n) for n in range(6)], label=["real"] * 6)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = bytes(20_000)
    path.write_bytes(bytes(data))
    summary = collect(path)
    assert 0 < len(images()) < 6
    assert set(summary.faults) <= {"input_failed", "broken", "bad_row"}
    assert summary.faults


datasets = pytest.importorskip("datasets")


def made_dataset(numbers: range):
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "label": datasets.ClassLabel(names=["human", "ai"]),
            "model": datasets.Value("string"),
        }
    )
    rows = {
        "image": [{"bytes": fine(n), "path": None} for n in numbers],
        "label": [n % 2 for n in numbers],
        "model": ["sdxl" if n % 2 else None for n in numbers],
    }
    return datasets.Dataset.from_dict(rows, features=features)


NAMES = {"ai": Label.FAKE, "human": Label.REAL}


def test_a_saved_dataset_is_read_by_the_names_of_its_classes(collect, images, tmp_path):
    made_dataset(range(4)).save_to_disk(str(tmp_path / "saved"))
    options = {"columns": {"generator": "model"}, "label_map": NAMES, "plan": ALL_TRAIN}
    assert collect(tmp_path / "saved", **options).settled.added == 4
    assert (
        sorted((str(ref.label), ref.generator) for ref in images())
        == [("fake", "sdxl")] * 2 + [("real", None)] * 2
    )
    assert {ref.source for ref in images()} == {"saved"}
    assert collect(tmp_path / "saved", **options).known == 4


def test_splits_of_a_dataset_are_kept(collect, images, tmp_path):
    parts = {"train": made_dataset(range(2)), "validation": made_dataset(range(2, 4))}
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "saved"))
    collect(tmp_path / "saved", label_map=NAMES)
    assert sorted(ref.split for ref in images()) == ["dev", "dev", "train", "train"]


def test_a_folder_that_datasets_can_load(collect, images, folder, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", folder.parent / "cache")
    for number, label in enumerate(("real", "fake")):
        (folder / label).mkdir()
        (folder / "sub" / f"{number}.png").rename(folder / label / f"{number}.png")
    (folder / "sub" / "2.png").unlink()
    (folder / "sub").rmdir()
    assert collect(f"hf:{folder}").settled.added == 2
    assert sorted(str(ref.label) for ref in images()) == ["fake", "real"]


def test_code_of_a_dataset_is_never_run(collect, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    evil = tmp_path / "evil"
    evil.mkdir()
    (evil / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').write('x')\n")
    assert collect(f"hf:{evil}").faults == {"input_failed": 1}
    assert not (tmp_path / "ran").exists()


def test_a_table_of_sources(collect, images, tmp_path):
    mirror = make_mirror(tmp_path)
    summary = collect(make_table(tmp_path), mirror=mirror, plan=ALL_TRAIN)
    assert summary.faults == {"broken": 1, "missing": 1}
    refs = list(images())
    tiles = [ref for ref in refs if ref.label is Label.FAKE]
    assert len(tiles) == 2
    assert all("-t" in ref.id and (ref.format, ref.width_px) == ("PNG", 400) for ref in tiles)
    assert {ref.generator for ref in tiles} == {"a-fake"}
    assert {ref.caption for ref in tiles} == {"sheet of cats"}
    large = next(ref for ref in refs if ref.origin.endswith("real/large.jpg"))
    assert (tmp_path / "chain" / large.path).read_bytes() == FILES["real/large.jpg"]
    assert large.origin.startswith((tmp_path / "commit").read_text())
    assert not any("evil\n" in ref.origin or "link" in ref.origin for ref in refs)
    assert collect(make_table(tmp_path), mirror=mirror, plan=ALL_TRAIN).settled.added == 0


def test_one_failing_source_is_named_and_the_others_are_taken(collect, images, tmp_path):
    mirror = make_mirror(tmp_path)
    table = make_table(tmp_path)
    table.write_text(table.read_text() + "debian/absent,x_1.deb,.,real,,,,,,,\n")
    summary = collect(table, mirror=mirror)
    assert summary.faults["input_failed"] == 1
    assert len(images()) > 3


def test_other_facts_about_a_file_are_read_anew_and_the_contradiction_is_told(collect, images, folder):
    collect(folder, label="real")
    summary = collect(folder, label="fake")
    assert (summary.known, summary.taken, summary.settled.label_conflicts) == (0, 3, 3)
    assert {ref.label for ref in images()} == {Label.REAL}


def test_the_summary_can_be_written_as_json(collect, tmp_path, folder):
    import dataclasses

    (folder / "bad.png").write_bytes(b"x")
    summary = collect(folder, label="real")
    assert json.loads(json.dumps(dataclasses.asdict(summary)))["faults"] == {"broken": 1}
