"""Enlightening a chain: every question ends as one draft, faults have names, nothing is asked twice."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from chain_help import ScriptedTeacher, answer_of, exemplar
from fakescope.chain.enlighten.ask import Patience
from fakescope.chain.enlighten.budget import Budget, Prices
from fakescope.chain.enlighten.run import Plan, enlighten
from fakescope.chain.teachers.base import Fault, TeacherError
from fakescope.errors import DataError
from fakescope.records import Draft, ImageRef, Judgement, Label

QUICK = Patience(attempts=3, wait_s=0.001)


def run(store, teacher, plan=Plan(), **more):  # noqa: B008
    return enlighten(store, teacher, plan, patience=more.pop("patience", QUICK), **more)


def steer(store, image: str, *criteria: str, who: str = "ann", right: bool = True) -> None:
    label = store.image(image).label
    said = label if right else next(other for other in Label if other is not label)
    store.append([Judgement(image=image, who=who, said=said, confidence=0.9, right=right, criteria=criteria)])


def test_every_image_gets_one_draft_with_its_own_words(store):
    teacher = ScriptedTeacher()
    summary = run(store, teacher)
    drafts = list(store.read(Draft))
    assert (summary.drafted, summary.asked, teacher.closed) == (8, 8, 1)
    assert {d.image for d in drafts} == {ref.id for ref in store.images()}
    assert len({d.subject for d in drafts}) == 8
    assert (summary.tokens_in, summary.tokens_out) == (800, 320)
    assert all(set(d.exemplars) == {"fake-0", "real-0"} for d in drafts)


def test_the_prompt_has_label_criteria_demonstrations_and_no_name_of_the_file(store):
    image = next(store.images(label=Label.FAKE))
    steer(store, image.id, "texture", "anatomy")
    steer(store, image.id, "anatomy", "edge", who="bob")
    teacher = ScriptedTeacher()
    run(store, teacher, Plan(steered_only=True))
    (request,) = teacher.requests
    assert "\nLabel: fake\n" in request.text
    assert "\nCriteria: anatomy\n" in request.text
    assert "Reasoning of fake-0." in request.text
    assert "Reasoning of real-0." in request.text
    assert request.criteria == ("anatomy",)
    assert image.path not in request.text + request.system
    assert request.pictures[0].jpeg[:2] == b"\xff\xd8"


def test_plain_prompting_has_no_supervision(store):
    image = next(store.images())
    steer(store, image.id, "texture")
    teacher = ScriptedTeacher()
    run(store, teacher, Plan(mode="plain", limit=3))
    assert len(teacher.requests) == 3
    assert all("Demonstrations" not in r.text and "Criteria:" not in r.text for r in teacher.requests)
    assert {d.mode for d in store.read(Draft)} == {"plain"}


def test_acoti_without_exemplars_is_refused(tmp_path):
    from fakescope.chain.store import open_store

    with open_store(tmp_path, create=True) as empty:
        empty.append([exemplar("fake", "edge", by=None), exemplar("real", "light", by=None)])
        with pytest.raises(DataError, match="no checked exemplar of a real nor of a fake"):
            run(empty, ScriptedTeacher())
        empty.append([exemplar("fake", "edge", by="anna")])
        with pytest.raises(DataError, match="no checked exemplar of a real"):
            run(empty, ScriptedTeacher())
        assert run(empty, ScriptedTeacher(), Plan(unchecked=True)).asked == 0


def test_passing_faults_are_tried_again_and_counted_by_name(store):
    faults = [TeacherError(Fault.TIMEOUT, "slow"), "not json"]

    def script(request, nth):
        return faults[nth] if nth < 2 else answer_of(request)

    summary = run(store, ScriptedTeacher(script))
    assert (summary.drafted, summary.failed) == (8, Counter())
    assert summary.faults == {"timeout": 8, "not_json": 8}
    draft = next(store.read(Draft))
    assert (draft.faults, draft.asked, draft.tokens_in) == (("timeout", "not_json"), 3, 200)


@pytest.mark.parametrize(
    ("said", "name", "requests"),
    [
        (TeacherError(Fault.TIMEOUT, "slow"), "timeout", 3),
        (TeacherError(Fault.REFUSED, "no"), "refused", 1),
        ("{broken", "not_json", 3),
        ("{}", "schema", 3),
        ("lie", "wrong_label", 1),
    ],
)
def test_every_fault_ends_as_a_named_draft_without_text(store, said, name, requests):
    def script(request, nth):
        other = "real" if request.label is Label.FAKE else "fake"
        return answer_of(request, label=other) if said == "lie" else said

    teacher = ScriptedTeacher(script)
    summary = run(store, teacher)
    assert summary.failed == {name: 8}
    assert len(teacher.requests) == 8 * requests
    for draft in store.read(Draft):
        assert draft.fault == name
        assert draft.faults == (name,) * requests
        assert (draft.description, draft.subject, draft.traces) == ("", "", {})
        assert draft.detail


def test_a_wrong_key_ends_the_run_after_a_few_refusals(store):
    teacher = ScriptedTeacher(lambda request, nth: TeacherError(Fault.NOT_ALLOWED, "key"))
    summary = run(store, teacher, concurrency=1)
    assert summary.stopped == "not_allowed"
    assert summary.failed == {"not_allowed": len(teacher.requests)}
    assert 5 <= len(teacher.requests) < 8
    assert run(store, ScriptedTeacher(), Plan(retry_failed=True)).drafted == 8


def test_a_broken_image_is_named_and_nothing_is_asked(store, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    store.add_images([ImageRef(id="zz", path=str(tmp_path / "bad.jpg"), label=Label.REAL)])
    teacher = ScriptedTeacher()
    summary = run(store, teacher)
    assert summary.failed == {"bad_image": 1}
    assert len(teacher.requests) == 8
    (bad,) = store.read(Draft, image="zz")
    assert bad.fault == "bad_image"


def test_nothing_is_asked_twice_and_failures_only_when_asked_to(store):
    first = ScriptedTeacher(lambda request, nth: "{}" if request.label is Label.REAL else answer_of(request))
    assert run(store, first).failed == {"schema": 3}
    again = ScriptedTeacher()
    summary = run(store, again)
    assert (summary.asked, summary.known, again.requests) == (0, 8, [])
    retried = ScriptedTeacher()
    summary = run(store, retried, Plan(retry_failed=True))
    assert (summary.drafted, summary.known) == (3, 5)
    assert store.counts()["drafts"] == 11
    assert len({d.id for d in store.read(Draft)}) == 11


def test_new_supervision_asks_again_only_when_told_to(store):
    run(store, ScriptedTeacher())
    steer(store, next(store.images()).id, "light")
    assert run(store, ScriptedTeacher()).asked == 0
    assert run(store, ScriptedTeacher(), Plan(again=True)).asked == 1


def test_another_teacher_is_another_question(store):
    run(store, ScriptedTeacher())
    assert run(store, ScriptedTeacher(name="test:other")).asked == 8


def test_concurrency_is_used_and_kept(store):
    teacher = ScriptedTeacher(wait_s=0.2)
    run(store, teacher, concurrency=4)
    assert teacher.most_on_the_way == 4


def test_the_rate_is_kept(store):
    teacher = ScriptedTeacher()
    started = time.monotonic()
    run(store, teacher, patience=Patience(per_minute=600))
    assert time.monotonic() - started >= 7 * 0.1


def test_a_spent_budget_ends_the_run_in_order(store):
    budget = Budget(money=0.001, prices=Prices(2.0, 5.0))  # a question costs 0.0004
    summary = run(store, ScriptedTeacher(), budget=budget, concurrency=1)
    assert summary.stopped == "budget"
    assert summary.cost == pytest.approx(sum(d.cost for d in store.read(Draft)))
    assert summary.cost <= 0.001 + 0.0004 * 4
    rest = run(store, ScriptedTeacher())
    assert rest.asked + summary.asked == 8


def test_shards_share_the_images_without_overlap(store):
    asked = [run(store, ScriptedTeacher(name="t:s"), Plan(shard=(i, 3))).asked for i in range(3)]
    assert sum(asked) == 8
    assert store.counts()["drafts"] == 8


def test_ctrl_c_keeps_what_was_sent_and_the_next_run_does_the_rest(store):
    teacher = ScriptedTeacher(wait_s=0.4)
    threading.Timer(0.6, os.kill, (os.getpid(), signal.SIGINT)).start()
    summary = run(store, teacher, concurrency=2)
    assert summary.stopped == "interrupted"
    assert 2 <= summary.drafted < 8
    assert len(teacher.requests) == summary.drafted
    rest = ScriptedTeacher()
    run(store, rest)
    asked = Counter(r.pictures for r in teacher.requests + rest.requests)
    assert set(asked.values()) == {1}
    assert len(asked) == 8


def test_limits_count_questions(store):
    assert [run(store, ScriptedTeacher(), Plan(limit=3)).asked for _ in range(3)] == [3, 3, 2]


def test_the_picture_took_the_path_of_all_pictures(store):
    from fakescope.images.load import load_image

    teacher = ScriptedTeacher()
    run(store, teacher, Plan(limit=1))
    shown = load_image(teacher.requests[0].pictures[0].jpeg)
    assert max(shown.width_px, shown.height_px) <= 512
    assert Path(store.path_of(next(store.images()))).is_file()
