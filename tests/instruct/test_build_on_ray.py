"""A build on the workers of a real Ray cluster of this machine."""

import hashlib

import pytest

from fakescope.chain.release import write as release_write
from fakescope.chain.release.write import ALL, Release, write_release
from fakescope.instruct.build import Plan, build
from fakescope.instruct.compose import Quota

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]
pytest.importorskip("ray", reason="Ray is not installed")


def sums(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.parquet")}


def test_the_same_bytes_as_in_one_process(made, tmp_path, monkeypatch):
    monkeypatch.setattr(release_write, "GROUP", 10)
    write_release(made, tmp_path / "release", Release("made", "1"), statuses=ALL)
    quota = Quota(1, 2, 3, 4)
    here = build(Plan(tmp_path / "release", tmp_path / "here", quota))
    there = build(Plan(tmp_path / "release", tmp_path / "there", quota), workers=2, on_ray=True)
    assert there.instructions == here.instructions
    assert sums(tmp_path / "there") == sums(tmp_path / "here")
    assert len(sums(tmp_path / "here")) == 8
