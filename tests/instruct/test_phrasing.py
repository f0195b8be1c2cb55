"""Cleaning keeps grammar and label; strength follows what is known, not how loudly it is said."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_records import make_record

from fakescope.instruct import phrasing
from fakescope.instruct.alignment import caption
from fakescope.records import Label


@given(st.text(max_size=400))
def test_clean_text_is_plain_bounded_and_whole(text):
    said = phrasing.clean(text, max_words=20)
    assert said.isascii()
    assert said.isprintable()
    assert not set(said) & set("<>*#`_")
    assert len(said.split()) <= 20
    assert not said or said[-1] in ".!?"
    assert phrasing.ascii_text(said) == said


def test_quotes_dashes_and_accents_are_straightened():
    assert phrasing.clean("The caf\u00e9\u2019s \u201cfa\u00e7ade\u201d \u2013 old\u2026 tilts 5\u00b0") == (
        'The cafe\'s "facade" - old... tilts 5 degrees.'
    )


def test_marks_of_services_and_number_noise_are_left_out():
    assert phrasing.clean(
        "A sparkle sits at the corner; the hem melts. Prices are 35.66, 2.14 and 37.80."
    ) == ("The hem melts.")
    assert phrasing.advice(make_record(1, advice="Remove the sparkle, add pores.")) == "Add pores."


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "This image is fake because, as it were, it melts.",
            "This image is fake because as it were, it melts.",
        ),
        ("This image is fake: the hem melts.", "This image is fake because the hem melts."),
        ("this picture is fake since the hem melts", "This image is fake because the hem melts."),
        ("The hem melts.", "This image is fake because the hem melts."),
        ("This image is real because the hem holds.", ""),
        ("This image is fake because a sparkle sits there. The rest supports it.", ""),
        ("", ""),
    ],
)
def test_descriptions_begin_with_their_label_or_are_left_out(text, told):
    assert phrasing.description(make_record(1, description=text)) == told


def test_strength_follows_the_blind_judgement_and_the_records_own_word():
    strong = make_record(1)
    assert phrasing.strength(strong) == "strong"
    assert phrasing.strength(strong.model_copy(update={"blind_p_fake": 0.6})) == "weak"
    assert phrasing.strength(strong.model_copy(update={"blind_p_fake": 0.9})) == "moderate"
    assert phrasing.strength(strong.model_copy(update={"limits": "The evidence is weak."})) == "weak"
    assert phrasing.strength(make_record(1, Label.REAL)) == "strong"
    marked = strong.model_copy(update={"description": "This image is fake because of a watermark."})
    assert phrasing.strength(marked) == "moderate"


def test_a_name_is_never_lowered():
    assert phrasing.lower_start("The hem melts.") == "the hem melts."
    assert phrasing.lower_start("Venice stands in water.") is None
    assert phrasing.continued("It is off", "Venice floats.") == "It is off. Venice floats."
    assert phrasing.introduced("On the left", "Venice floats.") == "Venice floats."
    assert phrasing.introduced("On the left", "A boat floats.") == "On the left: a boat floats."


@given(st.tuples(*[st.floats(0, 1)] * 4).filter(lambda r: r[0] < r[2] and r[1] < r[3]))
def test_every_region_has_a_place_in_words(region):
    assert phrasing.place(region).split()[0] in ("at", "on", "in", "near", "across")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("photo of a t-shirt", "a t-shirt"),
        ("highest quality photo of 20yo woman indoors, red hat", "photo of young woman indoors, red hat"),
        ("a robber in a shop. Keep background simple; cues.", "a robber in a shop"),
        ("style of Alfons Mucha, illustration, art nouveau", "illustration, art nouveau"),
        ("Create a poster of a cat", ""),
        ("title : Brooch , version : 2.0", ""),
        ('{"subject": "a cat"}', ""),
        ("Cate Blanchett as Galadriel, in a gown", ""),
        ("\u4e00\u53ea\u732b\u5750\u5728\u7a97\u53f0\u4e0a", ""),
        ("", ""),
    ],
)
def test_captions_become_short_phrases_or_nothing(text, kept):
    assert caption(text) == kept


def test_choices_depend_on_seed_and_names_alone():
    assert phrasing.rng_for(1, "a").random() == phrasing.rng_for(1, "a").random()
    assert len({phrasing.rng_for(s, n).random() for s in (1, 2) for n in "ab"}) == 4
    assert phrasing.pick(random.Random(0), ("x",)) == "x"
