"""Training images are gathered the same way every time, and nothing in a source can do harm."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from fakescope.train import collect
from fakescope.train.collect_images import difference_hash, image_id, is_near, quality
from made_repositories import FILES, OWNER, make_mirror, make_table, picture, write_table


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    return make_mirror(tmp_path)


@pytest.fixture
def table(mirror: Path, tmp_path: Path) -> Path:
    return make_table(tmp_path)


def run(table: Path, mirror: Path, out: Path, *more: str) -> tuple[int, list[dict[str, str]]]:
    code = collect.main(["--sources", str(table), "--out", str(out), "--mirror", str(mirror), *more])
    with (out / "manifest.csv").open(newline="") as file:
        return code, list(csv.DictReader(file))


def test_both_classes_come_out_alike(table, mirror, tmp_path):
    code, rows = run(table, mirror, tmp_path / "out")
    assert code == 0
    assert (
        sorted((row["label"], row["split"]) for row in rows)
        == [("fake", "train")] * 2 + [("real", "train")] * 3
    )
    for row in rows:
        image = Image.open(tmp_path / "out" / "images" / f"{row['id']}.jpg")
        assert image.format == "JPEG"
        assert min(image.size) >= 200
        assert max(image.size) <= 640
    large = next(row for row in rows if row["path"] == "real/large.jpg")
    assert (large["original_width"], large["original_height"], large["original_format"]) == (
        "1300",
        "900",
        "JPEG",
    )
    assert large["id"] == image_id(FILES["real/large.jpg"])
    assert (large["kind"], large["group"], large["licence"]) == ("photo", "photo-mixed", "CC0")


def test_what_is_dropped_is_counted_and_broken_files_are_named(table, mirror, tmp_path):
    run(table, mirror, tmp_path / "out")
    state = json.loads((tmp_path / "out" / "collected.json").read_text())[OWNER]
    # Equal contents are one object in git, so the exact copy is not even seen.
    assert state["counts"] == {
        "broken": 1, "files": 9, "flat": 1, "kept": 5, "missing": 1, "near_duplicate": 1, "small": 1
    }  # fmt: skip
    assert [path for path, _ in state["broken"]] == ["real/broken.png"]


def test_tiles_have_ids_of_their_own_and_captions(table, mirror, tmp_path):
    rows = [row for row in run(table, mirror, tmp_path / "out")[1] if row["label"] == "fake"]
    whole = image_id(FILES["fake/sheet_of_cats.webp"])
    assert len({row["id"] for row in rows}) == 2
    assert {row["id"].rsplit("-t")[0] for row in rows} == {whole}
    assert {row["caption"] for row in rows} == {"sheet of cats"}
    assert {row["generator"] for row in rows} == {"a-fake"}
    assert Image.open(tmp_path / "out" / "images" / f"{rows[0]['id']}.jpg").size == (400, 400)


def test_names_of_files_never_become_paths(table, mirror, tmp_path):
    _, rows = run(table, mirror, tmp_path / "out")
    assert any("evil" in row["path"] for row in rows)
    assert not any("link" in row["path"] for row in rows)
    written = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
    assert written == {"manifest.csv", "collected.json"} | {f"images/{row['id']}.jpg" for row in rows}
    assert not list(tmp_path.rglob("*evil*"))


def test_a_second_run_changes_nothing_and_any_number_of_jobs_gives_the_same(table, mirror, tmp_path):
    out = tmp_path / "out"
    run(table, mirror, out, "--jobs", "3")
    first = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in out.rglob("*.*")}
    run(table, mirror, out)
    assert first == {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in out.rglob("*.*")}
    run(table, mirror, tmp_path / "other", "--jobs", "1")
    for name in ("manifest.csv", "collected.json"):
        assert (tmp_path / "other" / name).read_bytes() == (out / name).read_bytes()


def test_a_run_that_was_cut_off_goes_on(table, mirror, tmp_path, monkeypatch):
    out = tmp_path / "out"

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(collect.Collection, "finish", cut)
        with pytest.raises(KeyboardInterrupt):
            run(table, mirror, out)
    assert not (out / "manifest.csv").exists()
    assert len(run(table, mirror, out)[1]) == 5


def test_other_limits_collect_the_source_anew(table, mirror, tmp_path):
    out = tmp_path / "out"
    everything = {row["id"] for row in run(table, mirror, out)[1]}
    fewer = {row["id"] for row in run(table, mirror, out, "--most", "1")[1]}
    assert len(fewer) == 2
    assert fewer < everything
    assert {path.stem for path in (out / "images").iterdir()} == fewer


def test_dev_keeps_its_split_and_test_is_left_out(table, mirror, tmp_path):
    seed = tmp_path / "seed"
    (seed / "images").mkdir(parents=True)
    ids = {image_id(FILES["real/large.jpg"]): "dev", image_id(FILES["fake/sheet_of_cats.webp"]): "test"}
    # A test image that the sources hold in another size, so that only its looks give it away.
    ids["0" * 12] = "test"
    (seed / "images" / f"{'0' * 12}.jpg").write_bytes(picture(6, (450, 360), "JPEG"))
    lines = [f"{name},{split}" for name, split in ids.items()]
    (seed / "labels.csv").write_text("\n".join(["id,split", *lines]))
    _, rows = run(table, mirror, tmp_path / "out", "--labels", str(seed / "labels.csv"))
    assert sorted((row["path"], row["split"]) for row in rows)[-1] == ("real/large.jpg", "dev")
    assert not any("evil" in row["path"] or row["label"] == "fake" for row in rows)
    assert len(rows) == 2


def test_a_source_that_fails_does_not_take_others_with_it(table, mirror, tmp_path):
    good = list(csv.DictReader(table.open(newline="")))
    bad = dict(good[0], source="someone/empty")
    subprocess.run(["git", "init", "-q", "--bare", str(mirror / "someone+empty")], check=True)
    code, rows = run(write_table(tmp_path / "two.csv", bad, *good), mirror, tmp_path / "out")
    assert code == 1
    assert len(rows) == 5


def test_debian_packages_are_read_without_following_links(mirror, tmp_path):
    folder = tmp_path / "debian" / "art"
    (folder / "usr").mkdir(parents=True)
    (folder / "usr" / "one.png").write_bytes(FILES["real/a.png"])
    (tmp_path / "outside.png").write_bytes(picture(9))
    (folder / "usr" / "two.png").symlink_to(tmp_path / "outside.png")
    row = {"source": "debian/art", "commit": "art_1_all.deb", "pattern": "^usr/", "label": "real"}
    table = write_table(tmp_path / "debian.csv", row, row | {"source": "debian/absent"})
    code, rows = run(table, mirror, tmp_path / "out", "--debian", str(tmp_path / "debian"))
    assert code == 0
    assert [(row["path"], row["commit"]) for row in rows] == [("usr/one.png", "art_1_all.deb")]


def test_quality_depends_on_the_id_alone():
    drawn = [quality(f"{number:012x}") for number in range(500)]
    assert set(drawn) == set(range(86, 96))


def test_nearly_the_same_picture_is_recognised():
    one, other = (Image.open(io.BytesIO(picture(seed))) for seed in (1, 2))
    again = Image.open(io.BytesIO(picture(1, (180, 144), "JPEG", 50)))
    assert is_near(difference_hash(again), [difference_hash(other), difference_hash(one)])
    assert not is_near(difference_hash(one), [difference_hash(other)])
