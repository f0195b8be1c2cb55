"""The three groups of a multimodal model's parameters, whatever a family calls them."""

from __future__ import annotations

import re
from typing import Any, Literal

from fakescope.errors import ModelError

Group = Literal["vision", "projector", "language"]

_PROJECTOR = re.compile(
    r"(^|\.)(multi_modal_projector|connector|visual_abstractor|image_newline|merger|deepstack_merger_list)(\.|$)"
)
_VISION = re.compile(r"(^|\.)(vision_tower|vision_model|visual)(\.|$)")


def group_of(name: str) -> Group:
    """The group of a parameter or module, by its name."""
    if _PROJECTOR.search(name):
        return "projector"
    return "vision" if _VISION.search(name) else "language"


def language_linears(model: Any) -> list[str]:
    """Names of the linear layers of the language model but for its head: what adapters are put on."""
    from torch import nn

    head = model.get_output_embeddings()
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module is not head and group_of(name) == "language"
    ]


def projector_modules(model: Any) -> list[str]:
    """Names of the outermost modules between vision and language; of a list, its members: PEFT saves no list whole.

    Raises:
        ModelError: None is known.
    """
    from torch import nn

    names = [name for name, _ in model.named_modules() if _PROJECTOR.search(name)]
    outermost = [n for n in names if not any(n != m and n.startswith(f"{m}.") for m in names)]
    if not outermost:
        raise ModelError("no projector is known in this model", "name other groups in `trained`")
    found = []
    for name in outermost:
        module = model.get_submodule(name)
        members = range(len(module)) if isinstance(module, nn.ModuleList) else ()
        found += [f"{name}.{number}" for number in members] or [name]
    return found


def set_trainable(model: Any, groups: tuple[str, ...]) -> None:
    """Let the parameters of these groups learn, and no others."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(group_of(name) in groups)


def counts(model: Any) -> dict[str, tuple[int, int]]:
    """Group -> parameters and, of those, learning ones; adapters are a group of their own."""
    found: dict[str, tuple[int, int]] = {}
    for name, parameter in model.named_parameters():
        group = "adapters" if "lora_" in name else group_of(name)
        number, learning = found.get(group, (0, 0))
        size = parameter.numel()
        found[group] = (number + size, learning + size * parameter.requires_grad)
    return found
