"""A copying head: the words that an image is read as get likelier wherever a content word is due, until they are said.

A decoder of five layers does not learn by itself, from a few thousand descriptions, to copy words from its input: told
the very words of a caption, it used them hardly more than words of another image. This head gives it the means, as
pointer-generator networks do (See et al., ACL 2017), but adds to the logits in place of mixing distributions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fakescope.train.readout import WORDS


class WordHead(nn.Module):
    """Hidden state and embedded words in, what is added to the words' logits out."""

    def __init__(self, width: int, rank: int = 64) -> None:
        super().__init__()
        self.due = nn.Linear(width, 1)
        self.from_hidden = nn.Linear(width, rank, bias=False)
        self.from_word = nn.Linear(width, rank, bias=False)
        self.place = nn.Parameter(torch.zeros(WORDS))
        nn.init.zeros_(self.due.weight)
        nn.init.constant_(self.due.bias, 2.0)
        nn.init.zeros_(self.from_hidden.weight)

    def forward(self, hidden: Tensor, words: Tensor) -> Tensor:
        """hidden [N, D], embedded words [N, 12, D] -> [N, 12]: how well a word is due here, how well it fits, and
        how far up it stood among the readings (the factor makes single numbers learn as fast as matrices)."""
        fits = (self.from_word(words) @ self.from_hidden(hidden)[:, :, None]).squeeze(-1)
        return self.due(hidden) + fits + 10 * self.place[: words.shape[1]]


def add_to_words(logits: Tensor, words: Tensor, more: Tensor) -> Tensor:
    """logits [N, V] with `more` [N, 12] added at the tokens `words` [N, 12]."""
    return logits.scatter_add(1, words, more)


def still_offered(ids: Tensor, segments: Tensor, words: Tensor) -> Tensor:
    """float [B, T, 12]: 1 while a word has not come up in its conversation, up to and with each position.

    ids and segments [B, T], words [B, 12].
    """
    said = (ids[:, :, None] == words[:, None, :]).int().cumsum(dim=1)
    start = segment_starts(segments)
    before = nn.functional.pad(said, (0, 0, 1, 0))[:, :-1].gather(1, start[:, :, None].expand_as(said))
    return (said == before).float()


def segment_starts(segments: Tensor) -> Tensor:
    """For each position [B, T] where its conversation, a run of one number, begins."""
    place = torch.arange(segments.shape[1], device=segments.device).expand_as(segments)
    fresh = torch.ones_like(segments, dtype=torch.bool)
    fresh[:, 1:] = segments[:, 1:] != segments[:, :-1]
    return torch.where(fresh, place, torch.zeros_like(place)).cummax(dim=1).values
