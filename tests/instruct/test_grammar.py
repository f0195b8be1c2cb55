"""The grammar that words are spelled out of, and what is written in it."""

import random

import pytest

from fakescope.errors import DataError
from fakescope.instruct.grammar import literals, say, spellings
from fakescope.instruct.knowledge import TOPICS, knowledge, read_knowledge, tell
from fakescope.instruct.wordings import bank, paths
from fakescope.taxonomy import CRITERION_IDS


def test_alternatives_nest_and_gaps_close():
    said = {say(random.Random(seed), "{A|B{c|}} x{ y|} .") for seed in range(200)}
    assert said == {"A x.", "A x y.", "Bc x.", "Bc x y.", "B x.", "B x y."}
    assert spellings("{a|b{c|}} {d|e}") == 6


def test_what_is_put_in_is_not_read_as_a_pattern():
    assert say(random.Random(0), "See $name.", name="{a|b} $x") == "See {a|b} $x."


@pytest.mark.parametrize("pattern", ["{a|b", "a}b", "a|b"])
def test_braces_must_match(pattern):
    with pytest.raises(ValueError, match=r"brace|outside"):
        say(random.Random(0), pattern)


def test_every_wording_can_be_spelled_and_there_are_many():
    count = 0
    for path in paths():
        for pattern in bank(path):
            assert literals(pattern)
            count += spellings(pattern)
    assert count > 5000


def test_knowledge_covers_every_criterion_in_every_way():
    known = knowledge()
    for criterion in CRITERION_IDS:
        families = {entry.family for entry in known.find("cause", criterion)}
        assert families == {"gan", "diffusion"}
        for topic in ("camera", "false_alarm", "enhance"):
            assert all(entry.criterion == criterion for entry in known.find(topic, criterion))
    for topic, least in (("tool", 16), ("limit", 14), ("concept", 25)):
        entries = known.topic(topic)
        assert len(entries) >= least
        assert all(len(entry.asks) >= 5 for entry in entries)
    assert {entry.topic for entry in known.entries} == set(TOPICS)


def test_knowledge_is_sourced_plain_and_of_no_one_image():
    for entry in knowledge().entries:
        assert entry.sources
        assert len(entry.points) >= 4
        for point in entry.points:
            assert len(set(point)) >= 3
            for wording in point:
                assert wording.isascii(), wording
                assert "this image" not in wording.lower()
                spelled = say(random.Random(0), wording)
                assert spelled[0].isupper() or spelled[0].isdigit()
                assert spelled[-1] in ".?", spelled


def test_what_cannot_be_known_is_said_first():
    for entry in knowledge().topic("limit"):
        for seed in range(5):
            first = tell(entry, random.Random(seed))
            spelled = {say(random.Random(n), wording)[:12] for n in range(40) for wording in entry.points[0]}
            assert first[:12] in spelled


@pytest.mark.parametrize(
    "text",
    [
        "{", "entries: 3", "entries: [{id: x}]",
        "entries: [{id: x, topic: none, points: [], sources: []}]",
        "entries: [{id: x, topic: tool, points: [['{a']], sources: []}]",
        "entries: [{id: x, topic: tool, points: [[a]], sources: [nobody]}]",
    ],
)  # fmt: skip
def test_files_that_are_no_knowledge(text):
    with pytest.raises(DataError):
        read_knowledge([text])
