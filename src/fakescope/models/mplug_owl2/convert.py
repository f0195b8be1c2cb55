"""The published mPLUG-Owl2 (a pickle of tensors, no processor) as a folder that loads like any other model:

    python -m fakescope.models.mplug_owl2.convert mplug-owl2-llama2-7b OUT

The pickle is read by torch's restricted unpickler, which makes tensors and nothing else.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fakescope.errors import ModelError
from fakescope.images.text import clean_text
from fakescope.models.mplug_owl2.config import MPLUGOwl2Config
from fakescope.models.mplug_owl2.model import MPLUGOwl2ForConditionalGeneration
from fakescope.models.mplug_owl2.processor import MPLUGOwl2Processor

_RECOMPUTED = ("rotary_emb.inv_freq",)
"""Buffers of old releases of transformers that are no parameters."""


def convert(source: Path, out: Path) -> Path:
    """Write a published checkpoint as safetensors, with its processor.

    Args:
        source: Folder with config.json, tokenizer and `pytorch_model*.bin` (or safetensors).
        out: Folder to write.

    Raises:
        ModelError: A file is missing or broken, or the parameters are not this model's.
    """
    from transformers import AutoTokenizer, CLIPImageProcessor

    config = _config(source)
    weights = dict(_weights(source))
    dtype = weights["lm_head.weight"].dtype if "lm_head.weight" in weights else torch.float16
    with torch.device("meta"):
        model = MPLUGOwl2ForConditionalGeneration(config)
    expected = set(model.state_dict())
    if faults := _faults(expected, set(weights)):
        raise ModelError(f"{source} is no mPLUG-Owl2 on LLaMA: {faults}", "is the checkpoint complete?")
    model.load_state_dict(weights, strict=False, assign=True)
    model.to(dtype).save_pretrained(out)
    tokenizer = AutoTokenizer.from_pretrained(str(source), local_files_only=True)
    pictures = CLIPImageProcessor.from_pretrained(str(source), local_files_only=True)
    MPLUGOwl2Processor(pictures, tokenizer, config.image_seq_length).save_pretrained(out)
    return out


def _config(source: Path) -> MPLUGOwl2Config:
    try:
        values = json.loads((source / "config.json").read_text(encoding="utf-8"))
        kept = {name: value for name, value in values.items() if name not in ("model_type", "auto_map")}
        config = MPLUGOwl2Config.from_dict(kept)
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise ModelError(f"{source} has no usable config.json: {clean_text(error, 200)}") from error
    config.image_token_id = config.vocab_size
    return config


def _weights(source: Path) -> Iterator[tuple[str, Tensor]]:
    from safetensors.torch import load_file

    files = sorted(source.glob("model*.safetensors")) or sorted(source.glob("pytorch_model*.bin"))
    if not files:
        raise ModelError(f"{source} holds no weights", "pytorch_model*.bin or model*.safetensors")
    for file in files:
        try:
            part: dict[str, Any] = (
                load_file(file)
                if file.suffix == ".safetensors"
                else torch.load(file, map_location="cpu", weights_only=True, mmap=True)
            )
        except Exception as error:
            raise ModelError(f"{file.name} cannot be read: {clean_text(error, 200)}") from error
        yield from ((n, v) for n, v in part.items() if isinstance(v, Tensor) and not n.endswith(_RECOMPUTED))


def _faults(expected: set[str], found: set[str]) -> str:
    missing, strange = sorted(expected - found), sorted(found - expected)
    said = [f"{len(names)} {what}, such as {names[0]}" for what, names in
            (("missing", missing), ("unknown", strange)) if names]  # fmt: skip
    return "; ".join(said)


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    print(convert(options.source, options.out))


if __name__ == "__main__":
    main()
