"""The command as installed, with the embedded model: what a user types."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fakes import make_jpeg

pytestmark = pytest.mark.slow

COMMAND = str(Path(sys.executable).with_name("fakescope"))
HEAVY = ("onnxruntime", "PIL", "numpy", "jinja2", "rich", "c2pa", "tiktoken", "torch")


def run(*arguments: object, **options):
    return subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, timeout=120, **options)


@pytest.mark.parametrize("arguments", [["--help"], ["examine", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments):
    code = (
        "import sys; sys.argv = ['fakescope', *sys.argv[1:]]\n"
        "from fakescope.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.stderr.strip() == "[]"
    assert ended.stdout


def test_the_package_can_be_run_as_a_module():
    ended = subprocess.run([sys.executable, "-m", "fakescope", "--version"], capture_output=True, timeout=60)
    assert ended.stdout == run("--version").stdout


def test_detect_and_examine_in_json(tmp_path):
    path = make_jpeg(tmp_path / "photo.jpg")
    (tmp_path / "broken.jpg").write_bytes(path.read_bytes()[:200])
    for command in ("detect", "examine"):
        ended = run(command, "--json", tmp_path)
        broken, photo = map(json.loads, ended.stdout.splitlines())
        assert ended.returncode == 3, ended.stderr
        assert broken["error"]["code"] == "image_error"
        assert photo["model"] == "fakescope-nano"
        assert 0 <= photo["p_fake"] <= 1
    assert photo["description"]


def test_examine_writes_text_and_a_report_without_colour(tmp_path):
    path, report = make_jpeg(tmp_path / "photo.jpg"), tmp_path / "report.html"
    ended = run("examine", path, "--report", report, env={**os.environ, "FORCE_COLOR": "1"})
    assert ended.returncode == 0, ended.stderr
    assert b"\x1b" not in ended.stdout + ended.stderr
    assert report.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_an_encoding_without_the_letters_does_not_end_a_run(tmp_path):
    path = make_jpeg(tmp_path / "photo.jpg")
    ended = run("examine", path, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.isascii()


def test_image_bytes_from_a_pipe(tmp_path):
    path = make_jpeg(tmp_path / "photo.jpg")
    ended = run("detect", "--json", "-", input=path.read_bytes())
    assert json.loads(ended.stdout)["path"] == "<stdin>"


def test_ask_answers(tmp_path):
    path = make_jpeg(tmp_path / "photo.jpg")
    ended = run("ask", path, "Is this image fake or real?")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip()


def test_models_and_the_card():
    assert b"fakescope-nano" in run("models").stdout
    assert len(run("models", "show", "fakescope-nano").stdout) > 200


def many(folder: Path) -> Path:
    folder.mkdir()
    first = make_jpeg(folder / "000.jpg").read_bytes()
    for index in range(1, 3000):
        (folder / f"{index:04}.jpg").write_bytes(first)
    return folder


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_flushes_what_is_done(tmp_path):
    command = [COMMAND, "detect", "--json", str(many(tmp_path / "many"))]

    def heed_interrupts():  # a shell that runs the tests in the background has them ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed_interrupts
    ) as process:
        assert process.stdout
        assert process.stderr
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, said = process.stdout.read(), process.stderr.read()
        assert process.wait(30) == 130
    done = [json.loads(line) for line in (first + rest).splitlines()]
    assert 0 < len(done) < 3000
    assert f"stopped: {len(done)} of 3000 images done".encode() in said
    assert b"Traceback" not in said


@pytest.mark.skipif(os.name == "nt", reason="pipes")
def test_a_reader_that_leaves_early(tmp_path):
    command = [COMMAND, "detect", str(many(tmp_path / "many"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(30) == 141
    assert said == b""
