"""The rehearsal of runs/fakechain.sh, on a few real images."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_fakechain_from_images_to_a_valid_release(data, tmp_path):
    command = ["bash", str(ROOT / "runs" / "fakechain.sh"), str(data), str(tmp_path), "30"]
    env = {**os.environ, "PYTHON": sys.executable}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=280, env=env)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    release = json.loads((tmp_path / "release" / "release.json").read_text())
    assert release["records"] + sum(release["passed_over"].values()) <= 30
    assert release["records"] >= 20
    assert {"person 1", "person 2"} <= set(release["stats"]["people"])
    asked = [json.loads(line) for line in (tmp_path / "asked.jsonl").read_text().splitlines()]
    good = Counter(line["prompt"] for line in asked if line["fault"] is None)
    assert set(good.values()) == {1}, "an answered question was asked again"
    assert "0 faults" in ended.stdout
    assert (tmp_path / "audit.html").stat().st_size > 10_000
