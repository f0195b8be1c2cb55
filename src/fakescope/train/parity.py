"""Does the exported model say what the trained one says? Logit differences and greedy texts, on real images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from fakescope.images.load import LoadedImage
from fakescope.images.preprocess import view
from fakescope.models.decoding import next_token
from fakescope.models.nano import NanoModel
from fakescope.prompts.product import DESCRIBE_PROMPT, TRACE_TAGS, given_trace_question
from fakescope.records import Label, Message
from fakescope.taxonomy import CRITERION_IDS
from fakescope.train.nano_model import Nano, segment_mask, segment_positions

GREEDY_TOKENS = 32


@dataclass(frozen=True)
class Parity:
    """How far the exported model is from one in torch, on the same encoder features.

    Attributes:
        images: How many were compared.
        max_logit_difference: Over all vocabulary entries at the answer slot, and the finding words of all criteria.
        mean_logit_difference: The mean over the answer slot.
        max_llr_difference: Of the logit of fake minus the logit of real, in nats.
        same_text: Share of images whose greedy description begins with the same 32 tokens.
    """

    images: int
    max_logit_difference: float
    mean_logit_difference: float
    max_llr_difference: float
    same_text: float

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


@torch.inference_mode()
def compare(nano: Nano, model: NanoModel, images: Sequence[LoadedImage]) -> Parity:
    """Run both on the same images."""
    nano.eval()
    fake, real = model.token_id("fake"), model.token_id("real")
    differences, findings, llr, same = [], [], [], []
    for image in images:
        grid, stats = model.encode(view(image.pixels)[None])
        seen = _see(nano, torch.from_numpy(grid), torch.from_numpy(stats))
        theirs = model.answer_logits(image).values
        ours = _next(nano, seen, model.answer_slot_ids()).numpy()
        differences.append(np.abs(ours - theirs))
        llr.append(abs((ours[fake] - ours[real]) - (theirs[fake] - theirs[real])))
        findings.append(_finding_difference(nano, model, image, seen))
        question = model.read([Message(role="user", content=DESCRIBE_PROMPT)])
        written = "".join(
            model.generate(image, [Message(role="user", content=DESCRIBE_PROMPT)], max_tokens=GREEDY_TOKENS)
        )
        ours_said = model.text(_greedy(nano, seen, question, model.end_id))
        unfinished = ours_said.endswith("\ufffd")  # a character cut off by the limit is not streamed
        same.append(ours_said.startswith(written) if unfinished else ours_said == written)
    return Parity(
        images=len(images),
        max_logit_difference=float(max(np.max(differences), *findings)),
        mean_logit_difference=float(np.mean(differences)),
        max_llr_difference=float(np.max(llr)),
        same_text=float(np.mean(same)),
    )


def _finding_difference(nano: Nano, model: NanoModel, image: LoadedImage, seen: _Seen) -> float:
    """The largest difference of the logits of `TRACE_TAGS`, over all criteria, were the image fake."""
    asked = [[Message(role="user", content=given_trace_question(c, Label.FAKE))] for c in CRITERION_IDS]
    theirs = model.choice_logits(image, asked, TRACE_TAGS)
    ours = torch.stack([_next(nano, seen, model.read(a))[nano.tag_ids] for a in asked]).numpy()
    return float(np.abs(ours - theirs).max())


@dataclass(frozen=True)
class _Seen:
    """An image as the decoder is shown it: prefix [1, n, D], words [1, 12], trace scores [1, 30]."""

    prefix: Tensor
    words: Tensor
    scores: Tensor


def _see(nano: Nano, grid: Tensor, stats: Tensor) -> _Seen:
    return _Seen(nano.prefix(grid, stats)[0], *nano.readout(grid, stats))


def _next(nano: Nano, seen: _Seen, ids: Sequence[int]) -> Tensor:
    """Next-token logits [vocabulary] after the image and `ids`, without a cache."""
    text = nano.decoder.embedding(torch.tensor([list(ids)]))
    count = seen.prefix.shape[1]
    embeds = torch.cat([seen.prefix, text], dim=1)
    segments = torch.tensor([[0] * count + [1] * len(ids)])
    hidden, _ = nano.decoder.hidden(embeds, segment_positions(segments, count), segment_mask(segments))
    offered = torch.tensor([[float(word not in ids) for word in seen.words[0].tolist()]])
    return nano.logits(hidden[:, -1], seen.words, offered, seen.scores)[0]


def _greedy(nano: Nano, seen: _Seen, ids: Sequence[int], end: int) -> list[int]:
    said: list[int] = []
    for _ in range(GREEDY_TOKENS):
        token = next_token(_next(nano, seen, [*ids, *said]).numpy(), said)
        if token == end:
            break
        said.append(token)
    return said
