"""Checkpoints of a training run: safetensors and JSON, never pickles; written whole or not at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from fakescope.errors import DataError


def save_checkpoint(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer | None, state: dict[str, Any]
) -> None:
    """Write model, optimizer and `state` (JSON) to `folder`, replacing what was there."""
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, fresh / "model.safetensors")
    if optimizer is not None:
        save_file(_flatten(optimizer), fresh / "optimizer.safetensors")
    # The state comes last and by renaming: a folder that has it is whole.
    (fresh / "state.part").write_text(json.dumps(state, indent=2), encoding="utf-8")
    (fresh / "state.part").rename(fresh / "state.json")
    (folder / "state.json").unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def has_checkpoint(folder: Path) -> bool:
    """Whether `folder` holds a checkpoint; a save that was killed just before its end is brought to it."""
    fresh = folder.with_name(folder.name + ".new")
    if not (folder / "state.json").is_file() and (fresh / "state.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    return (folder / "state.json").is_file()


def load_checkpoint(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer | None = None
) -> dict[str, Any]:
    """Load what `save_checkpoint` wrote into `model` and `optimizer`; returns the state.

    Raises:
        DataError: The folder holds no checkpoint.
    """
    if not has_checkpoint(folder):
        raise DataError(f"no checkpoint in {folder}", "give the folder of a training run")
    model.load_state_dict(load_file(folder / "model.safetensors"))
    if optimizer is not None and (folder / "optimizer.safetensors").is_file():
        _restore(optimizer, load_file(folder / "optimizer.safetensors"))
    state: dict[str, Any] = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    return state


def _flatten(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    state = optimizer.state_dict()["state"]
    return {
        f"{i}.{k}": v if torch.is_tensor(v) else torch.tensor(v)
        for i, s in state.items()
        for k, v in s.items()
    }


def _restore(optimizer: torch.optim.Optimizer, flat: dict[str, torch.Tensor]) -> None:
    state = optimizer.state_dict()
    slots: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in flat.items():
        index, key = name.split(".", 1)
        slots.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": slots, "param_groups": state["param_groups"]})
