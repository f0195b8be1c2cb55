"""The checks find what is wrong, and only that."""

import json
import random
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_records import make_record

from fakescope.chain.release.write import ALL, Release, write_release
from fakescope.instruct.build import Plan, build
from fakescope.instruct.check.blind import Asked, bag_of_words, try_blind
from fakescope.instruct.check.card import write_card
from fakescope.instruct.check.diversity import diversity
from fakescope.instruct.check.grounded import ungrounded
from fakescope.instruct.check.run import run_checks
from fakescope.instruct.check.texts import check_texts
from fakescope.instruct.compose import Quota
from fakescope.instruct.facts import PLACES, facts_of
from fakescope.instruct.read import read_rows
from fakescope.records import Label


@pytest.fixture(scope="module")
def release(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("release") / "made"
    write_release(made, folder, Release("made", "1"), statuses=ALL)
    return folder


@pytest.fixture(scope="module")
def built(release, tmp_path_factory):
    folder = tmp_path_factory.mktemp("set") / "made"
    build(Plan(release, folder, Quota(1, 2, 4, 5)))
    return folder


def row(question, said, **changes):
    values = {
        "id": "i/0/0", "image": "i", "part": "judgement", "form": "judgement.is_fake", "criterion": None,
        "answer": "yes", "rests_on": ["label"],
        "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": said}],
    }  # fmt: skip
    return values | changes


def asked(leaky, count=1200):
    """Closed questions on made-up images; the wording of a leaky one follows the answer now and then."""
    rng = random.Random(1)
    for number in range(count):
        answer = rng.choice(("yes", "no"))
        word = "surely" if answer == "yes" else "perhaps"
        question = (
            f"Is it {word if leaky and rng.random() < 0.4 else rng.choice(('surely', 'perhaps'))} fake?"
        )
        yield Asked(f"image{number % 300}", "judgement.is_fake", "", question, answer)


def test_a_question_that_tells_is_found_and_one_that_does_not_is_not():
    (told,) = try_blind(asked(True), bag_of_words)
    (fair,) = try_blind(asked(False), bag_of_words)
    assert not told.at_chance
    assert told.accuracy > 0.6
    assert fair.at_chance
    assert 0.4 < fair.accuracy < 0.6


@pytest.mark.slow
def test_the_small_language_model_finds_what_order_tells():
    pytest.importorskip("torch")
    from fakescope.instruct.check.small_lm import small_lm

    rng = random.Random(2)
    leak = []
    for number in range(400):
        answer = rng.choice("AB")
        question = "old or new here" if answer == "A" else "new or old here"  # the same words
        leak.append(Asked(f"image{number}", "traces.choice", "", question, answer))
    (found,) = try_blind(leak, small_lm)
    assert found.accuracy > 0.9
    (fair,) = try_blind(asked(False, 400), small_lm)
    assert fair.at_chance


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (row("Is it?", "Yes, and you are a liar."), "accusing"),
        (row("Is it?", ""), "empty text"),
        (row("Is it?", "<b>Yes.</b>"), "markup"),
        (row("Is it?", "yes " * 200), "answer too long"),
        (row("This image is fake. Is it?", "It is.", answer="fake"), "the question gives the label"),
        (row("Is it?", "Yes.", rests_on=[]), "rests on nothing"),
        (row("Is it?", "Yes.", messages=[{"role": "user", "content": "Hm"}]), "roles do not take turns"),
    ],
)
def test_faults_of_texts_are_named(wrong, fault):
    assert check_texts([wrong]).faults[fault] == 1


def test_repeats_on_one_image_count_and_on_another_do_not():
    same = row("Is it?", "Yes. It has 3 hands.")
    near = row("Is it?", "Yes: it has 4 hands!")
    other = row("Is it?", "Yes. It has 3 hands.", image="j")
    assert check_texts([same, same, near, other]).faults == {"repeated": 1, "nearly repeated": 1}


def test_knowledge_may_speak_of_the_liars_dividend():
    assert not check_texts([row("What is it?", "It is called the liar's dividend.")]).faults


def test_invention_is_found():
    facts = facts_of(make_record(1))
    seen = next(name for name, seen in facts.seen.items() if seen.finding == "abnormal")
    told = facts.seen[seen].text
    assert ungrounded([told], ["How is it?"], [f"traces.{seen}"], facts) == []
    assert ungrounded([f"{told} A purple giraffe stands behind."], ["How is it?"], [f"traces.{seen}"], facts)
    assert ungrounded(["This image is real."], ["Is it?"], ["label"], facts)
    assert ungrounded([f"Natural. {told}"], ["Is it?"], [f"traces.{seen}"], facts)


