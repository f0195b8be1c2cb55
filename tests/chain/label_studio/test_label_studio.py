"""Exchange with Label Studio, checked by its own SDK: interfaces, predictions, annotations, conversion, round trip."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakescope.chain.label_studio import config
from fakescope.chain.label_studio.config import Task, interface
from fakescope.chain.label_studio.export import export, judgement_annotation, prediction, review_annotation
from fakescope.chain.label_studio.load import load_annotations, read_judgement, read_review
from fakescope.chain.label_studio.values import Size
from fakescope.chain.store import open_store
from fakescope.errors import DataError
from fakescope.records import Box, Draft, Judgement, Label, Review, TraceNote
from fakescope.taxonomy import CRITERION_IDS

sdk = pytest.importorskip("label_studio_sdk", reason="Label Studio's SDK is not installed")
SIZE = Size(1000, 600)

UNIT = st.integers(0, 10**6)
REGION = st.tuples(UNIT, UNIT, UNIT, UNIT).map(
    lambda v: tuple(n / 10**6 for n in (*map(min, v[:2], v[2:]), *map(max, v[:2], v[2:])))
).filter(lambda r: r[0] < r[2] and r[1] < r[3])  # fmt: skip
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).filter(str.strip)
NOTE = st.builds(
    TraceNote, finding=st.sampled_from(["abnormal", "natural"]), observation=WORDS, region=st.none() | REGION
)
TRACES = st.dictionaries(st.sampled_from(CRITERION_IDS), st.none() | NOTE).map(
    lambda found: {c: found[c] for c in CRITERION_IDS if c in found}
)
DRAFT = st.builds(
    Draft, id=st.just("d"), image=st.just("i"), teacher=WORDS, prompt_hash=st.just("p"), traces=TRACES,
    description=WORDS, limits=st.just("") | WORDS, advice=st.just("") | WORDS,
)  # fmt: skip


def judgements(right: bool = True):
    chosen = st.lists(st.sampled_from(CRITERION_IDS), unique=True).map(
        lambda c: sorted(c, key=CRITERION_IDS.index)
    )
    boxes = st.lists(st.builds(Box, region=REGION, criterion=st.sampled_from(CRITERION_IDS)), max_size=4)
    return st.builds(
        Judgement, image=st.just("i"), who=st.just("ann@x"), said=st.just(Label.FAKE), right=st.just(right),
        confidence=st.integers(50, 100).map(lambda n: n / 100), criteria=chosen.map(tuple), boxes=boxes.map(tuple),
        seconds=st.floats(0, 1000), at=st.just("2026-01-01T00:00:00+00:00"),
    )  # fmt: skip


def sent(value):
    """As it comes back over JSON."""
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("task", list(Task))
def test_the_interface_is_valid_by_label_studio_itself(task):
    from label_studio_sdk.label_interface import LabelInterface

    made = LabelInterface(interface(task))
    made.validate()
    assert {label for labels in made.labels for label in labels} >= set(CRITERION_IDS)
    if task is Task.STEER:
        assert "draft" not in interface(task)
        assert "$label" not in interface(task)


@settings(max_examples=40, deadline=None)
@given(DRAFT)
def test_predictions_are_valid_by_label_studio_itself(draft):
    from label_studio_sdk.label_interface import LabelInterface

    made = sent(prediction(draft, SIZE))
    assert LabelInterface(interface(Task.REVIEW)).validate_prediction(made, return_errors=True) == []


@given(judgements())
def test_a_judgement_comes_back_as_it_was(judgement):
    annotation = sent(judgement_annotation(judgement, SIZE))
    assert read_judgement({"image_id": "i"}, annotation, Label.FAKE) == judgement


@given(judgements())
def test_a_wrong_judgement_brings_no_criteria(judgement):
    annotation = sent(judgement_annotation(judgement, SIZE))
    row = read_judgement({"image_id": "i"}, annotation, Label.REAL)
    assert (row.right, row.criteria, row.boxes) == (False, (), ())


@given(DRAFT, st.sampled_from(["accept", "reject"]), st.just("") | WORDS)
def test_a_decision_comes_back_as_it_was(draft, decision, reason):
    review = Review(draft="d", image="i", who="ann", decision=decision, reason=reason, seconds=3.5)
    assert read_review({"image_id": "i"}, sent(review_annotation(review, draft, SIZE)), draft) == review


@given(DRAFT, TRACES, WORDS)
def test_a_revision_comes_back_as_it_was(draft, traces, words):
    traces = {c: traces.get(c) for c in CRITERION_IDS if c in traces or c in draft.traces}
    traces = {c: note for c, note in traces.items() if note or c in draft.traces}
    review = Review(
        draft="d", image="i", who="ann", decision="revise",
        description=words if words != draft.description else None,
        traces=None if traces == draft.traces else traces,
    )  # fmt: skip
    assert read_review({"image_id": "i"}, sent(review_annotation(review, draft, SIZE)), draft) == review


def test_boxes_are_where_label_studios_converter_puts_them(tmp_path):
    from label_studio_sdk.converter import Converter

    region = (0.125, 0.25, 0.5, 0.75)
    row = Judgement(
        image="i", who="ann", said=Label.FAKE, confidence=0.9, right=True, criteria=("edge",),
        boxes=(Box(region=region, criterion="edge"),),
    )  # fmt: skip
    task = {
        "id": 1,
        "data": {"image": "/x/i.jpg", "image_id": "i"},
        "annotations": [judgement_annotation(row, SIZE)],
    }
    task["annotations"][0] |= {"id": 7, "was_cancelled": False}
    source = tmp_path / "export.json"
    source.write_text(json.dumps([task]))
    converter = Converter(interface(Task.STEER), str(tmp_path), download_resources=False)
    converter.convert_to_coco(str(source), str(tmp_path / "coco"), is_dir=False)
    coco = json.loads((tmp_path / "coco" / "result.json").read_text())
    (found,) = coco["annotations"]
    assert found["bbox"] == pytest.approx([125, 150, 375, 300])
    names = {category["id"]: category["name"] for category in coco["categories"]}
    assert names[found["category_id"]] == "edge"
    converter.convert_to_json(str(source), str(tmp_path / "json"), is_dir=False)
    back = json.loads((tmp_path / "json" / "result.json").read_text())
    assert read_judgement(back[0]["data"], back[0]["annotations"][0], Label.FAKE) == row


def test_a_whole_chain_goes_out_and_comes_back_once(store, tmp_path):
    images = [ref.id for ref in store.images()]
    drafts = [
        Draft(
            id=f"d{n}",
            image=image,
            teacher="t",
            prompt_hash="p",
            description="This image is fake because so.",
        )
        for n, image in enumerate(images)
    ]
    store.append(drafts)
    (tmp_path / "bad.jpg").write_bytes(b"x")
    store.add_images(
        [store.image(images[0]).model_copy(update={"id": "zz", "path": str(tmp_path / "bad.jpg")})]
    )
    for task in Task:
        count, broken = export(store, tmp_path / task, task)
        assert (count, broken) == (8, ["zz"])
    steer = (tmp_path / "steer" / "tasks.json").read_text()
    assert not any(word in steer for word in ("fake", "real", "label", "draft"))
    assert (tmp_path / "steer" / "images" / f"{images[0]}.jpg").read_bytes()[:3] == b"\xff\xd8\xff"
    tasks = json.loads((tmp_path / "review" / "tasks.json").read_text())
    for task in tasks:
        draft = next(d for d in drafts if d.id == task["data"]["draft_id"])
        made = Review(draft=draft.id, image=draft.image, who="ann", decision="accept", at="2026-01-01")
        task["annotations"] = [review_annotation(made, draft, SIZE)]
    tasks[0]["annotations"].append(
        {"completed_by": 3, "result": [{"from_name": "decision", "type": "choices"}]}
    )
    tasks[1]["data"]["draft_id"] = "nobody"
    path = tmp_path / "done.json"
    path.write_text(json.dumps(tasks))
    loaded = load_annotations(store, path)
    assert (loaded.reviews, loaded.known, len(loaded.broken)) == (7, 0, 2)
    assert load_annotations(store, path).known == 7
    assert store.counts()["reviews"] == 7


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"x": 1, "y": 1, "width": 5, "height": 5, "rotation": 20, "rectanglelabels": ["edge"]}, "turned"),
        ({"x": 101, "y": 1, "width": 5, "height": 5, "rectanglelabels": ["edge"]}, "outside"),
        ({"x": "a", "y": 1, "width": 5, "height": 5, "rectanglelabels": ["edge"]}, "numbers"),
        ({"x": 1, "y": 1, "width": 5, "height": 5, "rectanglelabels": ["smell"]}, "labels"),
    ],
)
def test_broken_boxes_are_named(value, words):
    results = [
        {"from_name": config.VERDICT, "type": "choices", "value": {"choices": ["fake"]}},
        {"from_name": config.CONFIDENCE, "type": "number", "value": {"number": 80}},
        {"from_name": config.BOXES, "type": "rectanglelabels", "value": value},
    ]
    with pytest.raises(DataError, match=words):
        read_judgement({"image_id": "i"}, {"completed_by": 1, "result": results}, Label.FAKE)


@pytest.mark.parametrize("text", ["{", "{}", "[1]", '[{"data": 3}]', "[" * 90_000])
def test_files_that_are_no_export_are_refused_in_a_line(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with open_store(tmp_path / "c", create=True) as store, pytest.raises(DataError):
        load_annotations(store, path)
