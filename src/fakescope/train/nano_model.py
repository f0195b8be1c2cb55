"""fakescope-nano in torch: abstractor and decoder on features of the frozen encoder, with packed conversations.

Many conversations about one image share the image's visual tokens: they are laid one after another in a single
row, each seeing the image and itself but not the others, with positions that restart after the image. What the
model learns is therefore the same as with one conversation a row, at a fraction of the cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor, nn

from fakescope.models.nano_format import ANSWER_WORDS, IMAGE_PREFIX, PAD, render_conversation
from fakescope.records import Message
from fakescope.taxonomy import CRITERION_IDS
from fakescope.train.abstractor import Abstractor, AbstractorConfig
from fakescope.train.decoder import Decoder, DecoderConfig
from fakescope.train.finding_head import FindingHead
from fakescope.train.readout import Readout
from fakescope.train.word_head import WordHead, add_to_words, segment_starts, still_offered


@dataclass(frozen=True)
class Row:
    """One image's packed conversations, as token ids after the image.

    Attributes:
        ids: Token ids of all conversations, one after another.
        segments: For each token the number of its conversation, from 1.
        targets: For each token the weight of the loss with which it is to be predicted; 0 where it is given.
        asked: For each token that states a finding the number of the criterion that was asked about; else -1.
    """

    ids: list[int]
    segments: list[int]
    targets: list[float]
    asked: list[int]


def pack(
    conversations: Sequence[Sequence[Message]],
    tokenizer: Tokenizer,
    criteria: Sequence[str | None] = (),
    key_weight: float = 3.0,
) -> Row:
    """Lay conversations about one image into one row.

    The first words of an answer, on which verdicts and findings hang, weigh `key_weight` times a usual token.

    Args:
        conversations: About the image.
        tokenizer: Of the decoder.
        criteria: The criterion that each conversation asks about, or None.
        key_weight: See above.
    """
    ids: list[int] = []
    segments: list[int] = []
    targets: list[float] = []
    asked: list[int] = []
    tags = {tokenizer.token_to_id(t) for t in ANSWER_WORDS}
    keys = {tokenizer.token_to_id(t) for t in (*ANSWER_WORDS, "Ġfake", "Ġreal")}
    for number, messages in enumerate(conversations, start=1):
        criterion = criteria[number - 1] if criteria else None
        for text, learned in render_conversation(messages):
            piece = tokenizer.encode(text, add_special_tokens=False).ids
            for place, token in enumerate(piece):
                weight = key_weight if token in keys and place < 5 else 1.0
                ids.append(token)
                segments.append(number)
                targets.append(weight if learned else 0.0)
                states = criterion and learned and place == 0 and token in tags
                asked.append(CRITERION_IDS.index(criterion) if criterion and states else -1)
    return Row(ids, segments, targets, asked)


@dataclass(frozen=True)
class Batch:
    """Rows padded to one length T, with the image's features.

    grid [B, 49, 768], stats [B, 12, 384], ids, segments and asked [B, T] int64, targets [B, T] float32,
    fake [B] float32: 1 fake, 0 real, NaN where the label is not to be learned; words [B, 12] int64 and scores
    [B, 30]: the readings of the image; hidden_kinds [B, 2] bool: see `Abstractor`.
    """

    grid: Tensor
    stats: Tensor
    ids: Tensor
    segments: Tensor
    targets: Tensor
    asked: Tensor
    fake: Tensor
    words: Tensor
    scores: Tensor
    hidden_kinds: Tensor


@dataclass(frozen=True)
class Images:
    """What is known of a batch's images, row by row; see `Batch`."""

    grid: Tensor
    stats: Tensor
    words: Tensor
    scores: Tensor
    fake: Tensor
    hidden_kinds: Tensor


def collate(rows: Sequence[Row], images: Images, pad_id: int) -> Batch:
    """Pad rows to the longest; padding belongs to segment -1 and is never predicted."""
    length = max(len(row.ids) for row in rows)

    def padded(values: Sequence[Sequence[float]], fill: float, dtype: torch.dtype) -> Tensor:
        out = torch.full((len(values), length), fill, dtype=dtype)
        for i, v in enumerate(values):
            out[i, : len(v)] = torch.tensor(v, dtype=dtype)
        return out

    return Batch(
        grid=images.grid.float(),
        stats=images.stats.float(),
        words=images.words,
        scores=images.scores.float(),
        hidden_kinds=images.hidden_kinds,
        ids=padded([r.ids for r in rows], pad_id, torch.int64),
        segments=padded([r.segments for r in rows], -1, torch.int64),
        targets=padded([r.targets for r in rows], 0.0, torch.float32),
        asked=padded([r.asked for r in rows], -1, torch.int64),
        fake=images.fake,
    )


@dataclass(frozen=True)
class Losses:
    """Weighted next-token loss (nats a token), the auxiliary head's binary cross-entropy, and the cross-entropy of
    the criterion that is asked about (nats)."""

    text: Tensor
    head: Tensor
    asked: Tensor


