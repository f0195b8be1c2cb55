"""A model as a judge: blind, once an image, marked as a machine."""

from __future__ import annotations

from fakes import ScriptedModel
from fakescope.chain.machine_judge import MOST_CRITERIA, judge_images
from fakescope.records import ImageRef, Judgement, Label


def test_every_image_is_judged_once_and_broken_ones_are_counted(store, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"none")
    store.add_images([ImageRef(id="zz", path=str(tmp_path / "bad.jpg"), label=Label.REAL)])
    model = ScriptedModel()
    assert judge_images(store, model, limit=3).total() == 3
    counts = judge_images(store, model)
    assert counts["known"] == 3
    assert counts["broken"] == 1
    assert counts["right"] + counts["wrong"] == 5
    assert judge_images(store, model)["known"] == 8
    rows = list(store.read(Judgement))
    assert len(rows) == len({row.image for row in rows}) == 8
    assert {row.kind for row in rows} == {"machine"}


def test_criteria_only_when_right(store):
    judge_images(store, ScriptedModel())
    labels = {ref.id: ref.label for ref in store.images()}
    for row in store.read(Judgement):
        assert row.said is Label.FAKE
        assert row.right is (labels[row.image] is Label.FAKE)
        assert bool(row.criteria) is row.right
        assert len(row.criteria) <= MOST_CRITERIA
        assert 0.5 <= row.confidence <= 1.0
