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
from fakescope.prompts.product import DESCRIBE_PROMPT
from fakescope.records import Message
from fakescope.train.nano_model import Nano, segment_mask, segment_positions

GREEDY_TOKENS = 32


@dataclass(frozen=True)
class Parity:
    """How far the exported model is from one in torch, on the same encoder features.

    Attributes:
        images: How many were compared.
        max_logit_difference: Over all vocabulary entries at the answer slot.
        mean_logit_difference: The mean of the same.
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
    differences, llr, same = [], [], []
    for image in images:
        grid, stats = model.encode(view(image.pixels)[None])
        prefix, _ = nano.prefix(torch.from_numpy(grid), torch.from_numpy(stats))
        theirs = model.answer_logits(image).values
        ours = _next(nano, prefix, model.answer_slot_ids()).numpy()
        differences.append(np.abs(ours - theirs))
        llr.append(abs((ours[fake] - ours[real]) - (theirs[fake] - theirs[real])))
        question = model.read([Message(role="user", content=DESCRIBE_PROMPT)])
        written = "".join(
            model.generate(image, [Message(role="user", content=DESCRIBE_PROMPT)], max_tokens=GREEDY_TOKENS)
        )
        same.append(model.text(_greedy(nano, prefix, question, model.end_id)) == written)
    return Parity(
        images=len(images),
        max_logit_difference=float(np.max(differences)),
        mean_logit_difference=float(np.mean(differences)),
        max_llr_difference=float(np.max(llr)),
        same_text=float(np.mean(same)),
    )


def _next(nano: Nano, prefix: Tensor, ids: Sequence[int]) -> Tensor:
    """Next-token logits [vocabulary] after the image and `ids`, without a cache."""
    text = nano.decoder.embedding(torch.tensor([list(ids)]))
    embeds = torch.cat([prefix, text], dim=1)
    segments = torch.tensor([[0] * prefix.shape[1] + [1] * len(ids)])
    positions = segment_positions(segments, prefix.shape[1])
    hidden, _ = nano.decoder.hidden(embeds, positions, segment_mask(segments))
    return nano.decoder.logits(hidden[0, -1])


def _greedy(nano: Nano, prefix: Tensor, ids: Sequence[int], end: int) -> list[int]:
    said: list[int] = []
    for _ in range(GREEDY_TOKENS):
        token = next_token(_next(nano, prefix, [*ids, *said]).numpy(), said)
        if token == end:
            break
        said.append(token)
    return said
