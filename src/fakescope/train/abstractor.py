"""The abstractor: from encoder features to a few visual tokens of the language model.

Three kinds of tokens. Forensic tokens summarise statistics over all patches at several depths, where the traces of
a generator show; they carry no place. Trace tokens carry what a linear reader makes of the fifteen criteria (see
`readout`). Place tokens come from a small grid and say what is where. An auxiliary head beside the forensic tokens
learns fake against real directly; it shapes the tokens in training, is not exported, and never gives a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fakescope.train.encoder import GRID, GRID_TAPS, TAPS
from fakescope.train.encoder import WIDTH as ENCODER_WIDTH
from fakescope.train.readout import SCORES


@dataclass(frozen=True)
class AbstractorConfig:
    """Sizes of the abstractor; the kinds of tokens leave it in the order of the sum in `tokens`."""

    width: int = 576
    hidden: int = 512
    forensic_tokens: int = 4
    trace_tokens: int = 2
    place_side: int = 4
    dropout: float = 0.3

    @property
    def tokens(self) -> int:
        return self.forensic_tokens + self.trace_tokens + self.place_side**2


class Abstractor(nn.Module):
    """grid [B, 49, 768], stats [B, 12, 384], trace scores [B, 30] -> visual tokens [B, tokens, width] and the
    auxiliary logit [B]."""

    stats_mean: Tensor
    stats_scale: Tensor

    def __init__(self, config: AbstractorConfig) -> None:
        super().__init__()
        self.config = config
        stats_width = 3 * len(TAPS) * ENCODER_WIDTH
        grid_width = len(GRID_TAPS) * ENCODER_WIDTH
        self.register_buffer("stats_mean", torch.zeros(stats_width))
        self.register_buffer("stats_scale", torch.ones(stats_width))
        self.forensic = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(stats_width, config.hidden),
            nn.GELU(),
            nn.Dropout(config.dropout),
        )
        self.head = nn.Linear(config.hidden, 1)
        self.to_tokens = nn.Linear(config.hidden, config.forensic_tokens * config.width)
        self.to_trace = nn.Linear(SCORES, config.trace_tokens * config.width)
        self.grid_norm = nn.LayerNorm(grid_width)
        self.place = nn.Conv2d(grid_width, config.width, kernel_size=3, stride=2, padding=1)
        self.place_out = nn.Sequential(nn.GELU(), nn.Linear(config.width, config.width))
        self.position = nn.Parameter(torch.randn(config.place_side**2, config.width) * 0.02)
        self.norm = nn.LayerNorm(config.width)
        self.gain = nn.Parameter(torch.tensor(0.15))

    def fit_scale(self, stats: Tensor) -> None:
        """Take mean and deviation of training statistics [N, 12, 384], to standardise the input by."""
        flat = stats.flatten(1).float()
        self.stats_mean.copy_(flat.mean(0))
        self.stats_scale.copy_(1.0 / (flat.std(0) + 1e-4))

    def summary(self, stats: Tensor) -> Tensor:
        """[B, 12, 384] -> [B, hidden]."""
        return self.forensic((stats.flatten(1) - self.stats_mean) * self.stats_scale)

    def forward(
        self, grid: Tensor, stats: Tensor, scores: Tensor, hidden_kinds: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """`hidden_kinds` bool [B, 2]: rows whose forensic, and whose place tokens are blanked in training, so that
        the model does not learn its images by heart through them."""
        hidden = self.summary(stats)
        forensic = self.to_tokens(hidden).unflatten(-1, (self.config.forensic_tokens, self.config.width))
        square = self.grid_norm(grid).transpose(1, 2).unflatten(-1, (GRID, GRID))
        place = self.place_out(self.place(square).flatten(2).transpose(1, 2)) + self.position
        trace = self.to_trace(4 * scores - 2).unflatten(-1, (self.config.trace_tokens, self.config.width))
        tokens = self.norm(torch.cat([forensic, trace, place], dim=1)) * self.gain
        if hidden_kinds is not None:
            tokens = tokens * self._shown(hidden_kinds)
        return tokens, self.head(hidden).squeeze(-1)

    def _shown(self, hidden_kinds: Tensor) -> Tensor:
        """[B, 2] -> [B, tokens, 1] of ones and zeros."""
        sizes = torch.tensor(
            [self.config.forensic_tokens, self.config.trace_tokens, self.config.place_side**2]
        )
        kinds = torch.stack(
            [hidden_kinds[:, 0], torch.zeros_like(hidden_kinds[:, 0]), hidden_kinds[:, 1]], dim=1
        )
        return (~kinds).float().repeat_interleave(sizes.to(kinds.device), dim=1)[..., None]
