"""Building a set: the same bytes whoever made which shard, whatever happened; every answer has its ground."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from fakescope.chain.release import write as release_write
from fakescope.chain.release.write import ALL, Release, write_release
from fakescope.errors import ConfigError, DataError
from fakescope.instruct.build import Plan, blocks_of, build, facts_of_block
from fakescope.instruct.check.grounded import ungrounded
from fakescope.instruct.compose import Quota, parse_quota
from fakescope.instruct.diff import diff_of
from fakescope.instruct.read import read_images, read_instructions, read_manifest, read_rows
from fakescope.instruct.stats import stats_of

SMALL = Quota(1, 2, 4, 5)


def sums(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def release(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("release") / "made"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(release_write, "GROUP", 10)  # several row groups, so several shards
        write_release(made, folder, Release("made", "1"), statuses=ALL)
    return folder


@pytest.fixture(scope="module")
def built(release, tmp_path_factory):
    folder = tmp_path_factory.mktemp("set") / "made"
    build(Plan(release, folder, SMALL))
    return folder


def test_all_parts_come_in_their_proportion_and_no_test_image(built, made):
    manifest = read_manifest(built)
    parts = Counter(row["part"] for row in read_rows(built))
    images = 70
    assert manifest["records"] == images
    assert parts["judgement"] == images
    assert parts["reasoning"] >= 1.9 * images
    assert 3.9 * images <= parts["traces"] <= 4 * images
    assert 4.9 * images <= parts["discussion"] <= 5 * images
    assert len(manifest["files"]) == 7
    tests = {record.image.id for record in made if record.image.split == "test"}
    assert not tests & {row["image"] for row in read_rows(built)}
    assert not tests & set(read_images(built))


def test_rows_read_as_instructions_that_name_their_grounds(built):
    found = list(read_instructions(built))
    assert len({one.id for one in found}) == len(found) == read_manifest(built)["instructions"]
    for one in found:
        assert one.rests_on
        assert [m.role for m in one.messages] == ["user", "assistant"] * (len(one.messages) // 2)
        assert [m.train for m in one.messages] == [m.role == "assistant" for m in one.messages]


def test_every_answer_is_entailed_by_its_record(built, release):
    facts = {f.id: f for block in blocks_of(Plan(release, built)) for f in facts_of_block(block)}
    for row in read_rows(built):
        texts = [message["content"] for message in row["messages"]]
        assert ungrounded(texts[1::2], texts[::2], row["rests_on"], facts[row["image"]]) == [], row["id"]


def test_the_same_seed_gives_the_same_bytes_in_one_process_or_two(release, built, tmp_path):
    build(Plan(release, tmp_path / "two", SMALL), workers=2)
    assert sums(tmp_path / "two") == sums(built)


def test_another_seed_gives_other_words(release, built, tmp_path):
    build(Plan(release, tmp_path / "other", SMALL, seed=1))
    told = diff_of(built, tmp_path / "other")
    assert told["changed"] > 0.9 * read_manifest(built)["instructions"]


def test_a_build_that_is_there_is_found(release, built):
    before = sums(built)
    again = build(Plan(release, built, SMALL))
    assert (again.made, again.found) == (0, 7)
    assert sums(built) == before


def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(release, built, tmp_path):
    out = tmp_path / "killed"
    code = (
        "import sys, time; from pathlib import Path; from fakescope.instruct import build as b\n"
        "from fakescope.instruct.compose import Quota\n"
        "b.build(b.Plan(Path(sys.argv[1]), Path(sys.argv[2]), Quota(1, 2, 4, 5)), "
        "on_shard=lambda records: time.sleep(0.2))"
    )
    running = subprocess.Popen([sys.executable, "-c", code, str(release), str(out)])
    while not len(list(out.glob("data/*.parquet"))) >= 2:
        assert running.poll() is None
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    with pytest.raises(DataError, match="no finished instructions"):
        read_manifest(out)
    (out / "data" / "train-00009.parquet.part").write_bytes(b"half")
    again = build(Plan(release, out, SMALL))
    assert again.found >= 2
    assert sums(out) == sums(built)


def test_a_damaged_or_foreign_shard_is_made_anew(release, built, tmp_path):
    out = tmp_path / "damaged"
    build(Plan(release, out, SMALL, seed=7))
    (out / "data" / "train-00001.parquet").write_bytes(b"nothing")
    build(Plan(release, out, SMALL))
    assert sums(out) == sums(built)


def test_classes_come_evenly_though_one_is_rare(made, tmp_path):
    few = [r for r in made if r.image.label == "real" or int(r.image.id.removeprefix("fake")) < 15]
    write_release(few, tmp_path / "few", Release("few", "1"), statuses=ALL)
    counts = {}
    for even in (True, False):
        build(Plan(tmp_path / "few", tmp_path / str(even), SMALL, even=even))
        labels = {id: row["label"] for id, row in read_images(tmp_path / str(even)).items()}
        counts[even] = Counter(labels[row["image"]] for row in read_rows(tmp_path / str(even), ["image"]))
    assert counts[True]["fake"] / counts[True]["real"] == pytest.approx(1, abs=0.1)
    assert counts[False]["fake"] < 0.6 * counts[False]["real"]


def test_stats_tell_what_the_shards_hold(built):
    told = stats_of(built)
    assert told["instructions"] == sum(told["parts"].values()) == sum(told["forms"].values())
    assert told["parts"] == dict(Counter(row["part"] for row in read_rows(built)))


@pytest.mark.parametrize("text", ["1:2:3", "a:b:c:d", "-1:1:1:1", "0:0:0:0", ""])
def test_quotas_that_are_none(text):
    with pytest.raises(ConfigError):
        parse_quota(text)


def test_mistakes_are_told(release, tmp_path, built):
    with pytest.raises(DataError, match="not a release"):
        build(Plan(tmp_path, tmp_path / "x"))
    with pytest.raises(DataError, match="split test"):
        build(Plan(release, tmp_path / "x", splits=("test",)))
    (tmp_path / "full" / "data").mkdir(parents=True)
    (tmp_path / "full" / "data" / "letters.txt").write_text("mine")
    with pytest.raises(DataError, match="not of a build"):
        build(Plan(release, tmp_path / "full"))
    assert (tmp_path / "full" / "data" / "letters.txt").read_text() == "mine"
    broken = tmp_path / "broken"
    broken.mkdir()
    manifest = json.loads((built / "instructions.json").read_text())
    (broken / "instructions.json").write_text(json.dumps({**manifest, "schema_version": 99}))
    with pytest.raises(DataError, match="schema version"):
        read_manifest(broken)


def test_counts_are_in_the_shards_themselves(built):
    metadata = pq.read_schema(built / "data" / "dev-00000.parquet").metadata
    counts = json.loads(metadata[b"fakescope_instruct_counts"])
    assert counts["instructions"] == pq.ParquetFile(built / "data" / "dev-00000.parquet").metadata.num_rows
