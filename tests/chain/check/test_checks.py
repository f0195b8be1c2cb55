"""Checks of drafts: each fails on what it is for, and only then."""

from __future__ import annotations

import pytest

from chain_help import exemplar
from fakescope.chain.check.crowd import Crowd
from fakescope.chain.check.faults import check_draft
from fakescope.chain.check.jury import disagreement, jury
from fakescope.chain.check.run import priority, run_checks
from fakescope.chain.steer import Supervision
from fakescope.prompts.acoti import acoti_prompt
from fakescope.records import Check, Draft, Judgement, Label, TraceNote
from fakescope.taxonomy import CRITERIA

GOOD = (
    "This image is fake because the left sleeve runs into the table edge without a seam, and two of her fingers share "
    "one nail; a camera would show cloth ending where wood begins."
)


def draft(id: str = "d", image: str = "i", teacher: str = "t", **changes) -> Draft:
    values = {"description": GOOD, "traces": {"edge": note()}, "criteria": ("edge",)} | changes
    return Draft(id=id, image=image, teacher=teacher, prompt_hash="p", **values)


def note(finding: str = "abnormal", text: str = "The sleeve runs into the table.") -> TraceNote:
    return TraceNote(finding=finding, observation=text)


def failed(made: Draft, label: Label = Label.FAKE, *shown) -> set[str]:
    return {check.name for check in check_draft(made, label, shown) if not check.passed}


def test_a_good_draft_passes_all():
    assert failed(draft()) == set()


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"description": GOOD.replace("This image is fake because", "Look:")}, "states_label"),
        ({"criteria": ("edge", "light")}, "names_criteria"),
        ({"mended": ("region of edge is not inside the image: [2, 2, 3, 3]",)}, "boxes_inside"),
        ({"description": "This image is fake because of things."}, "length"),
        ({"description": GOOD + " word" * 250}, "length"),
        ({"description": GOOD + " " + " ".join(c.definition for c in CRITERIA)[:900]}, "repeats_prompt"),
    ],
)
def test_each_fault_fails_its_own_check(changes, name):
    assert failed(draft(**changes)) == {name}


def test_an_exemplar_said_again_is_found():
    shown = exemplar("fake", "edge").model_copy(update={"text": GOOD})
    assert failed(draft(), Label.FAKE, shown) == {"repeats_exemplar"}


def test_a_criterion_named_in_the_description_counts():
    assert "names_criteria" not in failed(
        draft(criteria=("edge", "anatomy"), description=GOOD + " Its anatomy is off.")
    )


def test_prompts_that_say_the_criteria_do_not_fail_honest_drafts():
    assert "Surface detail" in acoti_prompt(Label.FAKE, ("texture",), ())
    made = draft(description=GOOD, traces={"texture": note(text="Skin is waxy at the chin."), "edge": note()})
    assert failed(made) == set()


def test_a_draft_that_could_stand_under_any_image_is_found():
    words = "the surface looks very smooth and the light looks very even all over the whole scene"
    same = [
        draft(f"d{n}", f"i{n}", description=f"This image is fake because {words}.", traces={})
        for n in range(6)
    ]
    own = draft("own", "other")
    crowd = Crowd()
    for one in [*same, own]:
        crowd.add(one)
    assert [crowd.check(one).passed for one in same] == [False] * 6
    assert crowd.check(own).passed


def test_several_drafts_of_one_image_are_no_crowd():
    crowd = Crowd()
    several = [draft(f"d{n}", "same", f"t{n}") for n in range(9)]
    for one in several:
        crowd.add(one)
    assert crowd.check(several[0]).value == 0.0


def test_disagreement_of_two_drafts():
    a = draft(traces={"edge": note(), "tone": note("natural"), "light": None})
    b = draft(traces={"edge": note(), "tone": note(), "shape": note()})
    assert disagreement(a, a) == 0.0
    assert disagreement(a, b) == pytest.approx((0 + 1 + 0.5) / 3)
    assert disagreement(draft(traces={}), draft(traces={})) == 0.0


def test_a_jury_needs_two_teachers_and_names_the_odd_one():
    assert jury([draft("a"), draft("b")]) == []
    odd = draft("c", teacher="t3", traces={"edge": note("natural"), "tone": note()})
    checks = {check.draft: check for check in jury([draft("a"), draft("b", teacher="t2"), odd])}
    assert checks["a"].value == checks["b"].value < checks["c"].value
    assert not checks["c"].passed
    assert checks["a"].passed


def test_priority_is_the_strongest_reason():
    def ranked(*checks: Check, supervision: Supervision = Supervision("i")) -> Check:  # noqa: B008
        return priority(draft(), checks, supervision)

    good, bad = (Check(draft="d", name="length", passed=passed) for passed in (True, False))
    assert (ranked(good).value, ranked(good).detail) == (0.0, "")
    assert ranked(bad).detail == "failed checks"
    assert ranked(bad, bad).value > ranked(bad).value
    assert ranked(Check(draft="d", name="jury", passed=True, value=0.4)).detail == "the jury disagrees"
    assert ranked(good, supervision=Supervision("i", wrong=("a",))).detail == "people were deceived"


def test_a_chain_is_checked_once_and_again_where_something_changed(store):
    images = [ref.id for ref in store.images()]
    label = {ref.id: ref.label.value for ref in store.images()}
    store.append(
        [
            draft(f"d{n}", image, description=f"{GOOD} Mark {n}.".replace("fake", label[image]))
            for n, image in enumerate(images[:3])
        ]
        + [draft("bad", images[4], fault="timeout", description="", traces={})]
    )
    first = run_checks(store)
    assert (first.drafts, first.flagged) == (3, 0)
    assert first.written == 3 * 8
    assert run_checks(store).written == 0
    store.append([draft("new", images[0], "t2", description=GOOD, traces={"edge": note("natural")})])
    store.append([Judgement(image=images[1], who="ann", said=Label.REAL, confidence=0.6, right=False)])
    assert 0 < run_checks(store).written < 30
    ranked = [c for c in store.read(Check, name="priority") if c.detail]
    assert {c.draft for c in ranked} >= {"new", "d0", "d1"}
