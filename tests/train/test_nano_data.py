"""Batches are even between the labels and the same for the same seed and step."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
import torch
from tiny_nano import batch_maker, features, instructions, refs, talk

from fakescope.prompts.product import given_trace_question
from fakescope.records import ImageRef, Instruction, Label
from fakescope.train.nano_data import (
    FOREIGN_SHARE,
    HIDDEN_ANNOTATED,
    TOLD_SHARE,
    BatchMaker,
    ConversationPool,
    even_weights,
)


def image(label: Label, generator: str | None = None, source: str = "s") -> ImageRef:
    return ImageRef(id="x", path="x", label=label, generator=generator, source=source)


def test_labels_weigh_half_each_whatever_their_number():
    images = [image(Label.FAKE, "g")] * 3 + [image(Label.REAL)] * 97
    weights = even_weights(images)
    assert weights[:3].sum() == pytest.approx(0.5)
    assert weights.sum() == pytest.approx(1.0)


def test_groups_weigh_by_the_root_of_their_size():
    images = [image(Label.FAKE, "small")] * 4 + [image(Label.FAKE, "large")] * 16 + [image(Label.REAL)]
    weights = even_weights(images)
    assert weights[4:20].sum() / weights[:4].sum() == pytest.approx(2.0)


def test_one_label_alone_still_sums_to_one():
    assert even_weights([image(Label.REAL)] * 5).sum() == pytest.approx(1.0)


def test_same_seed_and_step_give_the_same_batch(tokenizer):
    one, two = batch_maker(tokenizer), batch_maker(tokenizer)
    one.annotated(0, 4)  # what was drawn before must not matter
    for name in ("annotated", "label_only"):
        a, b = getattr(one, name)(7, 4), getattr(two, name)(7, 4)
        for part in ("grid", "stats", "ids", "segments", "targets", "fake"):
            assert torch.equal(getattr(a, part), getattr(b, part)), part


def test_words_of_its_own_texts_are_told_in_a_share_of_rows(tokenizer):
    told = {f"i{n}": [100 * n + k for k in range(1, 6)] for n in range(1, 8)}  # the first image has no texts
    batches = batch_maker(tokenizer, told=told)
    plain = batch_maker(tokenizer)
    changed = rows = 0
    for step in range(40):
        batch, usual = batches.label_only(step, 8), plain.label_only(step, 8)
        for words, read in zip(batch.words.tolist(), usual.words.tolist(), strict=True):
            new = [w for w in words if w >= 100]
            assert [w for w in words if w < 100] == [r for w, r in zip(words, read, strict=True) if w < 100]
            assert len(new) in (0, 2, 3, 4, 5)
            assert len({w // 100 for w in new}) <= 1
            changed, rows = changed + bool(new), rows + 1
    assert changed / rows == pytest.approx(TOLD_SHARE * 7 / 8, abs=0.08)


def test_tokens_are_blanked_in_the_shares_and_no_verdict_is_asked_blindly(tokenizer):
    batches = batch_maker(tokenizer)
    hidden = torch.cat([batches.annotated(step, 8).hidden_kinds for step in range(60)]).float().mean(0)
    assert hidden.tolist() == pytest.approx(HIDDEN_ANNOTATED, abs=0.08)
    for step in range(20):
        batch = batches.annotated(step, 8)
        talks = [len(set(row.tolist()) - {-1}) for row in batch.segments]
        assert talks == [1 if blind else 2 for blind in batch.hidden_kinds[:, 0].tolist()]


def test_under_a_given_verdict_an_image_shows_the_forensic_statistics_of_another(tokenizer):
    images = refs(8, 5)
    made = instructions(images)
    for ref in images.values():
        question = given_trace_question("edge", ref.label)
        made.append(
            Instruction(
                image=ref.id, messages=talk(question, "Natural. It is."), part="traces", criterion="edge"
            )
        )
    seen = features(list(images), views=1)
    whole = ConversationPool(made, {"judgement": 1}, {"given criterion": 1})
    batches = BatchMaker(
        (seen, whole), (seen, ConversationPool(made, {"judgement": 1})), images, tokenizer, 0
    )
    row_of = {seen.grid[row].tobytes(): row for row in range(len(seen.keys))}
    given = foreign = rows = 0
    for step in range(40):
        batch = batches.annotated(step, 8)
        for grid, stats, asked in zip(batch.grid, batch.stats, batch.asked, strict=True):
            own = row_of[grid.numpy().astype(np.float16).tobytes()]
            other = stats.numpy().astype(np.float16).tobytes() != seen.stats[own].tobytes()
            asks = bool((asked >= 0).any())
            assert asks or not other  # a row that asks for the verdict shows the image's own
            given, foreign, rows = given + asks, foreign + other, rows + 1
    assert given / rows == pytest.approx(FOREIGN_SHARE, abs=0.08)
    assert foreign / given == pytest.approx(7 / 8, abs=0.1)


def test_another_step_or_seed_gives_another_batch(tokenizer):
    first = batch_maker(tokenizer).annotated(0, 4)
    for other in (batch_maker(tokenizer).annotated(1, 4), batch_maker(tokenizer, seed=1).annotated(0, 4)):
        assert not torch.equal(first.grid, other.grid)


def test_features_and_answers_belong_to_one_image(tokenizer):
    batches = batch_maker(tokenizer)
    fake, real = tokenizer.token_to_id("Ġfake"), tokenizer.token_to_id("Ġreal")
    batch = batches.label_only(0, 8)
    for ids, targets, label in zip(batch.ids, batch.targets, batch.fake, strict=True):
        said = set(ids[targets > 0].tolist())
        assert (fake in said) == (label == 1)
        assert (real in said) == (label == 0)


def test_a_batch_never_asks_for_more_images_than_there_are(tokenizer):
    assert len(batch_maker(tokenizer).annotated(0, 100).ids) == 8


def test_over_many_batches_the_labels_come_up_evenly(tokenizer):
    batches = batch_maker(tokenizer)
    share = np.mean([batches.label_only(step, 1).fake.mean().item() for step in range(300)])
    assert share == pytest.approx(0.5, abs=0.1)


def test_the_quota_is_kept(tokenizer):
    pool = ConversationPool(instructions(refs(3, 1)), {"judgement": 5, "traces": 2})
    drawn = pool.draw("i0", Random(0))
    assert [item.part for item in drawn] == ["judgement"]
    assert pool.images == ["i0", "i1", "i2"]
