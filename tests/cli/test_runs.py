"""`examine` and `detect` over good, bad and hostile files: outputs, order, counts, exit codes."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import jsonschema
import pytest

from fakes import make_jpeg
from fakescope.errors import ImageError, ModelError

SCHEMAS = Path(__file__).parents[2] / "docs" / "schema"


def check(line, name):
    jsonschema.validate(line, json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8")))


@pytest.fixture
def folder(tmp_path):
    """Three good images with a broken one among them."""
    for index, name in enumerate(("a", "b", "d")):
        make_jpeg(tmp_path / f"{name}.jpg", seed=index + 1)
    (tmp_path / "c.jpg").write_bytes(b"not an image at all")
    return tmp_path


def test_examine_prints_everything_as_json(fakescope, jpeg):
    ended = fakescope("examine", "--json", jpeg)
    (line,) = ended.lines
    check(line, "examination")
    assert ended.code == 0
    assert line["path"] == str(jpeg)
    assert (line["label"], round(line["p_fake"], 3)) == ("fake", 0.9)
    assert line["description"].startswith("A person sits on a sofa. This image is fake because")
    assert [e["criterion"] for e in line["evidence"] if e["finding"] == "abnormal"] == ["edge"]
    assert line["evidence"][0]["region_from"] == "model"
    assert ended.err == ""


def test_detect_prints_the_verdict_alone_and_works_in_batches(fakescope, model, tmp_path):
    for index in range(20):
        make_jpeg(tmp_path / f"{index:02}.jpg", seed=index)
    model.p_fake = {"03": 0.05, "04": 0.5}
    ended = fakescope("detect", "--json", tmp_path)
    for line in ended.lines:
        check(line, "detection")
    assert [line["label"] for line in ended.lines[2:6]] == ["fake", "real", None, "fake"]
    assert [Path(line["path"]).stem for line in ended.lines] == [f"{index:02}" for index in range(20)]
    assert model.batches == [16, 4]


def test_an_unreadable_file_is_one_error_line_and_the_others_go_on(fakescope, folder):
    ended = fakescope("detect", folder)
    assert ended.code == 3
    assert [Path(line).stem for line in ended.out.splitlines()] == ["a", "b", "d"]
    assert ended.err.count("error:") == 1
    assert "c.jpg is not an image" in ended.err
    assert "1 of 4 images could not be examined" in ended.err
    assert "Traceback" not in ended.err


def test_errors_are_json_lines_in_their_place(fakescope, folder):
    ended = fakescope("examine", "--json", folder, folder / "missing.jpg")
    assert ended.code == 3
    assert ["error" in line for line in ended.lines] == [False, False, True, False, True]
    for line in ended.lines:
        check(line, "error" if "error" in line else "examination")


def test_an_image_that_the_model_cannot_take_does_not_spoil_its_batch(fakescope, model, folder):
    def refuse(images):
        if any(image.path.endswith("b.jpg") for image in images):
            raise ImageError("b.jpg is too strange")

    model.before = refuse
    ended = fakescope("detect", "--json", folder)
    assert ended.code == 3
    assert ["error" in line for line in ended.lines] == [False, True, True, False]


def test_a_broken_model_is_one_line_and_exit_5(fakescope, model, jpeg):
    def fail(images):
        raise ModelError("the weights are gone", "reinstall fakescope")

    model.before = fail
    ended = fakescope("detect", jpeg)
    assert (ended.code, ended.err) == (5, "error: the weights are gone (reinstall fakescope)\n")


def test_standard_input_is_an_image(fakescope, jpeg):
    ended = fakescope("detect", "--json", "-", stdin=jpeg.read_bytes())
    assert ended.lines[0]["path"] == "<stdin>"
    assert fakescope("detect", "--json", "-", stdin=b"").code == 3


def test_nothing_found_is_exit_4(fakescope, tmp_path):
    ended = fakescope("detect", tmp_path)
    assert (ended.code, ended.out) == (4, "")
    assert ended.err.startswith("error: no image was found")


@pytest.mark.parametrize(
    "arguments",
    [
        ["detect"], ["detect", "--nope", "a.jpg"], ["examine", "--format", "xml", "a.jpg"],
        ["detect", "--threshold", "2", "a.jpg"], ["detect", "--band", "0.6,0.4", "a.jpg"],
        ["detect", "--band", "x", "a.jpg"], ["detect", "-", "-"], ["ask"], ["models", "show"], ["nonsense"],
    ],
)  # fmt: skip
def test_usage_errors_are_exit_2_without_traceback(fakescope, arguments):
    ended = fakescope(*arguments)
    assert ended.code == 2
    assert "Traceback" not in ended.err
    assert ended.err


def test_fail_on_fake(fakescope, model, folder, jpeg):
    assert fakescope("detect", "--fail-on", "fake", folder).code == 10
    model.default = 0.1
    assert fakescope("detect", "--fail-on", "fake", jpeg).code == 0


def test_threshold_and_band_of_ones_own(fakescope, model, jpeg):
    model.default = 0.7
    (line,) = fakescope("detect", "--json", "--threshold", "0.9", jpeg).lines
    assert (line["label"], line["threshold"]) == ("real", 0.9)
    assert line["band"] == pytest.approx([0.8, 1.0])
    (line,) = fakescope("detect", "--json", "--band", "0.3,0.8", jpeg).lines
    assert (line["label"], line["band"]) == (None, [0.3, 0.8])
    assert fakescope("detect", "--threshold", "0.9", "--band", "0.3,0.8", jpeg).code == 2


def test_ctrl_c_keeps_what_is_done(fakescope, model, folder, tmp_path):
    def stop_at_d(images):
        if images[0].path.endswith("d.jpg"):
            raise KeyboardInterrupt

    model.before = stop_at_d
    report = tmp_path / "out" / "report.html"
    report.parent.mkdir()
    ended = fakescope("examine", "--json", "--report", report, folder)
    assert ended.code == 130
    assert len(ended.lines) == 3
    assert "stopped: 3 of 4 images done" in ended.err
    assert "3 images" in report.read_text(encoding="utf-8")


def test_markdown_and_report(fakescope, folder, tmp_path):
    report = tmp_path / "report.html"
    ended = fakescope("examine", "--format", "md", "--report", report, folder)
    assert ended.code == 3
    assert ended.out.count("\n## ") + ended.out.startswith("## ") == 3
    assert "**Not examined** · c.jpg" in ended.out
    assert f"report: {report}" in ended.err
    assert report.read_text(encoding="utf-8").count("<article") == 3


def test_a_report_that_cannot_be_written_is_known_at_once(fakescope, model, jpeg, tmp_path):
    ended = fakescope("examine", "--report", tmp_path / "no" / "report.html", jpeg)
    assert ended.code == 5
    assert ended.err.startswith("error: cannot write the report")
    assert model.batches == []


def test_hostile_names_and_words_are_harmless(fakescope, model, tmp_path):
    name = tmp_path / "[red]x[bold]\x1b[31m<b>\u202egpj.jpg"
    make_jpeg(name)
    model.reply = lambda messages: "[bold]\x1b]0;title\x07 <script>alert(1)</script>"
    for command in (["examine"], ["detect"], ["examine", "--format", "md"], ["ask"]):
        question = ["-q", "what?"] if command == ["ask"] else []
        ended = fakescope(*command, name, *question)
        assert ended.code == 0, ended.err
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", ended.out + ended.err)
    assert "[red]x[bold]" in fakescope("detect", name).out


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_a_name_that_is_not_unicode(fakescope, tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    source = make_jpeg(tmp_path / "plain.jpg")
    try:
        Path(os.fsdecode(name)).write_bytes(source.read_bytes())
    except OSError:
        pytest.skip("this file system has Unicode names only")
    source.unlink()
    (line,) = fakescope("examine", "--json", tmp_path).lines
    assert line["path"].endswith(r"caf\udce9.jpg")
    assert line["label"] == "fake"


def test_forced_colour_does_not_reach_a_pipe(fakescope, jpeg, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in fakescope("examine", jpeg).out