class Nano(nn.Module):
    """Readers, abstractor, decoder and the two heads that point its words to the readings."""

    tag_ids: Tensor

    def __init__(
        self, decoder: DecoderConfig, abstractor: AbstractorConfig, tokenizer: Tokenizer, readout: Readout
    ) -> None:
        super().__init__()
        self.readout = readout
        self.decoder = Decoder(decoder)
        self.abstractor = Abstractor(abstractor)
        self.word_head = WordHead(decoder.width)
        self.finding_head = FindingHead(decoder.width)
        self.register_buffer("tag_ids", torch.tensor([tokenizer.token_to_id(t) for t in ANSWER_WORDS]))
        self.image_id = tokenizer.token_to_id(IMAGE_PREFIX)
        self.pad_id = tokenizer.token_to_id(PAD)

    def prefix(self, grid: Tensor, stats: Tensor) -> tuple[Tensor, Tensor]:
        """What the decoder reads of an image: [B, 1 + tokens + 12, D], and the auxiliary logit [B]."""
        words, scores = self.readout(grid, stats)
        return self._prefix(words, *self.abstractor(grid, stats, scores))

    def _prefix(self, words: Tensor, tokens: Tensor, head: Tensor) -> tuple[Tensor, Tensor]:
        start = self.decoder.embedding.weight[self.image_id].expand(tokens.shape[0], 1, -1)
        return torch.cat([start, tokens, self.decoder.embedding(words)], dim=1), head

    def forward(self, batch: Batch) -> Losses:
        seen = self.abstractor(batch.grid, batch.stats, batch.scores, batch.hidden_kinds)
        prefix, head = self._prefix(batch.words, *seen)
        count = prefix.shape[1]
        embeds = torch.cat([prefix, self.decoder.embedding(batch.ids)], dim=1)
        segments = F.pad(batch.segments, (count, 0), value=0)
        hidden, _ = self.decoder.hidden(embeds, segment_positions(segments, count), segment_mask(segments))
        text = hidden[:, count:]
        return Losses(
            self._text_loss(text, batch),
            self._head_loss(head, batch.fake),
            self._asked_loss(text, batch.asked),
        )

    def logits(self, hidden: Tensor, words: Tensor, offered: Tensor, scores: Tensor) -> Tensor:
        """Next-token logits [N, V] of hidden states [N, D] about images read as words [N, 12], of which those
        `offered` [N, 12] have not been said, and trace scores [N, 30]."""
        more = self.word_head(hidden, self.decoder.embedding(words)) * offered
        logits = add_to_words(self.decoder.logits(hidden), words, more)
        return add_to_words(
            logits, self.tag_ids.expand(hidden.shape[0], -1), self.finding_head(hidden, scores)
        )

    def _text_loss(self, hidden: Tensor, batch: Batch) -> Tensor:
        """A token is predicted from the one before it in its own conversation."""
        weight = batch.targets[:, 1:] * (batch.segments[:, 1:] == batch.segments[:, :-1])
        chosen = weight > 0
        row = chosen.nonzero()[:, 0]
        offered = still_offered(batch.ids, batch.segments, batch.words)[:, :-1][chosen]
        logits = self.logits(hidden[:, :-1][chosen], batch.words[row], offered, batch.scores[row])
        loss = F.cross_entropy(logits, batch.ids[:, 1:][chosen], reduction="none")
        return (loss * weight[chosen]).sum() / weight.sum().clamp_min(1.0)

    def _asked_loss(self, hidden: Tensor, asked: Tensor) -> Tensor:
        """At the place before a finding, which criterion it is about."""
        states = asked[:, 1:] >= 0
        if not states.any():
            return hidden.sum() * 0.0
        return F.cross_entropy(self.finding_head.asked(hidden[:, :-1][states]), asked[:, 1:][states])

    @staticmethod
    def _head_loss(head: Tensor, fake: Tensor) -> Tensor:
        known = ~torch.isnan(fake)
        if not known.any():
            return head.sum() * 0.0
        smooth = fake[known] * 0.9 + 0.05
        return F.binary_cross_entropy_with_logits(head[known], smooth)


def segment_positions(segments: Tensor, prefix: int) -> Tensor:
    """Positions [B, T]: 0..prefix-1 for the image, then each conversation counts on from `prefix`."""
    place = torch.arange(segments.shape[1], device=segments.device).expand_as(segments)
    return torch.where(segments == 0, place, place - segment_starts(segments) + prefix)


def segment_mask(segments: Tensor) -> Tensor:
    """Additive mask [B, 1, T, T]: a token sees earlier ones of the image and of its own conversation."""
    length = segments.shape[1]
    earlier = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
    same = segments[:, :, None] == segments[:, None, :]
    image = (segments == 0)[:, None, :]
    allowed = earlier & (same | image)
    return torch.zeros(allowed.shape, device=segments.device).masked_fill(~allowed, -1e9)[:, None]
