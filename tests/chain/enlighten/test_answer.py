"""A teacher's text becomes an answer or a named fault; nothing is filled in."""

from __future__ import annotations

import contextlib
import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescope.chain.enlighten.answer import ANSWER_SCHEMA, read_answer
from fakescope.chain.teachers.base import Fault, TeacherError
from fakescope.records import Label
from fakescope.taxonomy import CRITERION_IDS

TRACE = {
    "criterion": "edge",
    "finding": "abnormal",
    "observation": "The hem melts.",
    "region": [0.1, 0.2, 0.5, 0.9],
}
GOOD = {
    "label": "fake",
    "subject": "A coat.",
    "traces": [TRACE],
    "description": "This image is fake because the hem melts.",
    "limits": "Blur.",
    "advice": "Mend the hem.",
}


def text(**changes) -> str:
    return json.dumps(GOOD | changes)


def test_a_good_answer_has_one_note_for_each_criterion():
    jsonschema.validate(GOOD, ANSWER_SCHEMA)
    answer = read_answer(text(), Label.FAKE)
    assert tuple(answer.traces) == CRITERION_IDS
    assert answer.traces["edge"].region == (0.1, 0.2, 0.5, 0.9)
    assert answer.traces["texture"] is None
    assert (answer.description, answer.mended) == (GOOD["description"], ())


@pytest.mark.parametrize("wrap", ["```json\n{}\n```", "Here you are:\n{}", "{}\n\nI hope that helps."])
def test_words_around_the_json_are_passed_over(wrap):
    assert read_answer(wrap.replace("{}", text()), Label.FAKE).subject == "A coat."


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("", Fault.EMPTY),
        ("  \n", Fault.EMPTY),
        ("I cannot help with that.", Fault.NOT_JSON),
        (text()[:-20], Fault.NOT_JSON),
        ("[" * 50_000, Fault.NOT_JSON),
        ('{"a":' * 5000 + "1" + "}" * 5000, Fault.NOT_JSON),
        ("{}", Fault.SCHEMA),
        (text(traces="none"), Fault.SCHEMA),
        (text(traces=[TRACE | {"finding": "odd"}]), Fault.SCHEMA),
        (text(traces=[TRACE | {"region": ["a"]}]), Fault.SCHEMA),
        (text(description="x" * 5000), Fault.SCHEMA),
        (text(description=" \n "), Fault.EMPTY),
        (text().replace("A coat", "\\ud800"), Fault.SCHEMA),
        (text(label="real"), Fault.WRONG_LABEL),
        (text(description="This image is real because the hem is whole."), Fault.WRONG_LABEL),
        (text(description="The hem melts, yet the picture is a real one."), Fault.WRONG_LABEL),
    ],
)
def test_every_bad_answer_has_its_name(said, fault):
    with pytest.raises(TeacherError) as caught:
        read_answer(said, Label.FAKE)
    assert caught.value.fault is fault
    assert len(caught.value.detail) <= 500


@pytest.mark.parametrize(
    "region", [[0.5, 0.2, 0.1, 0.9], [0, 0, 2, 2], [-0.1, 0, 1, 1], [10, 20, 300, 400], [0.1, 0.2], [0.1] * 5]
)
def test_a_region_outside_the_image_costs_the_region_and_is_told(region):
    answer = read_answer(text(traces=[TRACE | {"region": region}]), Label.FAKE)
    assert answer.traces["edge"].region is None
    assert "region of edge" in answer.mended[0]


def test_unknown_second_and_empty_notes_are_left_out_and_told():
    traces = [
        TRACE,
        TRACE | {"observation": "Again."},
        TRACE | {"criterion": "smell"},
        TRACE | {"observation": " "},
    ]
    answer = read_answer(text(traces=traces), Label.FAKE)
    assert answer.traces["edge"].observation == "The hem melts."
    assert [mended.split()[0] for mended in answer.mended] == ["second", "unknown", "second"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from([*GOOD, "x"]), x),
    )
)
def test_any_json_is_an_answer_or_a_named_fault(value):
    with contextlib.suppress(TeacherError):
        assert read_answer(json.dumps(value), Label.REAL).description
