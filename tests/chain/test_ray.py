"""Enlightening on a real Ray cluster of this machine, with a teacher over HTTP; one worker dies on the way."""

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


def kill_a_worker(store, killed: list[int]) -> None:
    """Wait until work is well on its way, then kill one of the workers that do it."""
    while store.counts()["drafts"] < COUNT // 4:
        time.sleep(0.05)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                name = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if name.startswith(b"ray::") and b"MapWorker" in name:
                os.kill(int(entry.name), signal.SIGKILL)
                killed.append(int(entry.name))
                return


def test_a_killed_worker_loses_nothing_and_doubles_nothing(chain, teacher, cluster, tmp_path):
    killed: list[int] = []
    killer = threading.Thread(target=kill_a_worker, args=(chain, killed), daemon=True)
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
