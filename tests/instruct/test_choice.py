"""Multiple choice gives nothing away: letters, lengths, classes and the way out are balanced."""

import re
from collections import Counter, defaultdict

import pytest

from fakescope.instruct.choice import NOT_HERE
from fakescope.instruct.mixture import build_instructions
from fakescope.instruct.phrasing import clean
from fakescope.records import Label

OPTIONS = re.compile(r" ([ABCD])\. (.*?)(?= [ABCD]\. |$)")


def questions(instructions):
    """(image, criterion, options, index of the right one) of every multiple-choice conversation."""
    for instruction in instructions:
        question, answer = (m.content for m in instruction.messages[:2])
        if instruction.part == "traces" and " A. " in question and re.match(r"[ABCD]\. ", answer):
            start = question.index(" A. ")
            options = [text for _, text in OPTIONS.findall(question[start:])]
            yield instruction.image, instruction.criterion, options, "ABCD".index(answer[0]), answer[3:]


@pytest.fixture(scope="module", params=["made", "seed_records"])
def asked(request):
    """Questions of several seeds, with the records they were made from."""
    records = request.getfixturevalue(request.param)
    built = [i for seed in range(3) for i in build_instructions(records, seed=seed, parts=["traces"])]
    return records, list(questions(built))


def test_four_distinct_options_and_the_answer_repeats_the_right_one(asked):
    records, found = asked
    assert len(found) > 400
    notes = {r.image.id: r.traces for r in records}
    for image, criterion, options, right, answer in found:
        assert len(options) == len(set(options)) == 4
        assert options[right] == answer
        note = notes[image][criterion]
        assert answer == clean(note.observation) if note else answer in NOT_HERE


def test_letters_are_even_for_each_class(asked):
    records, found = asked
    label = {r.image.id: r.image.label for r in records}
    letters = defaultdict(Counter)
    for image, _, _, right, _ in found:
        letters[label[image]][right] += 1
    for counts in letters.values():
        total = sum(counts.values())
        assert all(abs(counts[i] / total - 0.25) < 0.03 for i in range(4)), counts


def test_length_does_not_point_to_the_answer(asked):
    _, found = asked
    ranks = Counter()
    for _, _, options, _, answer in found:
        if not set(options) & set(NOT_HERE):
            ranks[sorted(options, key=len).index(answer)] += 1
    total = sum(ranks.values())
    assert total > 50
    assert all(0.15 < ranks[i] / total < 0.37 for i in range(4)), ranks


def test_the_way_out_is_right_about_once_in_four(asked):
    _, found = asked
    offered = [answer for _, _, options, _, answer in found if set(options) & set(NOT_HERE)]
    assert 0.15 < sum(answer in NOT_HERE for answer in offered) / len(offered) < 0.35


def test_company_does_not_point_to_the_answer(asked):
    """Options of the image's own class are as many as of the other, so a guess by class wins nothing."""
    records, found = asked
    of = defaultdict(set)
    label = {r.image.id: r.image.label for r in records}
    for record in records:
        for criterion, note in record.traces.items():
            if note:
                of[criterion, clean(note.observation)].add(record.image.label)
    pairs, majority = Counter(), Counter()
    for image, criterion, options, _, answer in found:
        classes = [of[criterion, o] for o in options if o not in NOT_HERE]
        if any(len(c) != 1 for c in classes):
            continue
        own = sum(label[image] in c for c in classes)
        if len(classes) == 4:
            pairs[own] += 1
        elif answer not in NOT_HERE:
            majority[own] += 1
    assert set(pairs) == {2}
    assert majority[2] / sum(majority.values()) == pytest.approx(2 / 3, abs=0.06)
    assert set(Label) == set(label.values())
