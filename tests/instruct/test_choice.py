"""Multiple choice gives nothing away: letters, lengths, kinds of options and the way out are balanced."""

import random
import re
from collections import Counter, defaultdict

import pytest

from fakescope.instruct.deal import Dealer
from fakescope.instruct.facts import facts_of
from fakescope.instruct.survey import half, survey
from fakescope.instruct.traces import ask
from fakescope.taxonomy import CRITERION_IDS

OPTION = re.compile(r" ([ABCD])\. (.*?)(?= [ABCD]\. |$)")


@pytest.fixture(scope="module", params=["made", "seed_records"])
def asked(request):
    """(facts, criterion, options, index of the right one) of many questions, and finding and image of each text."""
    facts = [one for one in map(facts_of, request.getfixturevalue(request.param)) if one]
    kinds = {(name, seen.text): seen.finding for one in facts for name, seen in one.seen.items()}
    owners = defaultdict(set)
    for one in facts:
        for name, seen in one.seen.items():
            owners[name, seen.text].add(one.id)
    found, seen = survey(facts), []
    dealer = Dealer(found, even=False)
    for seed in range(max(3, 3000 // len(facts))):
        rng = random.Random(seed)
        for one in facts:
            for name in CRITERION_IDS:
                made = ask(one, name, dealer, found, rng)
                if made and made.form == "traces.choice":
                    ((question, answer),) = made.turns
                    options = [text for _, text in OPTION.findall(question[question.index(" A. ") :])]
                    assert answer == f"{made.answer}. {options['ABCD'.index(made.answer)]}"
                    seen.append((one, name, options, "ABCD".index(made.answer)))
    return seen, kinds, owners


def test_four_different_options_of_which_the_image_owns_the_right_one(asked):
    found, kinds, owners = asked
    assert len(found) > 1000
    for facts, name, options, right in found:
        assert len(options) == len(set(options)) == 4
        own = facts.seen.get(name)
        assert options[right] == own.text if own else (name, options[right]) not in kinds
        for text in options:
            if text != options[right] and (name, text) in kinds:
                assert facts.id not in owners[name, text]
                assert half(facts.id) in {half(id) for id in owners[name, text]}


def test_letters_come_equally_often(asked):
    found, _, _ = asked
    letters = Counter(right for _, _, _, right in found)
    assert all(count / len(found) == pytest.approx(0.25, abs=0.04) for count in letters.values())


def test_length_does_not_point_to_the_answer(asked):
    found, kinds, _ = asked
    ranks = Counter(
        sorted(options, key=len).index(options[right])
        for _, name, options, right in found
        if all((name, text) in kinds for text in options)
    )
    total = sum(ranks.values())
    assert total > 300
    assert all(ranks[rank] / total == pytest.approx(0.25, abs=0.06) for rank in range(4))


def test_each_option_of_a_kind_is_as_likely_to_be_right_as_any_other(asked):
    found, kinds, _ = asked
    right_kind, of_kind = Counter(), Counter()
    for _, name, options, right in found:
        told = [kinds.get((name, text), "unclear") for text in options]
        company = "".join(sorted(kind[0] for kind in told))
        right_kind[company, told[right]] += 1
        for kind in told:
            of_kind[company, kind] += 0.25  # what each option has of being right
    for cell, expected in of_kind.items():
        if expected > 100:
            assert right_kind[cell] / expected == pytest.approx(1, abs=0.2), cell
    assert {company for company, _ in of_kind} >= {"aann", "aanu", "annu"}
