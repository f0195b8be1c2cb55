"""TRL's SFTTrainer with labels on answers alone, and with dev images in the place of an evaluation loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peft import PeftModel
from transformers import TrainerCallback
from trl import SFTTrainer

from fakescope.train.lmm.shards import WholeHead, name_layers

Look = Callable[[Any], dict[str, float]]
"""Looks at dev with a model: names of `dev` without their prefix -> values."""


class ForensicTrainer(SFTTrainer):  # type: ignore[misc]
    """Everything else is TRL's: mixed precision, accumulation, sharding, checkpoints, resume, trackers.

    Args:
        look: Looks at dev; None to leave that out.
        vision: Names of parameters that learn at `vision_rate`.
        vision_rate: Highest rate of those.
    """

    control: Any
    optimizer: Any

    def __init__(
        self, *args: Any, look: Look | None, vision: frozenset[str], vision_rate: float, **kwargs: Any
    ):
        self._look, self._vision, self._vision_rate = look, vision, vision_rate
        super().__init__(*args, **kwargs)
        # Some families refuse the number of learned tokens (Qwen's, Gemma 3), and would have the means of passes and
        # processes averaged, however many tokens each has. TRL's loss takes it whatever the family.
        self.model_accepts_loss_kwargs = True
        if self.is_fsdp_enabled:
            name_layers(self.accelerator.state.fsdp_plugin, self.model)
            self.add_callback(WholeHead())

    def _send_telemetry(self) -> None:
        """None: nothing of a run is told to anybody."""

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Figures on dev as `eval_dev_auroc` and so on; the best checkpoint is chosen by the first."""
        if self._look is None:
            return {}
        unwrapped = self.accelerator.unwrap_model(self.model)
        with self.accelerator.autocast():  # as in training: quantised weights know no other precision
            figures = {f"eval_{name}": value for name, value in self._look(unwrapped).items()}
        self.log(figures)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, figures)
        return figures

    def tell(self, told: Callable[[int, Any], None], what: Any) -> None:
        """Give something and the step it belongs to, from one process only."""
        if self.is_world_process_zero():
            told(self.state.global_step, what)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Put the weights of a checkpoint into the model, every one of them.

        transformers saves many families under the names of their first release, and its trainer then looks for the
        names of today, finds none, and goes on with fresh weights (5.23, not strict). So the model's own loader, which
        knows both, reads the checkpoint. Adapters, FSDP and DeepSpeed have ways of their own.
        """
        plain = self.model if model is None else model
        if self._own_way(plain):
            super()._load_from_checkpoint(resume_from_checkpoint, model)
        else:
            _put_weights(plain, resume_from_checkpoint)

    def _load_best_model(self) -> None:
        if self._own_way(self.model) or not self.state.best_model_checkpoint:
            super()._load_best_model()
        else:
            _put_weights(self.model, self.state.best_model_checkpoint)

    def _own_way(self, model: Any) -> bool:
        return isinstance(model, PeftModel) or self.is_fsdp_enabled or self.is_deepspeed_enabled

    def create_optimizer(self, model: Any = None) -> Any:
        """AdamW, with a rate of its own for the vision encoder where that learns."""
        if self.optimizer is None and self._vision:
            named = [(n, p) for n, p in self.model.named_parameters() if p.requires_grad]
            kind, options = self.get_optimizer_cls_and_kwargs(self.args, self.model)
            groups: list[dict[str, Any]] = [
                {"params": [p for n, p in named if n not in self._vision]},
                {"params": [p for n, p in named if n in self._vision], "lr": self._vision_rate},
            ]
            self.optimizer = kind([g for g in groups if g["params"]], **options)
        return super().create_optimizer() if model is None else super().create_optimizer(model)


def _put_weights(model: Any, checkpoint: str) -> None:
    loaded = type(model).from_pretrained(
        checkpoint, dtype=model.dtype, local_files_only=True, use_safetensors=True
    )
    model.load_state_dict(loaded.state_dict())


class Curve(TrainerCallback):  # type: ignore[misc]
    """Hands every logged row on."""

    def __init__(self, on_row: Callable[[int, dict[str, float]], None]) -> None:
        self._on_row = on_row

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any
    ) -> None:
        """A row: step and figures."""
        if logs and state.is_world_process_zero:
            self._on_row(
                state.global_step, {k: float(v) for k, v in logs.items() if isinstance(v, int | float)}
            )
