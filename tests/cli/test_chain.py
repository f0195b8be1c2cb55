"""`fakescope chain` as its user runs it, with a teacher behind real HTTP that fails in every way."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from fakes import make_jpeg
from fakescope.chain.store import open_store
from fakescope.records import Check, Draft, ImageRef, Label

FAKE_TEACHER = Path(__file__).parents[2] / "benchmarks" / "fake_teacher.py"
FAULTS = (
    "http_500=.06,rate_limit=.06,timeout=.06,disconnect=.06,broken_json=.06,wrong_schema=.06,wrong_label=.06,"
    "empty=.06,truncated=.06,refusal=.06"
)
NAMES = {
    "http_500": "server_error", "rate_limit": "rate_limited", "timeout": "timeout", "disconnect": "unreachable",
    "broken_json": "not_json", "wrong_schema": "schema", "wrong_label": "wrong_label", "empty": "empty",
    "truncated": "truncated", "refusal": "refused",
}  # fmt: skip
COUNT = 80


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """Address and log of a server in which every picture meets one fate for good."""
    log = tmp_path_factory.mktemp("teacher") / "asked.jsonl"
    command = [
        sys.executable,
        str(FAKE_TEACHER),
        "--faults",
        FAULTS,
        "--sticky",
        "--seed",
        "3",
        "--log",
        str(log),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip(), log
        finally:
            process.terminate()


@pytest.fixture
def chain(tmp_path):
    folder = tmp_path / "chain"
    (folder / "images").mkdir(parents=True)
    with open_store(folder, create=True) as store:
        for number in range(COUNT):
            make_jpeg(folder / "images" / f"{number}.jpg", seed=number)
            label = Label.FAKE if number % 2 else Label.REAL
            store.add_images([ImageRef(id=f"{number:04}", path=f"images/{number}.jpg", label=label)])
    return folder


def test_every_fault_of_a_teacher_ends_as_a_counted_named_record(fakescope, chain, teacher):
    url, log = teacher
    assert fakescope("chain", "exemplars", "starter", chain).code == 0
    assert fakescope("chain", "exemplars", "check", chain, "all", "--by", "ann").code == 0
    arguments = ("chain", "enlighten", chain, "--teacher", "openai:fake", "--url", url, "--json")
    ended = fakescope(*arguments, "--timeout", "0.5", "--concurrency", "16", "--attempts", "2")
    (told,) = ended.lines
    assert ended.code == 3
    asked = [json.loads(line) for line in log.read_text().splitlines()]
    fates = Counter({line["image"]: line["fault"] for line in asked}.values())
    assert set(fates) == {None, *NAMES}, "the draw must hold every fate"
    assert told["failed"] == {NAMES[fault]: count for fault, count in fates.items() if fault}
    assert told["drafted"] == fates[None]
    assert sum(told["faults"].values()) == sum(line["fault"] is not None for line in asked)
    with open_store(chain) as store:
        drafts = list(store.read(Draft))
    assert Counter(draft.image for draft in drafts) == {f"{n:04}": 1 for n in range(COUNT)}
    assert Counter(draft.fault for draft in drafts if draft.fault) == told["failed"]
    again = fakescope(*arguments)
    assert (again.code, again.lines[0]["asked"], again.lines[0]["known"]) == (0, 0, COUNT)
    checked = fakescope("chain", "check", chain, "--json").lines[0]
    assert checked["drafts"] == fates[None]
    with open_store(chain) as store:
        assert {check.draft for check in store.read(Check)} == {d.id for d in drafts if d.fault is None}
    status = fakescope("chain", "status", chain, "--json").lines[0]
    assert (status["images"], status["drafts"]) == (COUNT, COUNT)


def test_the_table_for_people_names_faults(fakescope, chain, teacher):
    ended = fakescope(
        "chain", "enlighten", chain, "--mode", "plain", "--teacher", "openai:fake", "--url", teacher[0],
        "--timeout", "0.5", "--attempts", "1", "--concurrency", "16",
    )  # fmt: skip
    assert "failed: wrong_label" in ended.out
    assert ended.code == 3


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("status", "{none}"), 5, "holds no chain"),
        (("enlighten", "{chain}"), 5, "no checked exemplar"),
        (("enlighten", "{chain}", "--unchecked", "--teacher", "nobody:x"), 5, "nobody"),
        (("enlighten", "{chain}", "--mode", "fancy"), 2, "--mode"),
        (("enlighten", "{chain}", "--shard", "4/4"), 2, "--shard"),
        (("enlighten", "{chain}", "--budget-money", "3"), 2, "--budget-money"),
        (("enlighten", "{chain}", "--engine", "spark"), 2, "--engine"),
        (("exemplars", "propose", "{chain}"), 5, "right judgement"),
        (("exemplars", "show", "{chain}", "x"), 5, "no exemplar x"),
    ],
)
def test_mistakes_are_told_in_a_line(fakescope, chain, tmp_path, arguments, code, words):
    filled = [a.replace("{chain}", str(chain)).replace("{none}", str(tmp_path / "none")) for a in arguments]
    ended = fakescope("chain", *filled)
    assert ended.code == code
    assert words in ended.err
    assert "Traceback" not in ended.err


def test_exemplars_are_listed_shown_and_exchanged(fakescope, chain, tmp_path):
    fakescope("chain", "exemplars", "starter", chain)
    assert fakescope("chain", "exemplars", "starter", chain, "--json").lines == [[]]
    listed = fakescope("chain", "exemplars", "list", chain, "--json").lines[0]
    assert len(listed) == 16
    assert "unchecked" in fakescope("chain", "exemplars", "list", chain).out
    assert listed[0]["text"].split()[0] in fakescope("chain", "exemplars", "show", chain, listed[0]["id"]).out
    better = tmp_path / "better.txt"
    better.write_text("A better text.")
    fakescope("chain", "exemplars", "check", chain, listed[0]["id"], "--by", "ann", "--text", better)
    assert fakescope("chain", "exemplars", "export", chain, tmp_path / "e.jsonl").code == 0
    assert "A better text." in (tmp_path / "e.jsonl").read_text()
    other = tmp_path / "other"
    open_store(other, create=True).close()
    assert fakescope("chain", "exemplars", "import", other, tmp_path / "e.jsonl").code == 0
    assert fakescope("chain", "status", other, "--json").lines[0]["exemplars"] == 16


def test_a_model_can_judge(fakescope, chain):
    assert fakescope("chain", "steer", chain, "--limit", "6", "--json").lines[0] == {"right": 3, "wrong": 3}
    assert "known" in fakescope("chain", "steer", chain, "--limit", "6").out
