"""The whole of FakeInstruct: splits, determinism, formats of the answers, variety."""

import json
from collections import Counter, defaultdict

import pytest
from made_records import make_record

from fakescope.errors import FakescopeError
from fakescope.explain.parse import parse_trace_answer
from fakescope.instruct import mixture
from fakescope.instruct.mixture import PARTS, build_instructions, draw, iter_training_text
from fakescope.instruct.phrasing import is_local
from fakescope.instruct.traces import LOCAL_SHARE
from fakescope.prompts import (
    AUTHENTICITY_QUESTION,
    DESCRIBE_PROMPT,
    LIMITS_PROMPT,
    NEXT_PROMPT,
    STRENGTH_PROMPT,
    WHY_FAKE_PROMPT,
    authenticity_answer,
    description_prefix,
    given_trace_question,
    trace_question,
)
from fakescope.records import ImageRef, Label
from fakescope.taxonomy import CRITERION_IDS


def answers(instruction):
    return [m.content for m in instruction.messages if m.role == "assistant"]


@pytest.fixture(scope="module")
def built(made):
    images = [
        ImageRef(id=f"only{i}", path="y.jpg", label=Label.REAL, split="train", caption="a dog")
        for i in range(3)
    ]
    images.append(ImageRef(id="held", path="y.jpg", label=Label.FAKE, split="test", caption="a dog"))
    images.append(ImageRef(id="lost", path="y.jpg", label=Label.FAKE, caption="a dog"))
    return list(build_instructions(made, images, seed=3))


def test_no_image_of_the_test_split_or_of_none_is_used(made, built):
    held = {r.image.id for r in made if r.image.split == "test"} | {"held", "lost"}
    assert not held & ({i.image for i in built} | {i.source_record for i in built})
    forced = build_instructions(made, seed=3, splits=("train", "dev", "test"))
    assert not held & {i.image for i in forced}
    train = {r.image.id for r in made if r.image.split == "train"}
    assert {i.image for i in build_instructions(made, seed=3, splits=("train",))} == train


def test_no_words_of_test_records_leak_into_choices(made):
    marked = [
        r if r.image.split != "test" else r.model_copy(update={"traces": {k: n and n.model_copy(
            update={"observation": "SECRET words of the test split."}) for k, n in r.traces.items()}})
        for r in made
    ]  # fmt: skip
    assert "SECRET" not in "".join(iter_training_text(build_instructions(marked, seed=3)))


def test_a_test_record_is_not_let_in_through_the_label_only_images():
    record = make_record(1, split="test")
    image = record.image.model_copy(update={"split": "train"})
    assert list(build_instructions([record], [image], seed=0)) == []


def test_same_seed_same_words_other_seed_other_words(made, built):
    images = [
        ImageRef(id=f"only{i}", path="y.jpg", label=Label.REAL, split="train", caption="a dog")
        for i in range(3)
    ]
    assert list(build_instructions(made, images, seed=3)) == built
    other = list(build_instructions(made, images, seed=4))
    assert len(set(iter_training_text(other)) - set(iter_training_text(built))) > 500


def test_one_part_alone_says_what_it_says_among_all(made, built):
    for part in PARTS:
        alone = list(build_instructions(made, seed=3, parts=[part]))
        assert alone == [i for i in built if i.part == part and not i.image.startswith("only")]


def test_label_only_images_give_judgements_and_captions_and_nothing_else(built):
    only = [i for i in built if i.image.startswith("only")]
    assert Counter(i.part for i in only) == {"judgement": 12, "alignment": 3}
    assert all(i.source_record == "" for i in only)


def test_the_model_learns_every_answer_and_no_question(built):
    for instruction in built:
        assert [m.role for m in instruction.messages] == ["user", "assistant"] * (
            len(instruction.messages) // 2
        )
        assert all(m.train == (m.role == "assistant") and m.content.strip() for m in instruction.messages)


def test_every_part_covers_both_classes(made, built):
    for part in PARTS:
        images = {i.image for i in built if i.part == part}
        assert {r.image.label for r in made if r.image.id in images} == set(Label)


def test_judgements_answer_the_question_and_yes_is_no_label(made, built):
    label = {r.image.id: r.image.label for r in made}
    yes = defaultdict(Counter)
    for instruction in built:
        if instruction.part != "judgement":
            continue
        verdict = authenticity_answer(label.get(instruction.image, Label.REAL))
        (answer,) = answers(instruction)
        assert answer.endswith(verdict)
        if instruction.messages[0].content == AUTHENTICITY_QUESTION:
            assert answer == verdict
        yes[verdict][answer.partition(".")[0]] += 1
    for counts in yes.values():
        assert counts["Yes"] == counts["No"] > 0


def test_all_answers_agree_with_the_label(made, built):
    label = {r.image.id: r.image.label for r in made}
    for instruction in built:
        if instruction.image in label:
            other = Label.REAL if label[instruction.image] is Label.FAKE else Label.FAKE
            text = " ".join(answers(instruction))
            assert authenticity_answer(other) not in text
            assert description_prefix(other) not in text


