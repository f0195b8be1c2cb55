"""What the released code of mPLUG-Owl2 computes at a small random size, block by block, for parity tests of the port:

    git clone https://github.com/X-PLUG/mPLUG-Owl
    python -m venv owl
    owl/bin/pip install torch transformers==4.31.0 "numpy<2" icecream einops sentencepiece tiktoken
    owl/bin/python benchmarks/mplug_owl2_reference.py mPLUG-Owl/mPLUG-Owl2 tests/models/mplug_owl2_reference.npz

Weights are drawn from the names of the parameters, so that both sides make them and none are stored.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np

VISUAL = {
    "visual_model": {
        "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 56,
        "patch_size": 14, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-6, "attention_dropout": 0.0,
    },
    "visual_abstractor": {
        "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_learnable_queries": 6, "encoder_hidden_size": 32, "grid_size": 4,
    },
}  # fmt: skip
LANGUAGE = {
    "vocab_size": 120, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 4, "max_position_embeddings": 256, "pad_token_id": 0,
}  # fmt: skip
BLOCKS = (
    "model.vision_model.embeddings",
    "model.vision_model.encoder.layers.0",
    "model.vision_model.encoder.layers.1",
    "model.vision_model",
    "model.visual_abstractor.encoder.layers.0.crossattention",
    "model.visual_abstractor.encoder.layers.1.crossattention",
    "model.visual_abstractor",
    "model.layers.0.input_layernorm",
    "model.layers.0.self_attn.k_proj",
    "model.layers.0.self_attn",
    "model.layers.0",
    "model.layers.1",
    "model.layers.2",
    "lm_head",
)


def weights_of(name: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Weights of a parameter, from its name alone: norms near 1, the rest around 0."""
    values = np.random.default_rng(zlib.crc32(name.encode())).normal(0, 0.2, shape)
    return (values + (1.0 if "norm" in name and name.endswith("weight") else 0.0)).astype(np.float32)


def inputs() -> dict[str, np.ndarray[Any, Any]]:
    """Two images, and two rows of tokens with -1 where an image stands; the second row is 3 tokens shorter."""
    draw = np.random.default_rng(7)
    ids = draw.integers(3, 120, (2, 14))
    ids[0, 4] = ids[1, 2] = -1
    mask = np.ones_like(ids)
    mask[1, -3:] = 0
    return {"pixels": draw.normal(size=(2, 3, 56, 56)).astype(np.float32), "ids": ids, "mask": mask}


def main() -> None:
    """Write the reference's values."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("reference", type=Path, help="the folder mPLUG-Owl2 of the released code")
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    sys.path.insert(0, str(options.reference))
    import torch
    from mplug_owl2.constants import IMAGE_TOKEN_INDEX
    from mplug_owl2.model.configuration_mplug_owl2 import MPLUGOwl2Config
    from mplug_owl2.model.modeling_mplug_owl2 import MPLUGOwl2LlamaForCausalLM

    model = MPLUGOwl2LlamaForCausalLM(MPLUGOwl2Config(**LANGUAGE, visual_config=VISUAL)).eval().float()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(weights_of(name, tuple(parameter.shape))))
    found: dict[str, Any] = {}
    for name in BLOCKS:
        model.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: _keep(found, name, output)
        )
    given = inputs()
    ids = torch.from_numpy(given["ids"])
    places = ids < 0
    ids = ids.masked_fill(places, IMAGE_TOKEN_INDEX)
    mask = torch.from_numpy(given["mask"])
    labels = ids.masked_fill(places | (mask == 0), -100)
    pixels = torch.from_numpy(given["pixels"])
    with torch.no_grad():
        out = model(input_ids=ids, attention_mask=mask, images=pixels, labels=labels)
        said = model.generate(ids[:1], images=pixels[:1], max_new_tokens=8, do_sample=False, use_cache=True)
    np.savez_compressed(
        options.out, logits=out.logits.numpy(), loss=out.loss.numpy(), said=said[0, ids.shape[1] :].numpy(),
        names=np.array(sorted(n for n, _ in model.named_parameters())), **found,
    )  # fmt: skip
    print(f"{options.out}: {len(found)} blocks")


def _keep(found: dict[str, Any], name: str, output: Any) -> None:
    """The first call's output of a block; returns nothing, or torch would take that for the output."""
    value = output[0] if isinstance(output, tuple) else getattr(output, "last_hidden_state", output)
    found.setdefault(name, value.detach().numpy())


if __name__ == "__main__":
    main()
