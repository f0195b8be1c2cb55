"""A dialogue keeps its thread, and refuses questions that are none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scripted import RecordingModel

from fakescope.errors import FakescopeError
from fakescope.explain.ask import MAX_QUESTION_CHARS, Dialogue
from fakescope.explain.traces import judge_criteria, observe
from fakescope.images.load import load_image
from fakescope.records import Label
from fakescope.taxonomy import CRITERION_IDS


def ask(dialogue: Dialogue, question: str) -> str:
    return "".join(dialogue.ask(question)).strip()


def test_the_thread_is_kept(jpeg):
    model = RecordingModel(default=0.9)
    dialogue = Dialogue(model, load_image(jpeg))
    assert dialogue.label is Label.FAKE
    assert [m.content for m in dialogue.thread][1] == "This image is fake."
    assert ask(dialogue, "Why?") == "Answer 2: I looked at that."
    assert ask(dialogue, "  And \n the hands? ") == "Answer 3: I looked at that."
    assert [m.role for m in dialogue.thread] == ["user", "assistant"] * 3
    assert [m.content for m in dialogue.thread][2:] == [
        "Why?",
        "Answer 2: I looked at that.",
        "And the hands?",
        "Answer 3: I looked at that.",
    ]
    assert model.asked[-1] == list(dialogue.thread[:-1])


def test_an_inconclusive_verdict_is_not_put_into_its_mouth(jpeg):
    dialogue = Dialogue(RecordingModel(default=0.5), load_image(jpeg))
    assert dialogue.label is None
    assert dialogue.thread == ()
    assert ask(dialogue, "Why?") == "Answer 1: I looked at that."


def test_an_answer_that_is_left_early_leaves_no_turn(jpeg):
    dialogue = Dialogue(RecordingModel(), load_image(jpeg))
    before = dialogue.thread
    answer = dialogue.ask("Why?")
    next(answer)
    answer.close()
    assert dialogue.thread == before


@pytest.mark.parametrize("question", ["", " \n\t ", "a" * (MAX_QUESTION_CHARS + 1)])
def test_no_question(jpeg, question):
    dialogue = Dialogue(RecordingModel(), load_image(jpeg))
    before = dialogue.thread
    with pytest.raises(FakescopeError, match="the question"):
        ask(dialogue, question)
    assert dialogue.thread == before


def test_the_longest_question_passes(jpeg):
    assert ask(Dialogue(RecordingModel(), load_image(jpeg)), "a" * MAX_QUESTION_CHARS)


def test_all_criteria_are_judged_in_order(jpeg):
    judged = judge_criteria(RecordingModel(), load_image(jpeg), 0.5)
    assert [j.criterion for j in judged] == list(CRITERION_IDS)
    findings = {j.criterion: j.finding for j in judged if j.finding}
    assert findings == {"edge": "abnormal", "tone": "natural"}
    assert all(0 <= j.p_abnormal <= 1 and 0 <= j.p_finding <= 1 for j in judged)


class DividedModel(RecordingModel):
    """Calls everything abnormal on a fake and natural on a real image."""

    def _choice(self, question: str, word: str) -> float:
        return 5.0 if word == ("Abnormal" if "image is fake" in question else "Natural") else 0.0


def test_findings_are_as_sure_as_the_verdict(jpeg):
    image, model = load_image(jpeg), DividedModel()
    told = {p: judge_criteria(model, image, p) for p in (0.0, 0.3, 1.0)}
    chances = [told[p][0].p_abnormal for p in (0.0, 0.3, 1.0)]
    assert chances[0] < 0.01
    assert chances[1] == pytest.approx(0.7 * chances[0] + 0.3 * chances[2])
    assert chances[2] > 0.98
    assert {j.finding for j in told[0.0]} == {"natural"}
    assert {j.finding for j in told[1.0]} == {"abnormal"}


def test_the_card_sets_where_abnormal_begins(jpeg):
    model = RecordingModel()
    eager = replace(model, card=replace(model.card, finding_threshold=0.1))
    careful = replace(model, card=replace(model.card, finding_threshold=0.95))
    image = load_image(jpeg)
    assert {j.finding for j in judge_criteria(eager, image, 0.5)} == {"abnormal"}
    assert "abnormal" not in {j.finding for j in judge_criteria(careful, image, 0.5)}


def test_what_cannot_be_judged_is_not_observed(jpeg):
    model = RecordingModel(findings={})
    image = load_image(jpeg)
    assert observe(model, image, judge_criteria(model, image, 0.5)) == []
