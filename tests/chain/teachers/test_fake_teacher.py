"""The teacher of tests and benchmarks does what it says: over real HTTP, asked by the adapter for such servers."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from wire import ROOT, load_fake_teacher, request

from fakescope.chain.enlighten.answer import Answer, read_answer
from fakescope.chain.teachers.base import Picture, Reply, Request, TeacherError
from fakescope.chain.teachers.open import open_teacher

fake = load_fake_teacher()


def ask(
    url: str, *requests: Request, timeout_s: float = 5.0, at_once: bool = False
) -> list[Reply | TeacherError]:
    """What it replies, or the faults that its replies end in."""

    async def one(teacher: Any, sent: Request) -> Reply | TeacherError:
        try:
            reply: Reply = await teacher.ask(sent)
            read_answer(reply.text, sent.label)
        except TeacherError as error:
            return error
        return reply

    async def run() -> list[Reply | TeacherError]:
        teacher = open_teacher("openai:fake", url=url, timeout_s=timeout_s)
        asking = [one(teacher, sent) for sent in requests]
        answers = list(await asyncio.gather(*asking)) if at_once else [await each for each in asking]
        await teacher.close()
        return answers

    return asyncio.run(run())


def picture(number: int, label: str = "fake", *criteria: str) -> Request:
    """A question about a picture of its own."""
    sent = request(label, *criteria)
    return dataclasses.replace(sent, pictures=(Picture(sent.pictures[-1].jpeg + bytes([number])),))


def told(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url.removesuffix("/v1") + "/counts", timeout=5) as answer:
        return dict(json.load(answer))


def test_it_reads_label_and_criteria_and_its_words_are_each_pictures_own() -> None:
    sent = [
        picture(1, "fake", "light", "anatomy"),
        picture(2, "fake", "light", "anatomy"),
        picture(1, "real"),
    ]
    with fake.serving(fake.FakeTeacher()) as url:
        replies = ask(url, *sent)
        again = ask(url, sent[0])
    answers: list[Answer] = []
    for reply, one in zip(replies, sent, strict=True):
        assert isinstance(reply, Reply)
        assert reply.tokens_in > 500
        assert reply.tokens_out > 50
        answers.append(read_answer(reply.text, one.label))
    assert [name for name, note in answers[0].traces.items() if note] == ["light", "anatomy"]
    assert all(note.finding == "abnormal" for note in answers[0].traces.values() if note)
    assert all(note.finding == "natural" for note in answers[2].traces.values() if note)
    assert len({answer.description for answer in answers}) == 3
    assert again == replies[:1]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("http_500", "server_error"),
        ("rate_limit", "rate_limited"),
        ("timeout", "timeout"),
        ("disconnect", "unreachable"),
        ("broken_json", "not_json"),
        ("wrong_schema", "schema"),
        ("wrong_label", "wrong_label"),
        ("empty", "empty"),
        ("truncated", "truncated"),
        ("refusal", "refused"),
    ],
)
def test_each_fault_ends_under_its_name(fault: str, expected: str) -> None:
    with fake.serving(fake.FakeTeacher(faults={fault: 1.0})) as url:
        (error,) = ask(url, picture(1), timeout_s=0.5)
        assert isinstance(error, TeacherError)
        assert error.fault.value == expected
        counts = told(url)["counts"]
    assert (counts["requests"], counts[fault]) == (1, 1)
    if fault == "rate_limit":
        assert error.retry_after_s == 0.05


def test_faults_are_drawn_by_picture_and_attempt_and_the_draw_can_be_repeated() -> None:
    sent = [picture(number) for number in range(40)]

    def fates(**options: Any) -> list[str]:
        with fake.serving(fake.FakeTeacher(faults={"http_500": 0.5}, **options)) as url:
            return [type(answer).__name__ for answer in ask(url, *sent, *sent)]

    first = fates(seed=1)
    assert first == fates(seed=1)
    assert first != fates(seed=2)
    assert 20 < first.count("TeacherError") < 60
    assert first[:40] != first[40:], "another attempt is another draw"
    sticky = fates(seed=1, sticky=True)
    assert sticky[:40] == sticky[40:]


def test_many_are_answered_at_once_within_one_latency_and_the_log_tells_of_each(tmp_path: Path) -> None:
    log = tmp_path / "asked.jsonl"
    with fake.serving(fake.FakeTeacher(latency_s=0.4, log=log)) as url:
        ask(url, picture(99))  # the client's first request takes its time
        started = time.monotonic()
        ask(url, *(picture(number) for number in range(32)), picture(0), at_once=True)
        assert 0.4 <= time.monotonic() - started < 33 * 0.4 / 2
        counts = told(url)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(lines) == counts["counts"]["requests"] == 34
    assert len({line["image"] for line in lines}) == counts["pictures"] == 33
    assert max(line["in_flight"] for line in lines) == counts["most_on_the_way"] > 16
    assert sorted(line["attempt"] for line in lines) == [1] * 33 + [2]
    assert counts["counts"]["answered_again"] == 1
    assert counts["on_the_way"] == 0


def test_a_server_that_refuses_forms_is_asked_in_a_plainer_one() -> None:
    with fake.serving(fake.FakeTeacher(refuses=("json_schema", "json_object"))) as url:
        assert all(isinstance(answer, Reply) for answer in ask(url, picture(1), picture(2)))
        assert told(url)["counts"] == {"refused_format": 2, "requests": 2, "answered": 2, "answered_again": 0}


def test_the_command_prints_its_address_and_serves(tmp_path: Path) -> None:
    script = str(ROOT / "benchmarks" / "fake_teacher.py")
    command = [
        sys.executable,
        script,
        "--latency",
        "0.01",
        "--faults",
        "empty=1.0",
        "--log",
        str(tmp_path / "log"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            (error,) = ask(process.stdout.readline().strip(), picture(1))
        finally:
            process.terminate()
    assert isinstance(error, TeacherError)
    assert error.fault.value == "empty"
    assert json.loads((tmp_path / "log").read_text())["fault"] == "empty"
    wrong = subprocess.run([sys.executable, script, "--faults", "nonsense=1"], capture_output=True, text=True)
    assert "unknown faults: nonsense" in wrong.stderr
