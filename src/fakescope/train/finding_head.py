"""A head for findings: the trace score of the criterion that is asked about, added to the logits of the finding words.

The scores reach the decoder as visual tokens too, but in a few hundred steps its five layers do not learn to look the
right one of fifteen up: within fakes, what it said of a criterion had next to nothing to do with the image. Which
criterion is asked about can be read off its hidden state, and is taught directly: from findings alone, fifteen scores
that rise and fall together are not told apart.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fakescope.taxonomy import CRITERION_IDS

_EDGE = 0.03
"""Scores are held this far from 0 and 1: a linear reader is never sure."""


class FindingHead(nn.Module):
    """Hidden state and trace scores in, what is added to the logits of `TRACE_TAGS` out."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.asked = nn.Linear(width, len(CRITERION_IDS))
        self.due = nn.Linear(width, 2)
        nn.init.zeros_(self.due.weight)
        nn.init.ones_(self.due.bias)

    def forward(self, hidden: Tensor, scores: Tensor) -> Tensor:
        """hidden [N, D], scores [N, 30] (see `readout`) -> [N, 3].

        Abnormal gains by the log-odds that the asked criterion is abnormal, and Unclear loses by the log-odds that
        it can be judged; Natural is what is left.
        """
        asked = self.asked(hidden).softmax(dim=-1)  # [N, 15]
        abnormal, judged = torch.logit(scores.clamp(_EDGE, 1 - _EDGE)).unflatten(-1, (2, -1)).unbind(1)
        due = self.due(hidden)
        more = due[:, :1] * (asked * abnormal).sum(-1, keepdim=True)
        less = due[:, 1:] * (asked * judged).sum(-1, keepdim=True)
        return torch.cat([more, torch.zeros_like(more), -less], dim=1)
