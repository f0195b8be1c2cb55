"""The examples run, and every example image says where it is from and may be passed on."""

from __future__ import annotations

import csv
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from fakescope.images.load import load_image

EXAMPLES = Path(__file__).parents[1] / "examples"
IMAGES = EXAMPLES / "images"
LICENCES = {"MIT", "Apache-2.0", "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0"}
with (IMAGES / "LEDGER.csv").open(newline="", encoding="utf-8") as file:
    LEDGER = {row["file"]: row for row in csv.DictReader(file)}


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200)


def test_the_ledger_names_every_image():
    assert set(LEDGER) == {path.name for path in IMAGES.iterdir()} - {"LEDGER.csv"}


@pytest.mark.parametrize("name", sorted(LEDGER))
def test_an_image_is_what_its_ledger_says(name):
    row = LEDGER[name]
    assert hashlib.sha256((IMAGES / name).read_bytes()).hexdigest() == row["sha256"]
    assert row["licence"] in LICENCES
    assert row["author"]
    assert row["source"]
    assert row["path"]
    assert row["label"] == name.split("-")[0]
    assert bool(row["generator"]) == (row["label"] == "fake")
    assert row["split"] in ("dev", "test"), "an image that was trained on is no example"
    assert max(load_image(IMAGES / name).pixels.size) <= 512


def test_both_labels_are_there():
    assert {row["label"] for row in LEDGER.values()} == {"fake", "real"}


def test_every_script_is_run_here():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {"examine_one.py", "scan_folder.py"}
    assert all(len(p.read_text(encoding="utf-8").splitlines()) < 30 for p in EXAMPLES.glob("*.py"))


@pytest.mark.slow
def test_examine_one():
    ended = run("examine_one.py", IMAGES / "fake-woman-sofa.jpg")
    assert ended.returncode == 0, ended.stderr
    assert "probability of fake" in ended.stdout
    assert "But: " in ended.stdout


@pytest.mark.slow
def test_scan_folder():
    ended = run("scan_folder.py", IMAGES)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert {line.split()[-1] for line in lines} == set(LEDGER)
    shown = [float(line.split()[0]) for line in lines]
    assert shown == sorted(shown, reverse=True)


def test_scan_folder_passes_over_a_broken_image(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    ended = run("scan_folder.py", tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.startswith("broken.jpg: ")
    assert ended.stdout == ""
