"""The stages in which fakescope-nano is trained: warm-up of the abstractor, alignment, instruction tuning.

Alignment and instruction tuning are the paper's two stages. Each runs from a `StageConfig`, writes a loss curve
(`losses.csv`) and checkpoints, and resumes to the same batches after a kill.
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from fakescope.train.abstractor import Abstractor
from fakescope.train.checkpoint import has_checkpoint, load_checkpoint, save_checkpoint
from fakescope.train.nano_data import BatchMaker
from fakescope.train.nano_model import Batch, Losses, Nano

Report = Callable[[str], None]

_ASKED_WEIGHT = 0.2
"""Of the loss on which criterion is asked about; it is learned within some dozens of steps."""


@dataclass(frozen=True)
class StageConfig:
    """One stage.

    Attributes:
        name: Folder of its checkpoint.
        steps: Optimiser steps.
        learning_rate: Peak of the decoder's rate; warm-up over `warmup` steps, then cosine to a tenth.
        abstractor_rate: Peak of the abstractor's rate.
        annotated_images: Images in an annotated batch.
        label_only_images: Images in a label-only batch.
        label_only_share: Share of steps that are label-only.
        head_weight: Weight of the auxiliary head's loss.
        freeze_decoder: Train the abstractor alone, as in the paper's first stage.
        save_every: Steps between checkpoints.
    """

    name: str
    steps: int
    learning_rate: float = 4e-4
    abstractor_rate: float = 4e-4
    weight_decay: float = 0.05
    warmup: int = 40
    annotated_images: int = 6
    label_only_images: int = 48
    label_only_share: float = 0.3
    head_weight: float = 0.5
    freeze_decoder: bool = False
    save_every: int = 50


def warm_up_forensics(
    abstractor: Abstractor,
    stats: Tensor,
    fake: Tensor,
    weights: Tensor,
    *,
    steps: int,
    rate: float = 3e-4,
    batch: int = 256,
    seed: int = 0,
) -> float:
    """Train the forensic branch and its auxiliary head on cached statistics; returns the last loss (nats).

    Args:
        stats: float16 [N, 12, 384].
        fake: float32 [N], 1 fake, 0 real.
        weights: Sampling weights [N].
    """
    abstractor.fit_scale(stats)
    parts = [*abstractor.forensic.parameters(), *abstractor.head.parameters()]
    for part in parts:
        part.requires_grad_(True)
    optimizer = torch.optim.AdamW(parts, lr=rate, weight_decay=0.05)
    generator = torch.Generator().manual_seed(seed)
    abstractor.train()
    loss = torch.zeros(())
    for step in range(steps):
        _set_rates(optimizer, [rate], _schedule(step, steps, 50))
        rows = torch.multinomial(weights, batch, replacement=True, generator=generator)
        logit = abstractor.head(abstractor.summary(stats[rows].float())).squeeze(-1)
        loss = nn.functional.binary_cross_entropy_with_logits(logit, fake[rows] * 0.9 + 0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return float(loss.detach())


def run_stage(
    nano: Nano, config: StageConfig, batches: BatchMaker, folder: Path, report: Report = print
) -> None:
    """Train one stage, resuming from `folder / config.name` if a checkpoint is there."""
    nano.decoder.requires_grad_(not config.freeze_decoder)
    bridge = [
        *nano.abstractor.parameters(), *nano.word_head.parameters(), *nano.finding_head.parameters()
    ]  # fmt: skip
    groups = [{"params": bridge}, {"params": list(nano.decoder.parameters())}]
    optimizer = torch.optim.AdamW(
        groups, lr=config.learning_rate, weight_decay=config.weight_decay, betas=(0.9, 0.98)
    )
    checkpoint = folder / config.name
    first = 0
    if has_checkpoint(checkpoint):
        first = int(load_checkpoint(checkpoint, nano, optimizer)["step"])
        report(f"{config.name}: resumed at step {first}")
    curve = _Curve(folder / f"{config.name}-losses.csv", first)
    rates = [config.abstractor_rate, config.learning_rate]
    nano.train()
    for step in range(first, config.steps):
        _set_rates(optimizer, rates, _schedule(step, config.steps, config.warmup))
        torch.manual_seed(step)  # the same dropout after a resume
        started = time.monotonic()
        kind, batch = _draw(batches, config, step)
        losses = _step(nano, optimizer, batch, config)
        seconds = time.monotonic() - started
        curve.add(step, kind, losses, batch.ids.numel() / seconds)
        if (step + 1) % 10 == 0:
            report(
                f"{config.name} {step + 1}/{config.steps} {kind} text {losses.text:.3f} head {losses.head:.3f}"
                f" {batch.ids.numel() / seconds:.0f} tokens/s"
            )
        if (step + 1) % config.save_every == 0 or step + 1 == config.steps:
            save_checkpoint(checkpoint, nano, optimizer, {"step": step + 1, "stage": config.name})


def _draw(batches: BatchMaker, config: StageConfig, step: int) -> tuple[str, Batch]:
    """Label-only steps are spread evenly among the annotated ones."""
    share = config.label_only_share
    if math.floor((step + 1) * share) > math.floor(step * share):
        return "label-only", batches.label_only(step, config.label_only_images)
    return "annotated", batches.annotated(step, config.annotated_images)


def _step(nano: Nano, optimizer: torch.optim.Optimizer, batch: Batch, config: StageConfig) -> Losses:
    losses: Losses = nano(batch)
    optimizer.zero_grad()
    (losses.text + config.head_weight * losses.head + _ASKED_WEIGHT * losses.asked).backward()
    nn.utils.clip_grad_norm_([p for p in nano.parameters() if p.grad is not None], 1.0)
    optimizer.step()
    return Losses(losses.text.detach(), losses.head.detach(), losses.asked.detach())


def _schedule(step: int, steps: int, warmup: int) -> float:
    if step < warmup:
        return (step + 1) / warmup
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def _set_rates(optimizer: torch.optim.Optimizer, rates: list[float], factor: float) -> None:
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate * factor


class _Curve:
    """Appends one line a step to a CSV file; lines of steps from `first` on, which are run again, are dropped."""

    def __init__(self, path: Path, first: int) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = path.read_text(encoding="utf-8").splitlines()[1 : first + 1] if path.is_file() else []
        lines = ["step,kind,text_loss_nats,head_loss_nats,tokens_per_s", *kept]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def add(self, step: int, kind: str, losses: Losses, rate: float) -> None:
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow([step, kind, f"{losses.text:.4f}", f"{losses.head:.4f}", f"{rate:.0f}"])
