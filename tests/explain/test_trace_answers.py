"""The compact answer format: what is written can be read, and no garbage breaks the reader."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescope.explain.parse import location_tokens, parse_trace_answer
from fakescope.models.nano_format import LOCATION_BINS, LOCATIONS

UNIT = st.floats(0.0, 1.0)
REGIONS = st.tuples(UNIT, UNIT, UNIT, UNIT).filter(lambda r: r[0] < r[2] and r[1] < r[3])


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (
            "Abnormal. The hem dissolves. <7><24><13><31>",
            ("abnormal", "The hem dissolves.", (7 / 32, 24 / 32, 14 / 32, 1.0)),
        ),
        ("Natural. Pores are visible.", ("natural", "Pores are visible.", None)),
        ("Unclear. There is too little here.", (None, "There is too little here.", None)),
        ("abnormal: hem <0> <0> <31> <31>", ("abnormal", "hem", (0.0, 0.0, 1.0, 1.0))),
        ("Abnormal", ("abnormal", "", None)),
        ("Not natural. The hem dissolves.", (None, "Not natural. The hem dissolves.", None)),
        ("Naturally lit.", (None, "Naturally lit.", None)),
        ("Abnormal. Hem. <7><24><13>", ("abnormal", "Hem.", None)),
        ("Abnormal. Hem. <7><24><6><31>", ("abnormal", "Hem.", None)),
        ("Abnormal. Hem. <7><24><32><31>", ("abnormal", "Hem.", None)),
        ("Abnormal. Hem. <7><24><13><31", ("abnormal", "Hem. <31", None)),
        ("", (None, "", None)),
    ],
)
def test_reading(text, answer):
    assert tuple(parse_trace_answer(text)) == answer


def test_there_is_a_token_for_every_bin():
    assert LOCATIONS[0] == "<0>"
    assert LOCATIONS[-1] == "<31>"
    assert len(LOCATIONS) == LOCATION_BINS


@given(REGIONS)
def test_a_region_survives_within_one_bin_and_is_covered(region):
    read = parse_trace_answer(f"Abnormal. Something. {location_tokens(region)}").region
    assert read is not None
    for value, back in zip(region, read, strict=True):
        assert abs(value - back) <= 1 / LOCATION_BINS + 1e-12
    assert read[0] <= region[0]
    assert read[1] <= region[1]
    assert read[2] >= region[2]
    assert read[3] >= region[3]


@given(
    st.sampled_from(["Abnormal", "Natural", "Unclear"]),
    st.from_regex(r"[A-Z][a-z ,']{0,60}[a-z]\.", fullmatch=True),
)
def test_tag_and_sentence_come_back(tag, sentence):
    finding, observation, region = parse_trace_answer(f"{tag}. {sentence}")
    assert finding == (None if tag == "Unclear" else tag.lower())
    assert observation == " ".join(sentence.split())
    assert region is None


@given(
    st.text()
    | st.from_regex(r"(Abnormal|Natural|Unclear)?[.: ]*(<-?\d{0,4}>?|[a-z.]| ){0,40}", fullmatch=True)
)
def test_garbage_is_never_raised_on(text):
    finding, observation, region = parse_trace_answer(text)
    assert finding in ("abnormal", "natural", None)
    assert not re.search(r"<\d+>", observation)
    if region is not None:
        x0, y0, x1, y1 = region
        assert 0 <= x0 < x1 <= 1
        assert 0 <= y0 < y1 <= 1
