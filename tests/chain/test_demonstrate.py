"""The cover of exemplars: as small as can be, both labels, all criteria that any exemplar covers."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from chain_help import exemplar
from fakescope.chain.demonstrate import EXACT_CRITERIA, ExemplarPool, exact_cover, greedy_cover
from fakescope.records import Label
from fakescope.taxonomy import CRITERION_IDS

POOL = st.lists(
    st.tuples(st.sampled_from(["fake", "real"]), st.sets(st.sampled_from(CRITERION_IDS[:6]), max_size=3)),
    max_size=9,
)


def covered(exemplars, wanted):
    return {c for e in exemplars for c in e.criteria} & set(wanted), {e.label for e in exemplars}


@settings(max_examples=150, deadline=None)
@given(POOL, st.lists(st.sampled_from(CRITERION_IDS[:6]), max_size=6, unique=True))
def test_no_smaller_choice_would_do(made, wanted):
    every = [exemplar(label, *criteria, id=f"{label}-{n}") for n, (label, criteria) in enumerate(made)]
    cover = ExemplarPool(every).choose("i", wanted)
    goal = covered(every, wanted)
    assert covered(cover.exemplars, wanted) == goal
    assert set(cover.missing) == set(wanted) - goal[0]
    for size in range(len(cover.exemplars)):
        assert all(covered(choice, wanted) != goal for choice in combinations(every, size))


@given(POOL)
def test_greedy_covers_the_same(made):
    groups = sorted(
        {(sum(1 << CRITERION_IDS.index(c) for c in cs), 1 if la == "fake" else 2) for la, cs in made}
    )

    def union(chosen):
        return [sum(1 << b for b in range(20) if any(g[k] >> b & 1 for g in chosen)) for k in (0, 1)]

    assert union(greedy_cover(groups)) == union(groups)
    assert len(exact_cover(groups)) <= len(greedy_cover(groups))


def test_many_criteria_go_the_greedy_way():
    every = [exemplar("fake", c, id=f"f-{c}") for c in CRITERION_IDS] + [exemplar("real", "tone", id="r")]
    cover = ExemplarPool(every).choose("i", CRITERION_IDS[: EXACT_CRITERIA + 2])
    assert not cover.missing
    assert {e.label for e in cover.exemplars} == set(Label)


def test_one_of_each_label_where_nothing_is_to_be_covered():
    pool = ExemplarPool([exemplar("fake", "edge"), exemplar("real", "tone")])
    assert {e.label for e in pool.choose("i", ()).exemplars} == set(Label)


def test_an_image_is_never_shown_its_own_exemplar():
    pool = ExemplarPool([exemplar("fake", "edge"), exemplar("real", "tone")])
    cover = pool.choose("of-fake-0", ["edge"])
    assert [e.id for e in cover.exemplars] == ["real-0"]
    assert cover.missing == ("edge",)


def test_unchecked_exemplars_are_shown_only_when_asked_for_and_the_last_row_counts():
    first = exemplar("fake", "edge", by=None)
    assert ExemplarPool([first]).exemplars == ()
    assert ExemplarPool([first], unchecked=True).exemplars == (first,)
    checked = first.model_copy(update={"checked_by": "ann", "text": "Better."})
    assert ExemplarPool([first, checked]).exemplars == (checked,)


def test_equal_exemplars_take_turns_over_images():
    pool = ExemplarPool([exemplar("fake", "edge", id=f"f{n}") for n in range(4)])
    shown = {pool.choose(f"image{n}", ["edge"]).exemplars[0].id for n in range(60)}
    assert shown == {"f0", "f1", "f2", "f3"}
    assert pool.choose("image1", ["edge"]) == pool.choose("image1", ["edge"])
