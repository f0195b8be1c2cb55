"""The commands of `fakescope instruct`, as a user types them."""

import json
import shutil
import subprocess
import sys

import pytest
from made_sets import make_images
from PIL import Image

from fakescope.chain.release.write import ALL, Release, write_release

pytestmark = pytest.mark.slow


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "fakescope", "instruct", *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def release(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("release") / "made"
    write_release(made, folder, Release("made", "1"), statuses=ALL)
    return folder


@pytest.fixture(scope="module")
def built(release, tmp_path_factory):
    folder = tmp_path_factory.mktemp("set") / "made"
    done = run("build", release, folder, "--quota", "1:2:3:4", "--workers", "1", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["records"] == 70
    assert 650 < told["instructions"] <= 700
    return folder


def test_a_second_build_finds_the_first(release, built):
    done = run("build", release, built, "--quota", "1:2:3:4", "--workers", "1")
    assert done.returncode == 0
    assert "there already" in done.stdout


def test_stats_and_diff(built):
    told = json.loads(run("stats", built, "--json").stdout)
    assert set(told["parts"]) == {"judgement", "reasoning", "traces", "discussion"}
    assert "made 1" in run("stats", built).stdout
    same = json.loads(run("diff", built, built, "--json").stdout)
    assert same["changed"] == same["only_old"] == same["only_new"] == 0
    assert same["same"] == told["instructions"]


def test_a_sample_is_the_same_for_a_seed_and_of_one_part(built):
    first, again = (run("sample", built, "--count", 5, "--part", "traces").stdout for _ in range(2))
    assert first == again
    assert first.count("  Q: ") == 5
    assert first.count("traces.") == 5
    nothing = run("sample", built, "--part", "nothing")
    assert nothing.returncode != 0


def test_the_page_shows_images_and_escapes_text(built, made, tmp_path):
    for record in made[:40]:
        Image.new("RGB", (30, 20), (200, 10, 10)).save(tmp_path / f"{record.image.id}.png")
    page = tmp_path / "page.html"
    done = run("sample", built, "--count", 30, "--html", page, "--images", tmp_path)
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert text.count("<section") == 30
    assert "data:image/jpeg;base64," in text
    assert "no image file" in text
    assert "<script" not in text


def test_a_sample_for_programs_and_options_that_do_not_fit(built, tmp_path):
    lines = run("sample", built, "--count", "3", "--json").stdout.splitlines()
    assert [bool(json.loads(line)["messages"]) for line in lines] == [True] * 3
    unknown = run("sample", built, "--part", "nonsense")
    assert unknown.returncode != 0
    assert "traces.choice" in unknown.stderr
    alone = run("sample", built, "--images", tmp_path)
    assert alone.returncode != 0
    assert "--html" in alone.stderr


def test_export_tells_programs_what_it_wrote(built, made, tmp_path):
    images = make_images(tmp_path / "images", [record.image.id for record in made])
    done = run("export", built, tmp_path / "out", "--format", "llava", "--images", images, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert sum(told["instructions"].values()) == json.loads((built / "instructions.json").read_text())[
        "instructions"
    ] - sum(told["left_out"].values())


def test_check_passes_with_a_card_and_fails_on_a_spoiled_set(built, release, tmp_path):
    card = tmp_path / "card.html"
    done = run("check", built, "--release", release, "--no-blind", "--report", card, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["faults"] == {}
    assert "No fault found" in card.read_text()
    spoiled = tmp_path / "spoiled"
    shutil.copytree(built, spoiled)
    next((spoiled / "data").glob("dev-*.parquet")).unlink()
    failed = run("check", spoiled, "--no-blind")
    assert failed.returncode == 3
    assert "shard is missing" in failed.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("build", "nowhere", "out"), "not a release"),
        (("stats", "nowhere"), "no finished instructions"),
        (("check", "nowhere"), "no finished instructions"),
        (("sample", "nowhere"), "no finished instructions"),
    ],
)
def test_mistakes_are_told_in_a_line(arguments, words, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "fakescope", "instruct", *arguments],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert words in done.stderr
    assert "Traceback" not in done.stderr
