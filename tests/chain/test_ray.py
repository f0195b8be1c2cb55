"""Collecting and enlightening on a real Ray cluster of this machine; one worker dies on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from chain_help import exemplar
from fakes import make_jpeg
from fakescope.chain.collect.inputs import open_inputs
from fakescope.chain.collect.items import Facts, Reading
from fakescope.chain.collect.repositories import Places
from fakescope.chain.collect.run import collect
from fakescope.chain.enlighten.ask import Patience
from fakescope.chain.enlighten.budget import Budget
from fakescope.chain.enlighten.ray_engine import enlighten_on_ray
from fakescope.chain.enlighten.run import Plan
from fakescope.chain.store import open_store
from fakescope.chain.teachers.open import open_teacher
from fakescope.records import Draft, ImageRef, Label

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]
ray = pytest.importorskip("ray", reason="Ray is not installed")

FAKE_TEACHER = Path(__file__).parents[2] / "benchmarks" / "fake_teacher.py"
COUNT, WORKERS = 120, 3


@pytest.fixture
def teacher(tmp_path):
    """The address of a server that answers after a tenth of a second and writes down what it was asked."""
    command = [sys.executable, str(FAKE_TEACHER), "--latency", "0.1", "--log", str(tmp_path / "asked.jsonl")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@pytest.fixture
def chain(tmp_path):
    """A chain of small pictures, each different."""
    (tmp_path / "images").mkdir()
    with open_store(tmp_path, create=True) as store:
        for number in range(COUNT):
            path = make_jpeg(tmp_path / "images" / f"{number}.jpg", seed=number)
            label = Label.FAKE if number % 2 else Label.REAL
            store.add_images([ImageRef(id=f"{number:04}", path=f"images/{path.name}", label=label)])
        store.append([exemplar("fake", "edge"), exemplar("real", "tone")])
        yield store


@pytest.fixture
def cluster():
    """A cluster of this machine, ended afterwards."""
    yield
    ray.shutdown()


def kill_a_worker(ready, title: bytes, killed: list[int]) -> None:
    """Wait until work is well on its way, then kill one of the workers that do it."""
    until = time.monotonic() + 120
    while not ready():
        time.sleep(0.02)
    while time.monotonic() < until:  # a worker bears the title only while it works
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and _title(entry).startswith(b"ray::") and title in _title(entry):
                os.kill(int(entry.name), signal.SIGKILL)
                killed.append(int(entry.name))
                return


def _title(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def test_a_killed_worker_loses_nothing_and_doubles_nothing(chain, teacher, cluster, tmp_path):
    killed: list[int] = []

    def ready() -> bool:
        return chain.counts()["drafts"] >= COUNT // 4

    killer = threading.Thread(target=kill_a_worker, args=(ready, b"MapWorker", killed), daemon=True)
    killer.start()
    summary = enlighten_on_ray(
        chain,
        partial(open_teacher, "openai:fake", url=teacher),
        Plan(),
        patience=Patience(),
        budget=Budget(),
        concurrency=2,
        workers=WORKERS,
    )
    killer.join(1)
    assert killed, "no worker was found to kill"
    drafts = list(chain.read(Draft))
    assert Counter(draft.image for draft in drafts) == {f"{n:04}": 1 for n in range(COUNT)}
    assert all(draft.fault is None for draft in drafts)
    assert summary.drafted + summary.known == COUNT
    asked = [json.loads(line) for line in (tmp_path / "asked.jsonl").read_text().splitlines()]
    assert COUNT <= len(asked) <= COUNT + 2  # no more than what the dead worker had on its way


def test_collecting_gives_what_one_machine_gives(cluster, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(400):
        make_jpeg(folder / f"{number}.jpg", seed=number % 390)  # some are there twice
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    journal = tmp_path / "ray" / "collected.jsonl"

    def ready() -> bool:
        return journal.exists() and journal.read_bytes().count(b"\n") > 20

    killed: list[int] = []
    killer = threading.Thread(target=kill_a_worker, args=(ready, b"call", killed), daemon=True)
    killer.start()
    found = {}
    for engine in ("ray", "local"):
        with open_store(tmp_path / engine, create=True) as store:
            inputs = open_inputs(
                [str(folder)], Reading({}, {}, Facts(Label.REAL)), Places(tmp_path / "repositories")
            )
            summary = collect(store, inputs, jobs=WORKERS, on_ray=engine == "ray")
            assert (summary.taken, summary.faults) == (400, {"broken": 1})
            found[engine] = {ref.id: ref for page in store.image_pages() for ref in page}
    killer.join(1)
    assert killed, "no worker was found to kill"
    assert 300 < len(found["local"]) < 400
    assert found["ray"] == found["local"]
