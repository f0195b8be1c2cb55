"""Agreement figures against worked examples and the libraries that define them."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from fakescope.chain.agree.boxes import best_match_iou, iou
from fakescope.chain.agree.judgements import agree, alpha, kappa
from fakescope.chain.agree.preference import preference, wilson
from fakescope.records import Box, Choice, Draft, Judgement, Label

QUARTER, HALF = (0.0, 0.0, 0.5, 0.5), (0.0, 0.0, 1.0, 0.5)


def judge(store, image, who, *criteria, right=True, boxes=(), kind="person"):
    label = store.image(image).label
    said = label if right else next(other for other in Label if other is not label)
    store.append([
        Judgement(
            image=image, who=who, said=said, confidence=0.8, right=right, criteria=criteria, boxes=boxes, kind=kind
        )
    ])  # fmt: skip


@given(st.lists(st.lists(st.sampled_from([0, 1]), min_size=3, max_size=3), min_size=2, max_size=12))
def test_alpha_is_that_of_the_ratings_themselves(ratings):
    counts = [(row.count(0), row.count(1)) for row in ratings]
    table = np.array(ratings, float).T
    if len(np.unique(table)) == 1:
        assert alpha(counts) is None
    else:
        expected = krippendorff.alpha(reliability_data=table, level_of_measurement="nominal")
        assert alpha(counts) == pytest.approx(expected)


def test_alpha_of_a_worked_example():
    # two people, ten images, one disagreement, three yes of twenty: 1 - 19 * 2 / (2 * 17 * 3)
    counts = [(2, 0)] * 8 + [(1, 1), (0, 2)]
    assert alpha(counts) == pytest.approx(1 - 19 * 2 / (2 * 17 * 3))
    assert alpha([(1, 0), (0, 1)]) is None  # nobody judged with anybody


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_kappa_is_that_of_scikit_learn(pairs):
    table = np.zeros((2, 2), np.int64)
    for a, b in pairs:
        table[int(a), int(b)] += 1
    ours = kappa(table)
    if ours is None:
        assert len({*pairs}) == 1
    else:
        assert ours == pytest.approx(cohen_kappa_score(*zip(*pairs, strict=True)))


def test_overlap():
    assert iou(QUARTER, QUARTER) == 1.0
    assert iou(QUARTER, HALF) == 0.5
    assert iou(QUARTER, (0.5, 0.5, 1, 1)) == 0.0
    assert best_match_iou([QUARTER], [HALF]) == 0.5
    assert best_match_iou([QUARTER], []) == 0.0
    assert best_match_iou([QUARTER, (0.5, 0.5, 1, 1)], [QUARTER]) == pytest.approx(2 / 3)
    assert best_match_iou([], []) is None


def test_a_chain(store):
    images = [ref.id for ref in store.images()]
    for image in images[:6]:
        judge(store, image, "ann", "edge", boxes=(Box(region=QUARTER, criterion="edge"),))
        judge(store, image, "bob", "edge", boxes=(Box(region=HALF, criterion="edge"),))
    judge(store, images[6], "ann", "tone")
    judge(store, images[6], "bob", "light")
    judge(store, images[7], "ann", right=False)
    judge(store, images[7], "bob", "edge")
    judge(store, images[0], "model", "tone", kind="machine")
    found = agree(store)
    assert found.images == 8
    assert found.criteria_images["edge"] == 7
    assert found.criteria_alpha["edge"] == 1.0
    assert found.criteria_alpha["tone"] == pytest.approx(alpha([(2, 0)] * 6 + [(1, 1)]))
    assert found.criteria_alpha["shape"] is None
    assert found.boxes.mean("edge") == 0.5
    assert found.boxes.mean("tone") == 0.0 or found.boxes.mean("tone") is None
    assert found.kappa["ann", "bob"][1] == 8
    assert found.criteria_kappa["ann", "bob"][1] == 7
    assert set(found.conflicts) == {images[6], images[7]}
    assert "no criterion" in found.conflicts[images[6]]
    assert agree(store, machines=True).criteria_alpha["edge"] < 1.0


def test_one_person_agrees_with_nobody(store):
    judge(store, next(store.images()).id, "ann", "edge")
    found = agree(store)
    assert (found.images, found.verdict_alpha, found.kappa) == (0, None, {})


def test_the_win_rate_counts_the_last_choice_of_each_person(store):
    image = next(store.images()).id
    store.append([
        Draft(id="a", image=image, teacher="t", mode="acoti", prompt_hash="p"),
        Draft(id="p", image=image, teacher="t", mode="plain", prompt_hash="p"),
    ])  # fmt: skip
    for who, chosen in (("ann", "right"), ("ann", "left"), ("bob", "left"), ("cid", "right")):
        store.append([Choice(image=image, who=who, left="a", right="p", chosen=chosen)])
    store.append([Choice(image="other", who="ann", left="a", right="a", chosen="left")])
    found = preference(store)
    assert (found.overall.wins, found.overall.choices, found.void) == (2, 3, 1)
    assert found.by_person["cid"].rate == 0.0
    assert found.left.wins == 2
    assert found.overall.interval == wilson(2, 3)


def test_wilson_interval_of_a_known_case():
    low, high = wilson(119, 120)  # the paper's 99.17% would be 119 of 120
    assert (round(low, 3), round(high, 3)) == (0.954, 0.999)
