"""Images a second through a CLIP ViT-L/14 encoder with random weights: what a UnivFD or LLaVA user pays an
image.

Run as a program (`python -m fakescope.train.clip_forward IMAGES BATCH`) it prints one JSON object, so that
the cost of its imports and memory stays out of whoever asks.
"""

from __future__ import annotations

import json
import sys
import time

import torch

WARM_UP = 1


def clip_images_per_s(images: int = 16, batch: int = 8) -> float:
    """Throughput at 224 px in float32, preprocessing not counted.

    Args:
        images: How many images are timed, rounded up to whole batches.
        batch: Images a forward pass.
    """
    from transformers import CLIPVisionConfig, CLIPVisionModel

    config = CLIPVisionConfig(
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, patch_size=14
    )
    model = CLIPVisionModel(config).eval()
    pixels = torch.randn(batch, 3, 224, 224)
    rounds = -(-images // batch)
    with torch.inference_mode():
        for _ in range(WARM_UP):
            model(pixel_values=pixels)
        start = time.perf_counter()
        for _ in range(rounds):
            model(pixel_values=pixels)
        return rounds * batch / (time.perf_counter() - start)


if __name__ == "__main__":
    count, size = (int(value) for value in sys.argv[1:3])
    print(json.dumps({"images_per_s": clip_images_per_s(count, size), "threads": torch.get_num_threads()}))