def test_the_fixed_conversations_exist_for_every_record(made, built):
    first, second = defaultdict(set), defaultdict(set)
    for instruction in built:
        first[instruction.image].add(instruction.messages[0].content)
        if len(instruction.messages) == 4:
            second[instruction.image].add(instruction.messages[2].content)
    for record in made:
        if record.image.split != "test":
            wanted = {AUTHENTICITY_QUESTION, DESCRIBE_PROMPT, *map(trace_question, CRITERION_IDS)}
            given = {given_trace_question(c, record.image.label) for c in CRITERION_IDS}
            false = {given_trace_question(c, label) for c in CRITERION_IDS for label in Label} - given
            assert wanted | given <= first[record.image.id]
            assert not false & first[record.image.id]
            assert {LIMITS_PROMPT, NEXT_PROMPT, STRENGTH_PROMPT} <= second[record.image.id]


def test_descriptions_say_what_is_shown_and_then_the_label(made, built):
    label = {r.image.id: r.image.label for r in made}
    for instruction in built:
        question, answer = (m.content for m in instruction.messages[:2])
        if question == DESCRIBE_PROMPT:
            assert f" {description_prefix(label[instruction.image])} " in f" {answer}"
        if question == WHY_FAKE_PROMPT:
            assert answer.startswith("This is a fake image because ")


def check_compact(instructions, records):
    """Compact answers read back as the notes they were made from; returns how many of each tag."""
    notes = {r.image.id: r.traces for r in records}
    questions = {trace_question(c): c for c in CRITERION_IDS}
    tags = Counter()
    for instruction in instructions:
        criterion = questions.get(instruction.messages[0].content)
        if criterion:
            answer = instruction.messages[1].content
            note = notes[instruction.image][criterion]
            finding, observation, region = parse_trace_answer(answer)
            assert finding == (note.finding if note else None)
            assert answer.split(". ")[0] in ("Abnormal", "Natural", "Unclear")
            assert observation.endswith(".")
            assert (region is not None) == bool(note and note.region and is_local(note.region, LOCAL_SHARE))
            tags[answer.split(".")[0]] += 1
    return tags


def test_compact_answers_read_back_as_the_notes(made, built):
    assert min(check_compact(built, made).values()) > 50


def test_a_record_without_texts_still_gives_what_it_can():
    bare = make_record(1, description="", limits="", advice="", subject="", kind="", traces={})
    parts = Counter(i.part for i in build_instructions([bare], seed=0))
    assert parts["judgement"] == 4
    assert not parts["reasoning"]
    assert not parts["traces"]


def test_draw_keeps_the_shares_and_goes_through_everything(built):
    few = [i for i in built if i.part in ("judgement", "reasoning")]
    drawn = list(draw(few, 4000, seed=1, weights={"judgement": 0.25, "reasoning": 0.75}))
    shares = Counter(i.part for i in drawn)
    assert shares["judgement"] / 4000 == pytest.approx(0.25, abs=0.03)
    assert {id(i) for i in drawn} == {id(i) for i in few}
    assert drawn == list(draw(few, 4000, seed=1, weights={"judgement": 0.25, "reasoning": 0.75}))
    with pytest.raises(FakescopeError):
        list(draw(few, 1, seed=1, weights={"traces": 1.0}))


def test_the_command_writes_every_part(tmp_path, made, capsys):
    entries = [
        {"id": r.image.id, "label": r.image.label, "kind": r.kind, "subject": r.subject,
         "blind_p_fake": r.blind_p_fake, "description": r.description, "limits": r.limits, "advice": r.advice,
         "traces": {k: n and n.model_dump() for k, n in r.traces.items()}}
        for r in made
    ]  # fmt: skip
    (tmp_path / "chain.jsonl").write_text("".join(json.dumps(e) + "\n" for e in entries), encoding="utf-8")
    rows = "".join(f"{r.image.id},{r.image.split},{r.image.label}\n" for r in made)
    (tmp_path / "labels.csv").write_text("id,split,label\n" + rows + "solo,train,real\n", encoding="utf-8")
    out = tmp_path / "out.jsonl"
    assert mixture.main([str(tmp_path / "chain.jsonl"), str(tmp_path / "labels.csv"), str(out)]) == 0
    written = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert {w["part"] for w in written} == set(PARTS)
    assert "solo" in {w["image"] for w in written}
    assert "judgement=" in capsys.readouterr().out
    assert mixture.main(["nowhere", str(tmp_path / "labels.csv"), str(out)]) == 1
    assert "error:" in capsys.readouterr().err


def test_the_real_seed_never_shows_a_test_image(seed_records, seed_instructions):
    held = {r.image.id for r in seed_records if r.image.split == "test"}
    assert len(held) > 200
    assert not held & {i.image for i in seed_instructions}


def test_the_real_seed_is_varied_plain_and_short(seed_instructions):
    counts = defaultdict(Counter)
    for instruction in seed_instructions:
        for message in instruction.messages:
            assert message.content.isascii()
            assert "  " not in message.content
            if message.role == "assistant":
                assert len(message.content.split()) <= 120
                if not message.content.startswith(("This image is fake.", "This image is real.")):
                    counts[instruction.part][message.content] += 1
    for part in set(PARTS) - {"judgement"}:
        total = sum(counts[part].values())
        assert max(counts[part].values()) / total < 0.02, part
        # judging the kind of a picture and saying `unclear` repeat by nature; the rest hardly does
        assert len(counts[part]) > 500, part


def test_the_real_seed_can_say_natural_unclear_and_weak(seed_records, seed_instructions):
    tags = check_compact(seed_instructions, seed_records)
    assert all(tags[tag] > 1000 for tag in ("Abnormal", "Natural", "Unclear"))
    said = "\n".join(a for i in seed_instructions if i.part == "discussion" for a in answers(i)).lower()
    assert said.count("the evidence is weak") > 20
    assert said.count("moderate") > 50