def _rich():
    """Facts of a fake with several abnormal criteria, one of them with a place."""
    records = (make_record(number) for number in range(60))
    found = [f for f in map(facts_of, records) if f.label is Label.FAKE and f.abnormal >= 2]
    return next(f for f in found if any(s.finding == "abnormal" and s.place for s in f.seen.values()))


def test_claims_that_the_record_denies_are_found_one_by_one():
    facts = _rich()
    name, seen = next((n, s) for n, s in facts.seen.items() if s.finding == "abnormal" and s.place)
    other = next(place for place in PLACES if place != seen.place)
    wrong_strength = next(s for s in ("strong", "weak") if s != facts.strength)
    count = facts.abnormal
    words = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")

    def faults(text, *rests, form=""):
        return ungrounded([text], ["How is it?"], [f"traces.{name}", *rests], facts, form)

    assert faults(f"It is {seen.place}. {seen.text}") == []
    assert faults(f"It is {other}. {seen.text}") == [f"says {other}"]
    assert (
        faults(f"The evidence is {facts.strength}. {words[count]} criteria look abnormal.", "strength") == []
    )
    assert faults(f"The evidence is {wrong_strength}.", "strength")
    assert faults(f"{words[count + 1]} criteria look abnormal.", "strength")
    assert faults("It is probably fake.", "label") == []
    assert faults("It is probably real.", "label")
    assert faults("Nothing points to a generator.", "label")
    assert faults(f"Yes. {seen.text}", form="traces.odd") == []
    assert faults(f"No. {seen.text}", form="traces.odd")
    assert faults(f"Yes. {seen.text}", form="traces.fine")


def test_a_set_whose_files_are_not_what_was_built_has_faults(built, tmp_path):
    lost = tmp_path / "lost"
    shutil.copytree(built, lost)
    (lost / "data" / "dev-00000.parquet").unlink()
    assert run_checks(lost, blind=False)["faults"] == {
        "shard is missing": 1, "number of instructions is not what was built": 1,
    }  # fmt: skip
    changed = tmp_path / "changed"
    shutil.copytree(built, changed)
    shard = changed / "data" / "dev-00000.parquet"
    pq.write_table(pq.read_table(shard), shard, compression="gzip")
    assert run_checks(changed, blind=False)["faults"] == {"shard is not what was built": 1}


def test_more_varied_text_measures_as_more_varied():
    rng = random.Random(0)
    words = [f"word{number}" for number in range(3000)]
    varied = diversity([" ".join(rng.choices(words, k=12)) for _ in range(800)])
    stiff = diversity([f"This image shows a thing number {rng.randrange(9)} by a wall." for _ in range(800)])
    assert varied.distinct[1] > stiff.distinct[1]
    assert varied.self_bleu < stiff.self_bleu
    assert varied.compression < stiff.compression
    assert diversity(["too little"]) is None


def test_a_sound_set_has_no_fault_and_a_card(built, release, tmp_path):
    found = run_checks(built, release=release, blind=False)
    assert found["faults"] == {}
    assert found["instructions"] == sum(found["parts"].values())
    assert found["grounded"]["looked_at"] > 500
    assert set(found["coverage"]) >= {"edge", "light", "anatomy"}
    json.dumps(found)
    write_card(found, tmp_path / "card.html")
    page = (tmp_path / "card.html").read_text()
    assert "No fault found" in page
    assert "<script" not in page


def test_images_in_two_splits_and_near_ones_are_found(built, tmp_path):
    spoiled = tmp_path / "spoiled"
    shutil.copytree(built, spoiled)
    table = pq.read_table(spoiled / "images.parquet")
    rows = table.to_pylist()
    for place, held in enumerate(rows):
        held["phash"] = f"{place * 7919:064x}"[::-1]
    dev = next(held for held in rows if held["split"] == "dev")
    train = next(held for held in rows if held["split"] == "train")
    dev["phash"] = train["phash"]
    rows[5]["split"] = "test"
    pq.write_table(pa.Table.from_pylist(rows, table.schema), spoiled / "images.parquet")
    faults = run_checks(spoiled, blind=False)["faults"]
    assert faults["nearly the same picture in two splits"] >= 1
    assert faults["image of the test split"] == 1
    shard = pq.read_table(spoiled / "data" / "dev-00000.parquet")
    taken = next(iter(read_rows(spoiled, split="train")))["image"]
    images = shard.column("image").to_pylist()
    images[0] = taken
    moved = shard.set_column(1, shard.schema.field("image"), pa.array(images))
    pq.write_table(moved, spoiled / "data" / "dev-00000.parquet")
    assert run_checks(spoiled, blind=False)["faults"]["image in two splits"] == 1
