"""Building a set: the same bytes whoever made which shard, whatever happened; every answer has its ground."""

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_records import make_record

from fakescope.chain.release import write as release_write
from fakescope.chain.release.write import ALL, Release, write_release
from fakescope.errors import ConfigError, DataError
from fakescope.instruct import compose
from fakescope.instruct.build import WRITING, Plan, blocks_of, build, facts_of_block
from fakescope.instruct.check.grounded import ungrounded
from fakescope.instruct.compose import Quota, parse_quota
from fakescope.instruct.diff import diff_of
from fakescope.instruct.discussion import discuss
from fakescope.instruct.facts import facts_of
from fakescope.instruct.read import read_images, read_instructions, read_manifest, read_rows
from fakescope.instruct.reasoning import cause_to_effect
from fakescope.instruct.rows import to_batch
from fakescope.instruct.stats import stats_of
from fakescope.instruct.survey import Survey
from fakescope.records import Label, TraceNote

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


def test_nothing_is_deleted_that_no_build_has_made(release, tmp_path):
    before = sums(release)
    for inside in (release, release / "data", release.parent):
        with pytest.raises(DataError, match="choose another folder"):
            build(Plan(release, inside, SMALL))
    assert sums(release) == before
    other = tmp_path / "other"
    (other / "data").mkdir(parents=True)
    for name in ("mine.parquet", "train-00000.parquet"):
        pq.write_table(pa.table({"a": [1]}), other / "data" / name)
    held = sums(other)
    with pytest.raises(DataError, match="not of a build"):
        build(Plan(release, other, SMALL))
    assert sums(other) == held
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataError, match="cannot be written to"):
        build(Plan(release, tmp_path / "file" / "out", SMALL))


def test_a_block_without_anything_to_say_gives_an_empty_shard(tmp_path):
    assert to_batch([], "grammar", {}).num_rows == 0
    records = [make_record(n).model_copy(update={"traces": {}}) for n in range(4)]
    write_release(records, tmp_path / "bare", Release("bare", "1"), statuses=ALL)
    assert build(Plan(tmp_path / "bare", tmp_path / "out", Quota(0, 0, 15, 0))).instructions == 0


def test_a_split_named_twice_is_built_once(release, built, tmp_path):
    build(Plan(release, tmp_path / "twice", SMALL, splits=("train", "dev", "train")))
    assert sums(tmp_path / "twice" / "data") == sums(built / "data")


def test_a_rare_class_is_not_repeated_without_end():
    found = Survey()
    found.records.update({Label.FAKE: 47_000, Label.REAL: 20})
    assert found.rounds(Label.REAL, even=True) == 8
    assert found.rounds(Label.FAKE, even=True) == 1


def test_a_broken_list_of_contents_is_told(built, tmp_path):
    (tmp_path / "instructions.json").write_text('{"schema_version": 1}')
    with pytest.raises(DataError, match="no usable"):
        read_manifest(tmp_path)


def test_all_code_that_writes_decides_whether_a_shard_is_made_anew():
    folder = Path(compose.__file__).parent
    seen, waiting = set(), ["build"]
    while waiting:
        name = waiting.pop()
        if name in seen or not (folder / f"{name}.py").exists():
            continue
        seen.add(name)
        text = (folder / f"{name}.py").read_text()
        found = re.findall(r"from fakescope\.instruct(?:\.(\w+))? import ([\w, ]+)", text)
        waiting += [n for module, names in found for n in ([module] if module else names.split(", "))]
    assert seen - {"read"} == set(WRITING)


@pytest.mark.slow
def test_ctrl_c_ends_all_processes(release, tmp_path):
    command = [sys.executable, "-m", "fakescope", "instruct", "build", str(release), str(tmp_path / "out")]
    for wait in (0.6, 1.5):
        running = subprocess.Popen(
            [*command, "--workers", "2"], start_new_session=True, stderr=subprocess.DEVNULL
        )
        time.sleep(wait)
        os.killpg(running.pid, signal.SIGINT)
        running.wait(timeout=60)


def _note(record, name, note):
    return record.model_copy(update={"traces": {**record.traces, name: note}})


def test_a_finding_whose_words_cannot_be_used_is_never_called_unjudged():
    record = _note(
        make_record(1), "edge", TraceNote(finding="abnormal", observation="A sparkle sits at the corner.")
    )
    facts = facts_of(record)
    assert facts.unsaid == ("edge",)
    assert "edge" not in facts.told_of
    assert facts.abnormal == len(record.abnormal())
    for seed in range(40):
        for made in discuss(facts, 25, random.Random(seed)):
            assert "traces.edge" not in made.rests_on


def test_a_real_image_with_something_odd_is_not_told_as_a_fake_or_as_flawless():
    real = make_record(3, Label.REAL)
    odd = TraceNote(
        finding="abnormal", observation="One shadow falls against the light of the lamp.", region=None
    )
    facts = facts_of(_note(real, "light", odd))
    texts = [
        answer
        for seed in range(60)
        for made in [*discuss(facts, 25, random.Random(seed)), cause_to_effect(facts, random.Random(seed))]
        for _, answer in made.turns
    ]
    for wrong in (
        "sign of generation",
        "Nothing points to",
        "nothing that would have to be mended",
        "main sign",
    ):
        assert not [text for text in texts if wrong in text]


def test_an_abnormal_note_without_a_region_is_not_asked_for_its_place(built, release):
    facts = {one.id: one for block in blocks_of(Plan(release, built)) for one in facts_of_block(block)}
    for row in read_rows(built):
        if row["form"] == "traces.where" and row["answer"]:
            assert facts[row["image"]].seen[row["criterion"]].region is not None


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
