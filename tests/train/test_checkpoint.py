"""A checkpoint is safetensors and JSON, and is there whole or not at all, whenever a run is killed."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import torch
from torch import nn

from fakescope.errors import DataError
from fakescope.train import checkpoint
from fakescope.train.checkpoint import has_checkpoint, load_checkpoint, save_checkpoint


def trained(steps: int, seed: int = 0) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    model = nn.Linear(4, 3)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.ones(2, 4)).square().sum().backward()
        optimizer.step()
    return model, optimizer


def test_model_and_optimizer_come_back(tmp_path):
    model, optimizer = trained(3)
    save_checkpoint(tmp_path / "run", model, optimizer, {"step": 3})
    other, fresh = trained(0, seed=1)
    assert load_checkpoint(tmp_path / "run", other, fresh) == {"step": 3}
    for key, value in model.state_dict().items():
        assert torch.equal(other.state_dict()[key], value)
    want, got = optimizer.state_dict()["state"], fresh.state_dict()["state"]
    assert want.keys() == got.keys()
    for index in want:
        for key in want[index]:
            assert torch.equal(torch.as_tensor(want[index][key]), torch.as_tensor(got[index][key]))


def test_no_pickle_is_written(tmp_path):
    save_checkpoint(tmp_path / "run", *trained(1), {"step": 1})
    assert {p.name for p in (tmp_path / "run").iterdir()} == {
        "model.safetensors",
        "optimizer.safetensors",
        "state.json",
    }
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_there_is_none_before_the_first(tmp_path):
    assert not has_checkpoint(tmp_path / "run")
    with pytest.raises(DataError, match="no checkpoint"):
        load_checkpoint(tmp_path / "run", nn.Linear(4, 3))


class Killed(BaseException):
    """The run ends here."""


@pytest.mark.parametrize("nth", range(1, 11))
@pytest.mark.parametrize("earlier", [True, False])
def test_killed_while_saving(tmp_path, monkeypatch, nth, earlier):
    """Whichever call to the disk is the last one, the old checkpoint or the new one is there, whole."""
    folder = tmp_path / "run"
    if earlier:
        save_checkpoint(folder, *trained(1), {"step": 1})
    calls = 0

    def dying(real):
        def call(*arguments, **options):
            nonlocal calls
            calls += 1
            if calls == nth:
                raise Killed
            return real(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_file", dying(checkpoint.save_file))
        patch.setattr(checkpoint.shutil, "rmtree", dying(checkpoint.shutil.rmtree))
        for name in ("rename", "write_text", "mkdir", "unlink"):
            patch.setattr(Path, name, dying(getattr(Path, name)))
        with contextlib.suppress(Killed):
            save_checkpoint(folder, *trained(2), {"step": 2})
    if not has_checkpoint(folder):
        assert not earlier
        return
    model, optimizer = trained(0, seed=1)
    step = load_checkpoint(folder, model, optimizer)["step"]
    assert step in (1, 2)
    expected, _ = trained(step)
    assert torch.equal(model.weight, expected.weight)
    save_checkpoint(folder, *trained(3), {"step": 3})  # and the next save works
    assert load_checkpoint(folder, model)["step"] == 3
