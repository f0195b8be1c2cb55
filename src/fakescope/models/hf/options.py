"""Where and how a model of transformers is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Quantise = Literal["int8", "nf4", "torchao-int8", "torchao-int4"]
Attention = Literal["eager", "sdpa", "flash_attention_2"]


@dataclass(frozen=True)
class LoadOptions:
    """All that can be set; every default lets the machine and the model decide.

    Attributes:
        revision: Of a model on the hub: a commit, tag or branch.
        device: Of torch, such as `cuda:1`; by default the first GPU, or else the CPU. `auto` spreads a model over all
            GPUs.
        dtype: `auto`: as the weights are stored, but float32 on a CPU, where half precision is slow.
        quantise: int8 and nf4 by bitsandbytes, the others by torchao; weights only.
        attention: The implementation; by default what transformers prefers.
        tiles: Most tiles that an image is cut into (for Qwen, of 448 x 448 pixels); by default the model's own.
        adapter: A PEFT adapter: a folder, or NAME@COMMIT on the hub.
        trust_code: Run the code that comes with the model.
    """

    revision: str | None = None
    device: str | None = None
    dtype: Dtype = "auto"
    quantise: Quantise | None = None
    attention: Attention | None = None
    tiles: int | None = None
    adapter: str | None = None
    trust_code: bool = False
