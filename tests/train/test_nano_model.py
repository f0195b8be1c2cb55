"""Packed conversations teach what one conversation a row teaches, and none can see another."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from tiny_nano import features, talk, tiny_nano
from torch import nn

from fakescope.records import Message
from fakescope.taxonomy import CRITERION_IDS
from fakescope.train.abstractor import AbstractorConfig
from fakescope.train.decoder import Decoder, DecoderConfig, rope_tables, rotate
from fakescope.train.nano_model import (
    Batch,
    Images,
    Nano,
    collate,
    pack,
    segment_mask,
    segment_positions,
)

pytestmark = pytest.mark.slow

TALKS = (
    talk("What is the authenticity of this image?", "This image is fake."),
    talk(
        "Judge the edges of this image: abnormal, natural or unclear?",
        "Abnormal. The hem melts. <1><2><3><4>",
    ),
    talk("Why?", "It is real because the light agrees."),
)


@pytest.fixture
def nano(tokenizer) -> Nano:
    return tiny_nano(tokenizer).eval()


def batch_of(nano: Nano, tokenizer, rows, fake: float = 1.0) -> Batch:
    """Each row a list of conversations, all about one image."""
    n = len(rows)
    packed = [pack(row, tokenizer) for row in rows]
    return collate(packed, images_of(nano, n, fake), nano.pad_id)


@torch.no_grad()
def images_of(nano: Nano, count: int, fake: float) -> Images:
    """The same image `count` times, with what the readers make of it."""
    seen = features(["a"], views=1)
    grid = torch.from_numpy(seen.grid).expand(count, -1, -1)
    stats = torch.from_numpy(seen.stats).expand(count, -1, -1)
    words, scores = nano.readout(grid.float(), stats.float())
    shown = torch.zeros(count, 2, dtype=torch.bool)
    return Images(grid, stats, words, scores, torch.full((count,), fake), shown)


def hidden_of(nano: Nano, batch: Batch) -> torch.Tensor:
    """Logits [B, T, vocabulary] of the text."""
    prefix, _ = nano.prefix(batch.grid, batch.stats)
    count = prefix.shape[1]
    embeds = torch.cat([prefix, nano.decoder.embedding(batch.ids)], dim=1)
    segments = nn.functional.pad(batch.segments, (count, 0), value=0)
    hidden, _ = nano.decoder.hidden(embeds, segment_positions(segments, count), segment_mask(segments))
    return nano.decoder.logits(hidden[:, count:])


@torch.no_grad()
def test_packed_conversations_give_the_logits_of_one_a_row(nano, tokenizer):
    packed = hidden_of(nano, batch_of(nano, tokenizer, [TALKS]))[0]
    start = 0
    for one in TALKS:
        alone = hidden_of(nano, batch_of(nano, tokenizer, [[one]]))[0]
        torch.testing.assert_close(packed[start : start + len(alone)], alone, atol=1e-4, rtol=0)
        start += len(alone)
    assert start == len(packed)


def test_packed_conversations_give_the_loss_and_gradient_of_one_a_row(nano, tokenizer):
    results = []
    for rows in ([TALKS], [[one] for one in TALKS]):
        nano.zero_grad()
        losses = nano(batch_of(nano, tokenizer, rows))
        losses.text.backward()
        results.append((losses.text.item(), nano.decoder.embedding.weight.grad.clone()))
    assert results[0][0] == pytest.approx(results[1][0], abs=1e-5)
    torch.testing.assert_close(results[0][1], results[1][1], atol=1e-5, rtol=1e-3)


@torch.no_grad()
def test_a_conversation_cannot_see_another(nano, tokenizer):
    other = talk("Something else altogether, and longer?", "A different answer.")
    last = len(pack([TALKS[2]], tokenizer).ids)
    one = hidden_of(nano, batch_of(nano, tokenizer, [[TALKS[0], TALKS[2]]]))[0, -last:]
    two = hidden_of(nano, batch_of(nano, tokenizer, [[other, TALKS[2]]]))[0, -last:]
    torch.testing.assert_close(one, two, atol=1e-4, rtol=0)


@torch.no_grad()
def test_a_conversation_sees_its_image(nano, tokenizer):
    batch = batch_of(nano, tokenizer, [[TALKS[0]]])
    changed = replace(batch, stats=batch.stats + 1.0)
    assert (hidden_of(nano, batch) - hidden_of(nano, changed)).abs().max() > 1e-3


def test_positions_restart_after_the_image():
    segments = torch.tensor([[0, 0, 0, 1, 1, 2, 2, 2, -1]])
    assert segment_positions(segments, 3).tolist() == [[0, 1, 2, 3, 4, 3, 4, 5, 3]]


def test_the_mask_in_full():
    allowed = segment_mask(torch.tensor([[0, 1, 1, 2]]))[0, 0] == 0
    assert allowed.int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 1]]


@torch.no_grad()
def test_padding_changes_no_loss(nano, tokenizer):
    alone = nano(batch_of(nano, tokenizer, [[TALKS[2]]])).text
    row = pack([TALKS[2]], tokenizer)
    longer = pack([TALKS[1]], tokenizer)
    silent = replace(longer, targets=[0.0] * len(longer.ids))
    two = collate([row, silent], images_of(nano, 2, 1.0), nano.pad_id)
    assert nano(two).text.item() == pytest.approx(alone.item(), abs=1e-5)


def test_the_finding_word_knows_what_was_asked(tokenizer):
    criteria = (None, "edge", "tone")  # the last conversation names a criterion and states no finding
    row = pack(TALKS, tokenizer, criteria)
    told = {
        tokenizer.decode([token]): place
        for token, place in zip(row.ids, row.asked, strict=True)
        if place >= 0
    }
    assert told == {" Abnormal": CRITERION_IDS.index("edge")}


def test_which_criterion_was_asked_is_learned_where_a_finding_is_stated(nano, tokenizer):
    rows = [pack([TALKS[1]], tokenizer, ["edge"]), pack([TALKS[2]], tokenizer)]
    batch = collate(rows, images_of(nano, 2, 1.0), nano.pad_id)
    losses = nano(batch)
    assert losses.asked.item() == pytest.approx(math.log(15), abs=1.0)
    losses.asked.backward()
    assert nano.finding_head.asked.weight.grad.abs().sum() > 0
    silent = collate(rows[1:], images_of(nano, 1, 1.0), nano.pad_id)
    assert nano(silent).asked.item() == 0.0


def test_only_what_the_model_says_is_learned(tokenizer):
    row = pack([TALKS[0]], tokenizer)
    learned = tokenizer.decode(
        [i for i, w in zip(row.ids, row.targets, strict=True) if w > 0], skip_special_tokens=False
    )
    assert learned == " This image is fake.<end>"
    fake = tokenizer.token_to_id("Ġfake")
    assert row.targets[row.ids.index(fake)] == 3.0
    silent = (Message(role="user", content="Q"), Message(role="assistant", content="A"))
    assert set(pack([silent], tokenizer).targets) == {0.0}


@torch.no_grad()
def test_the_head_learns_known_labels_only(nano, tokenizer):
    known = nano(batch_of(nano, tokenizer, [[TALKS[0]]], fake=1.0)).head
    unknown = nano(batch_of(nano, tokenizer, [[TALKS[0]]], fake=float("nan"))).head
    assert known > 0
    assert unknown == 0


@torch.no_grad()
def test_the_abstractor_gives_forensic_and_trace_then_place_tokens(nano):
    seen = features(["a", "b"], views=1)
    grid, stats = torch.from_numpy(seen.grid).float(), torch.from_numpy(seen.stats).float()
    _, scores = nano.readout(grid, stats)
    tokens, logit = nano.abstractor(grid, stats, scores)
    config = nano.abstractor.config
    assert tokens.shape == (2, config.tokens, config.width)
    assert logit.shape == (2,)
    moved, _ = nano.abstractor(grid + torch.randn_like(grid), stats, scores)
    first = config.forensic_tokens + config.trace_tokens
    same, placed = slice(0, first), slice(first, None)
    torch.testing.assert_close(tokens[:, same], moved[:, same])
    assert not torch.allclose(tokens[:, placed], moved[:, placed])


@torch.no_grad()
def test_kinds_of_tokens_can_be_blanked(nano):
    seen = features(["a", "b", "c"], views=1)
    grid, stats = torch.from_numpy(seen.grid).float(), torch.from_numpy(seen.stats).float()
    _, scores = nano.readout(grid, stats)
    hidden = torch.tensor([[True, False], [False, True], [False, False]])
    tokens, _ = nano.abstractor(grid, stats, scores, hidden)
    config = nano.abstractor.config
    first, second = config.forensic_tokens, config.forensic_tokens + config.trace_tokens
    blank = (tokens == 0).all(dim=-1)
    assert blank[0].tolist() == [i < first for i in range(config.tokens)]
    assert blank[1].tolist() == [i >= second for i in range(config.tokens)]
    assert not blank[2].any()


def test_statistics_are_standardised(nano):
    stats = torch.randn(64, 12, 384) * 7 + 3
    nano.abstractor.fit_scale(stats)
    flat = (stats.flatten(1) - nano.abstractor.stats_mean) * nano.abstractor.stats_scale
    assert flat.mean(0).abs().max() < 1e-3
    assert (flat.std(0) - 1).abs().max() < 1e-2


def test_default_sizes_fit_each_other():
    assert AbstractorConfig().width == DecoderConfig().width
    assert AbstractorConfig().tokens == 22
    assert DecoderConfig().head_dim * DecoderConfig().heads == DecoderConfig().width


@torch.no_grad()
def test_the_cache_changes_nothing():
    torch.manual_seed(0)
    decoder = Decoder(DecoderConfig(vocab_size=50, width=32, layers=2, heads=4, kv_heads=2, mlp_width=48))
    embeds, places = torch.randn(2, 7, 32), torch.arange(7).repeat(2, 1)
    mask = segment_mask(torch.ones(2, 7, dtype=torch.int64))
    whole, _ = decoder.hidden(embeds, places, mask)
    _, past = decoder.hidden(embeds[:, :4], places[:, :4], mask[:, :, :4, :4])
    rest, grown = decoder.hidden(embeds[:, 4:], places[:, 4:], mask[:, :, 4:], past)
    torch.testing.assert_close(whole[:, 4:], rest, atol=1e-5, rtol=1e-4)
    assert grown[0][0].shape == (2, 2, 7, 8)


def test_rotary_products_depend_on_distance_alone():
    q, k = torch.randn(1, 1, 1, 8), torch.randn(1, 1, 1, 8)

    def product(i: int, j: int) -> float:
        at = [rope_tables(torch.tensor([[p]]), 8, 100.0) for p in (i, j)]
        return float((rotate(q, *at[0]) * rotate(k, *at[1])).sum())

    assert product(5, 2) == pytest.approx(product(25, 22), abs=1e-4)
    assert product(5, 2) != pytest.approx(product(5, 4), abs=1e-4)
