"""Tables of sources and the repositories that they name: faults are named with their lines, nothing is run."""

from __future__ import annotations

import csv
import os
import subprocess
from pathlib import Path

import pytest

from fakescope.chain.collect.repositories import GitSource
from fakescope.chain.collect.rules import parse_crop, read_rules
from fakescope.errors import DataError
from made_repositories import FILES, OWNER, git, make_mirror, make_table, write_table


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    return make_mirror(tmp_path)


@pytest.fixture
def table(mirror: Path, tmp_path: Path) -> Path:
    return make_table(tmp_path)


def test_a_partial_clone_fetches_its_blobs(mirror, tmp_path, monkeypatch):
    origin = mirror / OWNER.replace("/", "+")
    commit = (tmp_path / "commit").read_text()
    for setting in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
        git(origin, "config", setting, "true")
    git(origin, "update-ref", "refs/heads/main", commit)
    monkeypatch.setattr("fakescope.chain.collect.repositories._environment", lambda network: dict(os.environ))
    command = [
        "git",
        "clone",
        "-q",
        "--bare",
        "--filter=blob:none",
        f"file://{origin}",
        str(tmp_path / "clone"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    source = GitSource(tmp_path / "clone", [commit], partial=True)
    files = source.files()
    assert {
        file.path: data for file, data in zip(files, source.read(files), strict=True)
    }.items() <= FILES.items()


@pytest.mark.parametrize(
    "change",
    [
        {"source": "../evil"},
        {"source": "a/../b"},
        {"source": "--upload-pack=x/y"},
        {"commit": "HEAD"},
        {"commit": "--all"},
        {"pattern": "("},
        {"generator": r"\2"},
        {"label": "maybe"},
        {"crop": "grid8x8"},
        {"most": "many"},
    ],
)
def test_faulty_rows_are_refused_with_their_line(change, table, tmp_path):
    rows = list(csv.DictReader(table.open(newline="")))
    with pytest.raises(DataError, match="line 2"):
        read_rules(write_table(tmp_path / "bad.csv", rows[0] | change, *rows[1:]))


def test_the_table_of_the_project_is_sound():
    rules = read_rules(Path(__file__).parents[3] / "configs" / "train" / "nano-sources.csv")
    assert {rule.label for own in rules.values() for rule in own} == {"real", "fake"}
    assert all(rule.licence for own in rules.values() for rule in own)


@pytest.mark.parametrize(
    "text", ["crop:0,0,2,1", "crop:0.5,0,0.5,1", "grid5x4", "grid2x2/5", "grid0x2", "tiles"]
)
def test_crop_hints_out_of_range_are_refused(text):
    with pytest.raises(ValueError, match="crop"):
        parse_crop(text)
