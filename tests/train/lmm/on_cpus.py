"""python on_cpus.py CONFIG ARGUMENTS: fakescope as one of several processes that accelerate launches by a CONFIG.

accelerate shards weights on accelerators alone. Here it is told that the CPUs are some; what follows (FSDP, DeepSpeed,
their collectives by gloo) is the real thing.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import torch
from accelerate import state
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import DistributedType
from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env


def environment(config: str) -> dict[str, str]:
    """What accelerate itself sets for a configuration."""
    args, defaults, _ = _validate_launch_command(
        launch_command_parser().parse_args(["--config_file", config, "x"])
    )
    if args.use_deepspeed:
        args.deepspeed_fields_from_accelerate_config = ",".join(defaults.deepspeed_config)
        found: dict[str, str] = prepare_deepspeed_cmd_env(args)[1]
        return found
    return dict(prepare_multi_gpu_env(args))


def pretend() -> None:
    """CPUs are an accelerator, for which weights may be sharded."""
    prepare, init = state.PartialState._prepare_backend, state.PartialState.__init__

    def backend(self: Any, *args: Any, **kwargs: Any) -> tuple[str, DistributedType]:
        prepare(self, *args, **kwargs)
        return "gloo", DistributedType.MULTI_XPU

    def on_cpu(self: Any, cpu: bool = False, **kwargs: Any) -> None:
        init(self, False, **kwargs)

    state.PartialState._prepare_backend = backend
    state.PartialState.__init__ = on_cpu
    state.AcceleratorState._check_initialized = lambda *_, **__: None
    import transformers.training_args as training

    training.TrainingArguments.use_cpu = property(lambda self: False, lambda self, value: None)


if __name__ == "__main__":
    kept = {
        name: os.environ[name] for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    }
    given = environment(sys.argv[1])
    os.environ |= given | kept
    os.environ |= {
        "ACCELERATE_MIXED_PRECISION": "no", "ACCELERATE_TORCH_DEVICE": "cpu", "DS_ACCELERATOR": "cpu",
    }  # fmt: skip
    torch.set_num_threads(1)
    if {"ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"} & given.keys():
        pretend()
    sys.argv[1:2] = []
    from fakescope.cli.main import main

    main()
