"""Exemplars: proposed from people and machine together, unchecked until a person has read them."""

from __future__ import annotations

import pytest

from fakescope.chain.exemplars import (
    STARTER,
    check,
    latest,
    merge,
    place,
    propose,
    read_exemplars,
    write_exemplars,
)  # fmt: skip
from fakescope.errors import DataError
from fakescope.records import Box, Draft, Judgement, Label, TraceNote
from fakescope.taxonomy import CRITERION_IDS

CRITERIA = (
    ("texture",),
    ("texture", "anatomy"),
    ("edge",),
    ("light",),
    ("texture",),
    ("tone",),
    ("shape",),
    ("tone",),
)


def prepare(store) -> None:
    for image, criteria in zip(list(store.images()), CRITERIA, strict=True):
        box = Box(region=(0.7, 0.7, 0.9, 0.9), criterion=criteria[0])
        notes = {criteria[0]: TraceNote(finding="abnormal", observation="The sleeve melts.")}
        store.append(
            [
                Judgement(
                    image=image.id, who="ann", said=image.label, confidence=0.9, right=True, criteria=criteria,
                    boxes=(box,),
                ),
                Draft(
                    id=f"d-{image.id}", image=image.id, teacher="t", mode="plain", prompt_hash="p", traces=notes,
                    description=f"This image is {image.label.value} because so.",
                ),
            ]
        )  # fmt: skip


def test_proposals_merge_people_and_machine_and_spread_over_criteria(store):
    prepare(store)
    made = propose(store, 2)
    assert [e.label for e in made].count(Label.FAKE) == 2
    assert all(e.checked_by is None and e.text for e in made)
    one = made[0]
    assert one.human.startswith(f"One person recognised the picture as {one.label.value} by: ")
    assert "in the lower right" in one.text
    assert "The sleeve melts." in one.text
    assert one.machine in one.text
    for label in Label:
        own = [e.criteria for e in made if e.label is label]
        assert own[0] != own[1]
    again = propose(store, 8)
    assert {e.image for e in again}.isdisjoint({e.image for e in made})


def test_there_is_nothing_to_propose_without_people(store):
    with pytest.raises(DataError, match="right judgement"):
        propose(store, 2)


def test_a_check_appends_a_row_and_names_the_person(store):
    before = store.counts()["exemplars"]
    checked = check(store, "fake-0", "carol", text=" Better. ")
    assert (checked.text, checked.checked_by) == ("Better.", "carol")
    assert store.counts()["exemplars"] == before + 1
    assert next(e for e in latest(store) if e.id == "fake-0") == checked
    with pytest.raises(DataError, match="no exemplar nothing"):
        check(store, "nothing", "carol")
    with pytest.raises(DataError, match="no text"):
        check(store, "fake-0", "carol", text=" ")


def test_exemplars_are_exchanged_as_json_lines(store, tmp_path):
    path = tmp_path / "exemplars.jsonl"
    write_exemplars(latest(store), path)
    assert read_exemplars(path) == latest(store)
    path.write_text(path.read_text() + '{"id": 1}\n')
    with pytest.raises(DataError, match="line 3, is not an exemplar"):
        read_exemplars(path)


def test_the_starter_covers_all_criteria_with_both_labels_and_is_unchecked():
    starter = read_exemplars(STARTER)
    for label in Label:
        own = [e for e in starter if e.label is label]
        assert {c for e in own for c in e.criteria} == set(CRITERION_IDS)
    assert all(e.checked_by is None for e in starter)


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ((0, 0, 0.2, 0.2), "the upper left"),
        ((0.4, 0.4, 0.6, 0.6), "the middle"),
        ((0.4, 0.8, 0.6, 1), "the lower middle"),
        ((0.8, 0.4, 1, 0.6), "the right"),
    ],
)
def test_places_in_words(region, words):
    assert place(region) == words


def test_merge_leaves_no_empty_lines():
    assert merge(" a ", "") == "a"
    assert merge("a", "b") == "a\nb"
