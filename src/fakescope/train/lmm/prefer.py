"""Direct preference optimisation: what people took of two descriptions becomes likelier than what they rejected.

TRL's DPOTrainer brings its own batches for images, so the loss stands here, on the trainer and the batches of the other
stages: the same pictures, the same prompts, loss on answers alone, nothing cut off, every family.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import gather_object
from torch import Tensor, nn
from torch.nn.functional import logsigmoid
from torch.utils.data import DataLoader
from transformers.integrations import is_deepspeed_zero3_enabled

from fakescope.errors import ModelError
from fakescope.train.lmm.answers import AnswerCollator
from fakescope.train.lmm.trainer import ForensicTrainer

if TYPE_CHECKING:
    from PIL import Image

SIDES = ("chosen", "rejected")
REFERENCES = ("reference_chosen", "reference_rejected")
"""Columns with the log-probabilities under the model before, nats a text."""


class PairCollator:
    """Pairs -> one batch: all chosen texts, then all rejected ones; `reference` is in the same order.

    Args:
        processor: The model's.
        picture: Gives the RGB picture of an image's id.
    """

    def __init__(self, processor: Any, picture: Callable[[str], Image.Image]) -> None:
        self._answers = AnswerCollator(processor, picture)

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """A batch of twice as many conversations as there are rows."""
        batch = self._answers([_talk(row, side) for side in SIDES for row in rows])
        if REFERENCES[0] in rows[0]:
            # Plain numbers: trainers may round tensors to the precision of the model, and these are sums of hundreds.
            batch["reference"] = [float(row[name]) for name in REFERENCES for row in rows]
        return batch


class PreferenceTrainer(ForensicTrainer):
    """Learns from pairs by Rafailov et al. 2023 (arXiv 2305.18290), equation 7.

    The reference is the model as it is given, adapters of an earlier stage included. Its log-probabilities are
    taken once before the first step, so no second model is held. Dropout is off, as in TRL: with it, chance would
    set the two models apart.

    Args:
        beta: How dearly it is paid to leave the reference; above 0.

    Raises:
        ModelError: The weights are sharded (FSDP, ZeRO 3), so they cannot be asked before training.
    """

    train_dataset: Any
    loss_is_scaled_for_ga = False  # a mean over pairs, so accumulated passes are averaged

    def __init__(self, *args: Any, beta: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._beta = beta
        if self.is_fsdp_enabled or is_deepspeed_zero3_enabled():
            raise ModelError("preferences are not learned with sharded weights", "use ddp, ZeRO 1 or ZeRO 2")
        for module in self.model.modules():
            _without_dropout(module)

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """As every trainer's. A run that goes on takes the reference anew, before it loads the checkpoint."""
        if REFERENCES[0] not in self.train_dataset.column_names:
            for name, values in zip(REFERENCES, self.ask_reference(self.train_dataset), strict=True):
                self.train_dataset = self.train_dataset.add_column(name, values)
        return super().train(*args, **kwargs)

    def ask_reference(self, rows: Any) -> tuple[list[float], list[float]]:
        """Log-probabilities of all chosen and of all rejected texts under the model as it is now."""
        here, processes = self.accelerator.process_index, self.accelerator.num_processes
        mine = range(here, len(rows), processes)
        if self.model.device != self.accelerator.device:  # DeepSpeed moves it later
            self.model.to(self.accelerator.device)
        self.model.eval()
        found: list[tuple[int, float, float]] = []
        loader = DataLoader(
            rows.select(mine), batch_size=self.args.per_device_train_batch_size, collate_fn=self.data_collator,
            num_workers=self.args.dataloader_num_workers,
        )  # fmt: skip
        with torch.no_grad(), self.accelerator.autocast():
            for batch in loader:
                chosen, rejected = log_probs(self.model, self._prepare_inputs(batch))
                places = mine[len(found) : len(found) + len(chosen)]
                found += zip(places, chosen.tolist(), rejected.tolist(), strict=True)
        ordered = sorted(gather_object(found))
        return [row[1] for row in ordered], [row[2] for row in ordered]

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean over pairs of -log sigmoid(beta * margin), in nats; the margin is that of the gains over the reference.

        Raises:
            NotImplementedError: Outputs are asked for; dev is looked at in another way.
        """
        if return_outputs:
            raise NotImplementedError
        reference = inputs.pop("reference")
        chosen, rejected = log_probs(model, inputs)
        before = torch.tensor(reference, dtype=chosen.dtype, device=chosen.device)
        before_chosen, before_rejected = before.chunk(2)
        good, bad = self._beta * (chosen - before_chosen), self._beta * (rejected - before_rejected)
        self._note({
            "rewards/chosen": good, "rewards/rejected": bad, "rewards/margins": good - bad,
            "rewards/accuracies": (good > bad).float(), "logps/chosen": chosen, "logps/rejected": rejected,
        })  # fmt: skip
        return -logsigmoid(good - bad).mean()

    def _note(self, figures: dict[str, Tensor]) -> None:
        """Means over all processes; they are logged beside the loss."""
        for name, values in figures.items():
            mean = self.accelerator.gather(values.detach()).mean().item()
            self._metrics["train"][name].append(mean)


def log_probs(model: Any, batch: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Log-probabilities of whole answers, in nats, of the first and of the second half of a batch.

    Args:
        model: With TRL's fused head, which scores the learned positions without writing out all logits.
        batch: Of a `PairCollator`; `reference` in it is passed over.
    """
    given = {name: value for name, value in batch.items() if name != "reference"}
    scored = model(**given, use_cache=False, fused_lm_head=True).log_probs
    chosen, rejected = scored.float().sum(dim=1).chunk(2)
    return chosen, rejected


def _without_dropout(module: nn.Module) -> None:
    """Dropout layers, and the rates that attention and other blocks of transformers hand to the functional form."""
    if isinstance(module, nn.Dropout):
        module.p = 0.0
        return
    for name, value in vars(module).items():
        if "dropout" in name and isinstance(value, float):
            setattr(module, name, 0.0)


def _talk(row: Mapping[str, Any], side: str) -> dict[str, Any]:
    answer = {"role": "assistant", "content": row[side]}
    return {"image": row["image"], "messages": [*row["prompt"], answer]}
