"""The published JSON lines: flat, in ASCII, and true to the published schemas."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from examinations import make_examination, make_hostile, make_verdict

from fakescope.errors import ImageError
from fakescope.report import lines
from fakescope.report.build import build_case

SCHEMAS = Path(__file__).parents[2] / "docs" / "schema"


def validator(name):
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("make", [make_examination, make_hostile])
def test_lines_hold_to_the_published_schemas(make, image):
    examination = make(image)
    for name, line in (
        ("examination", lines.examination_line(examination)),
        ("detection", lines.detection_line(examination)),
        ("error", lines.error_line("a.jpg", ImageError("broken", "get it again"))),
    ):
        text = lines.to_json(line)
        assert text.isascii()
        assert "\n" not in text
        validator(name).validate(json.loads(text))


def test_an_examination_line_has_the_fields_of_the_contract(image):
    line = json.loads(lines.to_json(lines.examination_line(make_examination(image))))
    assert set(line) == {
        "schema_version", "path", "sha256", "format", "width_px", "height_px", "size_bytes", "label",
        "reason", "p_fake", "p_fake_bounds", "llr", "answer_mass", "threshold", "band", "calibration", "model",
        "model_revision", "prompt_hash", "seconds", "description", "evidence", "limits", "next_steps",
        "credentials", "conflict",
    }  # fmt: skip
    assert line["label"] == "fake"
    assert line["band"] == [0.4, 0.6]
    assert line["evidence"][1] == {
        "criterion": "edge", "finding": "abnormal", "observation": "The hem dissolves into the sofa.",
        "region": [0.2, 0.7, 0.4, 1.0], "region_from": "model", "p_finding": 0.9, "llr_drop": 0.9,
    }  # fmt: skip


def test_bounds_are_told_in_lines_and_in_the_report(image):
    verdict = make_verdict().model_copy(update={"p_fake_bounds": (0.84, 1.0)})
    examination = make_examination(image, verdict=verdict)
    assert json.loads(lines.to_json(lines.detection_line(examination)))["p_fake_bounds"] == [0.84, 1.0]
    assert any("anywhere from 0.8400 to 1.0000" in value for _, value in build_case(examination).method)


def test_an_inconclusive_line_has_no_label_but_a_reason(image):
    line = json.loads(lines.to_json(lines.detection_line(make_examination(image, verdict=make_verdict(0.5)))))
    assert line["label"] is None
    assert line["reason"]
    assert "description" not in line


def test_an_error_line_has_one_shape():
    line = json.loads(lines.to_json(lines.error_line("a.jpg", ImageError("broken", "get it again"))))
    assert line == {
        "path": "a.jpg", "error": {"code": "image_error", "message": "broken", "hint": "get it again"},
    }  # fmt: skip


def test_the_schema_refuses_what_is_not_in_it(image):
    line = json.loads(lines.to_json(lines.detection_line(make_examination(image))))
    for change in ({"label": "maybe"}, {"p_fake": 1.5}, {"sha256": "x"}, {"extra": 1}):
        with pytest.raises(jsonschema.ValidationError):
            validator("detection").validate({**line, **change})
