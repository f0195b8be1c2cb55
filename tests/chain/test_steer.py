"""Steering: blind verdicts are settled by the first row, criteria are merged as asked, machines step back."""

from __future__ import annotations

import pytest

from fakescope.chain.steer import Keep, settle, supervise
from fakescope.records import Box, Judgement, Label

BOX = Box(region=(0.1, 0.1, 0.2, 0.2), criterion="edge")


def row(who: str, *criteria: str, right: bool = True, **more) -> Judgement:
    said = Label.FAKE if right else Label.REAL
    return Judgement(image="i", who=who, said=said, confidence=0.8, right=right, criteria=criteria, **more)


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (Keep.INTERSECTION, ("edge",)),
        (Keep.MAJORITY, ("edge", "tone")),
        (Keep.UNION, ("texture", "edge", "tone")),
    ],
)
def test_criteria_of_three_people(keep, expected):
    rows = [row("a", "tone", "edge"), row("b", "edge", "tone"), row("c", "edge", "texture")]
    assert supervise("i", rows, keep).criteria == expected


def test_who_was_deceived_is_kept_but_has_no_say():
    found = supervise("i", [row("a", "edge", boxes=(BOX,)), row("b", right=False)])
    assert (found.criteria, found.right, found.wrong) == (("edge",), ("a",), ("b",))
    assert found.deceived == 0.5
    assert found.boxes == (BOX,)


def test_the_blind_verdict_cannot_be_taken_back_but_criteria_can():
    first = row("a", right=False)
    (settled,) = settle([first, row("a", "edge")])
    assert (settled.said, settled.right, settled.criteria) == (Label.REAL, False, ())
    (settled,) = settle([row("a"), row("a", "edge", boxes=(BOX,)), row("a", "tone")])
    assert (settled.criteria, settled.boxes) == (("tone",), ())


def test_machines_count_only_where_no_person_has_judged():
    machine = row("nano", "texture", kind="machine")
    assert supervise("i", [machine]).criteria == ("texture",)
    assert supervise("i", [machine, row("a", "edge")]).criteria == ("edge",)
    assert supervise("i", [machine, row("a", right=False)]).criteria == ()


def test_boxes_of_criteria_that_are_not_kept_are_left_out():
    found = supervise("i", [row("a", "edge", "tone", boxes=(BOX,)), row("b", "tone")])
    assert (found.criteria, found.boxes) == (("tone",), ())


def test_nobody_judged():
    assert supervise("i", []) == supervise("i", [row("a", right=False)]).__class__(image="i")
