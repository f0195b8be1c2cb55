"""Candidate sets: what is accepted, and what is refused with a hint."""

import pytest

from fakescope.errors import ModelError
from fakescope.verdict.labels import CandidateSets, build_candidate_sets

TOKENS = {"fake": 3, "artificial": 4, "real": 7, "authentic": 8, "Fake": 3}


def test_words_become_token_ids():
    assert build_candidate_sets(["fake", "artificial"], ["real", "authentic"], TOKENS.get) == CandidateSets(
        fake=(3, 4), real=(7, 8)
    )


@pytest.mark.parametrize(
    ("fake", "real", "says"),
    [
        (["fake"], ["genuine"], "not a single token"),
        (["fake", "artificial"], ["real"], "unequal in number"),
        (["fake"], ["Fake"], "share a token"),
        (["fake", "Fake"], ["real", "authentic"], "repeats a token"),
        ([], [], "no label words"),
    ],
)
def test_unfair_sets_are_refused(fake, real, says):
    with pytest.raises(ModelError, match=says) as caught:
        build_candidate_sets(fake, real, TOKENS.get)
    assert caught.value.hint
