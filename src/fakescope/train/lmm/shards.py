"""Weights in parts over several GPUs (PyTorch's FSDP2): what accelerate and TRL leave open for multimodal models."""

from __future__ import annotations

from typing import Any

from torch.distributed.fsdp import FSDPModule
from transformers import TrainerCallback


def layer_classes(model: Any) -> list[str]:
    """Names of the classes whose members are gathered and given back as one: layers of vision and language.

    A model also names classes that it has not got, such as those of a text encoder that its vision encoder was trained
    with; accelerate (1.15) refuses these.
    """
    there = {type(module).__name__ for module in model.modules()}
    return sorted(set(model._no_split_modules or ()) & there)


def name_layers(plugin: Any, model: Any) -> None:
    """Name the layers of a model to accelerate's FSDP plugin, where the configuration has not done so."""
    if plugin.transformer_cls_names_to_wrap is None:
        plugin.transformer_cls_names_to_wrap = layer_classes(model)


class WholeHead(TrainerCallback):  # type: ignore[misc]
    """Gathers the language head with each forward pass of a sharded model.

    TRL's fused loss reads the head's weights without calling the head, so FSDP does not notice. TRL (1.16) then gathers
    them itself, in a way whose backward pass keeps one process's gradient instead of the mean over all. Gathered by
    FSDP, the gradients are reduced as everywhere else.
    """

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Hook it up, behind FSDP's own hooks."""
        head = model.get_output_embeddings()
        if isinstance(model, FSDPModule) and isinstance(head, FSDPModule):
            model.register_forward_pre_hook(lambda *_: head.unshard() and None)  # type: ignore[attr-defined]
