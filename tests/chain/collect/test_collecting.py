"""Collecting from beginning to end: nothing is lost, nothing is read twice, and every fault has its name."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fakescope.chain.collect import run as run_module
from fakescope.chain.collect.journal import Journal
from fakescope.chain.collect.settle import Plan
from fakescope.chain.collect.splits import Shares
from fakescope.chain.collect.take import take
from fakescope.errors import DataError
from fakescope.records import Label
from made_repositories import picture

NO_TEST = Plan(Shares(dev=0.0, test=0.0))


def write(folder: Path, **files: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name.replace("_", ".")).write_bytes(data)
    return folder


def fine(seed: int, **options) -> bytes:
    return picture(seed, grain=24, **options)


def report(tmp_path: Path) -> list[dict]:
    return [json.loads(line) for line in (tmp_path / "chain" / "duplicates.jsonl").read_text().splitlines()]


def test_images_are_kept_by_their_content_with_all_that_is_known(collect, images, tmp_path):
    folder = write(tmp_path / "mj", a_png=fine(1), b_jpg=fine(2, format="JPEG", size=(320, 200)))
    facts = {"generator": "midjourney-6", "source": "me", "licence": "CC BY 4.0", "date": "2024-05"}
    summary = collect(folder, label="fake", **facts)
    assert (summary.seen, summary.taken, summary.settled.added) == (2, 2, 2)
    for ref in images():
        data = (tmp_path / "chain" / ref.path).read_bytes()
        assert ref.sha256 == hashlib.sha256(data).hexdigest()
        assert ref.id == ref.sha256[:12]
        assert ref.path.startswith(f"images/{ref.sha256[:2]}/{ref.sha256}.")
        assert ref.label is Label.FAKE
        assert (ref.generator, ref.source, ref.licence, ref.date) == tuple(facts.values())
        assert ref.size_bytes == len(data)
        assert len(ref.phash) == 64
    jpeg = next(ref for ref in images() if ref.format == "JPEG")
    assert (jpeg.width_px, jpeg.height_px, jpeg.origin) == (320, 200, "b.jpg")
    kept = tmp_path / "chain" / jpeg.path
    assert kept.samefile(folder / "b.jpg"), "linked, not copied, on one disk"


def test_faults_are_counted_and_named_and_cost_nothing_else(collect, images, tmp_path):
    folder = write(
        tmp_path / "in",
        good_png=fine(1),
        cut_png=fine(2)[:300],
        text_jpg=b"hello",
        empty_webp=b"",
        pointer_png=b"version https://git-lfs.github.com/spec/v1\n",
    )
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    os.mkfifo(folder / "pipe.png")
    summary = collect(folder, label="real")
    assert summary.faults == {"broken": 4, "missing": 2}
    assert {name for name, _, _ in summary.named} == {
        "cut.png", "text.jpg", "empty.webp", "pointer.png", "gone.png", "pipe.png",
    }  # fmt: skip
    assert all(detail for _, _, detail in summary.named)
    assert [ref.origin for ref in images()] == ["good.png"]


def test_a_bad_image_is_tried_again_when_it_was_mended(collect, images, tmp_path):
    folder = write(tmp_path / "in", a_png=fine(1)[:200])
    assert collect(folder, label="real").faults == {"broken": 1}
    write(folder, a_png=fine(1))
    assert collect(folder, label="real").settled.added == 1


def test_labels_are_needed_unless_said_otherwise(collect, images, tmp_path):
    folder = write(tmp_path / "in", a_png=fine(1))
    assert collect(folder).faults == {"no_label": 1}
    assert not images()
    assert collect(folder, unlabelled=True).settled.added == 1
    assert images()[0].label is None


def test_nothing_is_read_twice(collect, images, tmp_path, monkeypatch):
    folder = write(tmp_path / "in", a_png=fine(1), b_png=fine(2))
    collect(folder, label="real")
    read = []
    monkeypatch.setattr(
        run_module, "take", lambda item, keeper: (read.append(item.origin), take(item, keeper))[1]
    )
    again = collect(folder, label="real")
    assert (read, again.known, again.settled.added) == ([], 2, 0)
    write(folder, c_png=fine(3))
    assert collect(folder, label="real").settled.added == 1
    assert read == ["c.png"]
    before = [ref.model_dump() for ref in images()]
    collect(folder, label="real")
    assert [ref.model_dump() for ref in images()] == before


def test_exact_copies_are_left_out_and_named(collect, images, tmp_path):
    one = write(tmp_path / "one", a_png=fine(1), copy_png=fine(1))
    two = write(tmp_path / "two", again_png=fine(1))
    summary = collect(one, two, label="real", plan=NO_TEST)
    assert (summary.settled.added, summary.settled.exact_duplicates) == (1, 2)
    (line,) = report(tmp_path)
    assert line["kind"] == "exact"
    assert line["kept"]["origin"] == "a.png"
    assert [other["origin"] for other in line["others"]] == ["copy.png", "again.png"]


def test_the_copy_on_the_test_side_is_the_one_that_stays(collect, images, tmp_path):
    train = write(tmp_path / "train", a_png=fine(1))
    museum = write(tmp_path / "museum", b_png=fine(1))
    collect(train, museum, label="real", plan=Plan(Shares(0.0, 0.0, frozenset({"museum"}))))
    assert [(ref.source, ref.split) for ref in images()] == [("museum", "test")]


def test_the_same_image_with_two_labels_is_an_error_and_both_are_named(collect, images, tmp_path):
    collect(write(tmp_path / "fakes", a_png=fine(1), b_png=fine(2)), label="fake")
    summary = collect(write(tmp_path / "reals", c_png=fine(1), d_png=fine(3)), label="real")
    assert summary.settled.label_conflicts == 1
    ((one, other),) = summary.settled.conflicts
    assert one.startswith("fake: fakes a.png")
    assert other.startswith("real: reals c.png")
    assert {(ref.origin, ref.label) for ref in images()} == {
        ("a.png", "fake"),
        ("b.png", "fake"),
        ("d.png", "real"),
    }


def test_of_two_new_images_in_conflict_neither_is_taken(collect, images, tmp_path):
    (tmp_path / "files").mkdir()
    write(tmp_path / "files", a_png=fine(1), b_png=fine(1), c_png=fine(2))
    table = tmp_path / "files" / "files.csv"
    table.write_text("file,label\na.png,fake\nb.png,real\nc.png,real\n")
    summary = collect(table)
    assert summary.settled.label_conflicts == 1
    assert [ref.origin for ref in images()] == ["c.png"]


def test_near_copies_on_two_sides_cost_the_train_image(collect, images, tmp_path):
    web = write(tmp_path / "web", a_png=fine(1), b_png=fine(2))
    museum = write(tmp_path / "museum", small_jpg=fine(1, format="JPEG", size=(200, 160), quality=60))
    shares = Shares(0.0, 0.0, frozenset({"museum"}))
    summary = collect(web, museum, label="real", plan=Plan(shares)).settled
    assert (summary.near_groups, summary.near_across_splits, summary.near_dropped) == (1, 1, 1)
    assert {(ref.origin, ref.split) for ref in images()} == {("b.png", "train"), ("small.jpg", "test")}
    (line,) = report(tmp_path)
    assert line["across_splits"]
    assert {member["origin"]: member["dropped"] for member in line["members"]} == {
        "a.png": True,
        "small.jpg": False,
    }
    kept = collect(web, museum, label="real", plan=Plan(shares, near="keep")).settled
    assert (kept.added, kept.near_across_splits, kept.near_dropped) == (1, 1, 0)


def test_a_new_test_image_gives_way_to_its_near_copy_in_the_chain(collect, images, tmp_path):
    collect(write(tmp_path / "web", a_png=fine(1)), label="real", plan=NO_TEST)
    museum = write(tmp_path / "museum", small_jpg=fine(1, format="JPEG", size=(200, 160)))
    plan = Plan(Shares(0.0, 0.0, frozenset({"museum"})))
    assert collect(museum, label="real", plan=plan).settled.near_dropped == 1
    assert [ref.origin for ref in images()] == ["a.png"]


def test_near_copies_across_labels_are_told_and_kept_together(collect, images, tmp_path):
    real = write(tmp_path / "real", a_png=fine(1), b_png=fine(2))
    fake = write(tmp_path / "fake", again_webp=fine(1, format="WEBP", quality=70))
    collect(real, label="real", plan=NO_TEST)
    summary = collect(fake, label="fake", plan=NO_TEST).settled
    assert (summary.near_across_labels, summary.near_across_splits, summary.added) == (1, 0, 1)


def test_flat_images_are_no_near_copies_of_each_other(collect, images, tmp_path):
    import io

    from PIL import Image

    files = {}
    for number, colour in enumerate(("navy", "white", "black", "grey")):
        buffer = io.BytesIO()
        Image.new("RGB", (300, 200), colour).save(buffer, "PNG")
        files[f"f{number}_png"] = buffer.getvalue()
    summary = collect(write(tmp_path / "flat", **files), label="real").settled
    assert (summary.added, summary.near_groups) == (4, 0)
    assert all(ref.phash is None for ref in images())


def test_in_place_keeps_paths_and_no_copies(collect, images, tmp_path):
    folder = write(tmp_path / "in", a_png=fine(1))
    collect(folder, label="real", in_place=True)
    assert [ref.path for ref in images()] == [str(folder / "a.png")]
    assert not (tmp_path / "chain" / "images").exists()


def test_a_line_that_was_cut_short_is_read_again(collect, images, tmp_path):
    folder = write(tmp_path / "in", a_png=fine(1), b_png=fine(2))
    collect(folder, label="real", limit=1)
    journal = tmp_path / "chain" / "collected.jsonl"
    whole = journal.read_bytes()
    collect(folder, label="real")
    journal.write_bytes(journal.read_bytes()[:-20])
    summary = collect(folder, label="real")
    assert (summary.known, summary.taken) == (1, 1)
    assert journal.read_bytes().startswith(whole)
    assert len(images()) == 2


def test_a_foreign_journal_is_one_clear_error(collect, tmp_path):
    folder = write(tmp_path / "in", a_png=fine(1))
    collect(folder, label="real")
    (tmp_path / "chain" / "collected.jsonl").write_text('{"key": 1}\n[]\n')
    with pytest.raises(DataError, match="line 2"):
        collect(folder, label="real")


def test_two_collections_do_not_write_one_chain(collect, tmp_path):
    folder = write(tmp_path / "in", a_png=fine(1))
    with Journal(tmp_path / "chain"), pytest.raises(DataError, match="another collection"):
        collect(folder, label="real")
    assert collect(folder, label="real").settled.added == 1


KILLED = """
import sys, time
from fakescope.chain.collect import run, take
from fakescope.chain.collect.inputs import open_inputs
from fakescope.chain.collect.items import Facts, Reading
from fakescope.chain.collect.repositories import Places
from fakescope.chain.store import open_store
from fakescope.records import Label
from pathlib import Path

def slowly(item, keeper, take=take.take):
    time.sleep(0.05)
    return take(item, keeper)

run.take = slowly
reading = Reading({}, {}, Facts(Label.REAL))
with open_store(sys.argv[1], create=True) as store:
    run.collect(store, open_inputs([sys.argv[2]], reading, Places(Path("."))), jobs=1)
"""


def test_a_collection_that_was_killed_comes_to_the_same_chain(collect, images, tmp_path):
    folder = write(tmp_path / "in", **{f"i{number}_png": fine(number) for number in range(40)})
    journal = tmp_path / "chain" / "collected.jsonl"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "chain"), str(folder)])
    for _ in range(600):
        if journal.exists() and journal.read_bytes().count(b"\n") >= 5:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = journal.read_bytes().count(b"\n")
    assert 5 <= done < 40, "the process was to die on the way"
    summary = collect(folder, label="real")
    assert summary.known == done
    assert summary.taken == 40 - done
    assert len(images()) == 40
    assert len({ref.id for ref in images()}) == 40
