"""The same plain words everywhere, and never more certainty than there is."""

from __future__ import annotations

import doctest
import re

import pytest
from examinations import make_examination, make_hostile, make_verdict
from hypothesis import given
from hypothesis import strategies as st

from fakescope.records import Credentials, Evidence
from fakescope.report import markdown, words
from fakescope.report.build import build_case
from fakescope.report.gauge import build_gauge
from fakescope.report.marks import NEAREST, place_marks


@pytest.mark.parametrize("module", [words, markdown])
def test_the_examples_in_the_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("verdict", "headline"),
    [
        (make_verdict(0.84), "Probably AI-generated (84%)"),
        (make_verdict(0.9999), "Probably AI-generated (over 99%)"),
        (make_verdict(0.5), "Inconclusive"),
        (make_verdict(0.02), "No strong sign of generation"),
        (make_verdict(0.35, band=(0.3, 0.3), threshold=0.3), "Over the threshold for AI-generated (35%)"),
        (make_verdict(0.7, band=(0.8, 0.8), threshold=0.8), "Under the threshold for AI-generated (70%)"),
    ],
)
def test_headlines(verdict, headline):
    assert words.headline(verdict) == headline


@given(st.floats(0.001, 0.999), st.floats(0, 1))
def test_no_verdict_accuses_or_is_certain(p_fake, threshold):
    verdict = make_verdict(p_fake, band=(threshold, threshold), threshold=threshold)
    text = f"{words.headline(verdict)} {words.lead(verdict)} {words.QUIET_NOTE}".lower()
    assert not re.search(r"\b(fraud|forger|liar|proves|definitely|certainly|100%)\b", text)


def test_traces_are_numbered_abnormal_first(image):
    case = build_case(make_examination(image))
    assert [(t.number, t.finding, t.criterion) for t in case.traces] == [
        (1, "abnormal", "edge"), (2, "abnormal", "anatomy"), (3, "natural", "tone"),
    ]  # fmt: skip
    effect = "hiding it lowers the estimate (-0.9 nats)"
    assert case.traces[0].where == f"lower left · area named by the model · {effect}"
    assert case.traces[1].where == ""


def test_absence_of_credentials_is_said_to_prove_nothing(image):
    case = build_case(make_examination(image, credentials=Credentials()))
    assert case.credential_summary == "The file says nothing about its origin."
    assert any("proves nothing" in note for note in case.credential_notes)


def test_no_text_of_a_case_holds_control_characters(image):
    case = build_case(make_hostile(image))
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", repr(case).replace("\\n", ""))
    assert "\\x1b" not in repr(case)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_the_gauge_never_leaves_its_box(p_fake, threshold, low, high):
    gauge = build_gauge(p_fake, threshold, (low, high))
    paths = f"{gauge.low} {gauge.middle} {gauge.high}"
    numbers = [float(n) for n in re.findall(r"[\d.]+", paths)]
    assert all(0 <= n <= 240 for n in [*numbers, *gauge.needle, *gauge.threshold])


def test_the_gauge_shows_the_inconclusive_zone():
    assert build_gauge(0.5, 0.5, (0.4, 0.6)).middle
    assert not build_gauge(0.5, 0.5, (0.5, 0.5)).middle


def test_badges_of_equal_regions_do_not_cover_one_another(image):
    region = (0.3, 0.3, 0.7, 0.7)
    evidence = tuple(
        Evidence(criterion=c, finding="abnormal", observation="x", region=region, region_from="model")
        for c in ("texture", "edge", "clarity", "tone", "light", "shape")
    )
    marks = place_marks(build_case(make_examination(image, evidence=evidence)).traces, 1.5)
    places = [(m.badge_x / 100, m.badge_y / 100) for m in marks]
    for i, (x, y) in enumerate(places):
        for a, b in places[:i]:
            assert ((x - a) ** 2 + ((y - b) / 1.5) ** 2) ** 0.5 >= NEAREST
