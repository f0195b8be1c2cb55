"""What reading a verdict costs beside a bare forward pass, and several wordings beside one.

A LLaVA-1.5 of real image length (576 tokens of 336 px) at a small width, random weights, float32, on this machine.
Rounds alternate between what is compared, and medians of ratios within a round are told.

    python benchmarks/scoring_overhead.py [--rounds 7] [--threads 2]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from PIL import Image

from fakescope.bench.calibration import QUESTIONS
from fakescope.images.load import LoadedImage
from fakescope.models.base import ModelCard
from fakescope.models.hf import tiny
from fakescope.models.hf.forensic import HfModel
from fakescope.models.zoo import load_model

WORDINGS = (2, 4, 9)
WIDTH, LAYERS, SIDE = 512, 8, 336


def main() -> None:
    """Print one line a comparison."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    card = ModelCard("llava, small", "", "", ("fake",), ("real",))
    asked = HfModel(*_llava(), card)
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 255, (480, 512, 3), dtype=np.uint8))
    image = LoadedImage(noise, "0" * 64, "noise", "PNG", 512, 480, 0, b"")
    ratio = _ratio(_whole(asked, image), _bare(asked, image), given.rounds)
    print(f"answer_logits against a bare forward pass: {ratio:.3f}")
    for count in WORDINGS:
        ratio = _ratio(_several(asked, image, count), _whole(asked, image), given.rounds)
        print(f"{count} wordings against one: {ratio:.2f} (goal: under {1 + 0.3 * (count - 1):.1f})")
    nano = load_model()
    for count in WORDINGS:
        ratio = _ratio(_several(nano, image, count), _whole(nano, image), given.rounds)
        print(f"fakescope-nano, {count} wordings against one: {ratio:.2f}")


def _llava() -> tiny.Made:
    """The toy family at another size."""
    import torch
    from transformers import CLIPImageProcessor, CLIPVisionConfig, LlavaConfig, LlavaForConditionalGeneration

    torch.manual_seed(0)
    small, processor = tiny.llava()
    text = small.config.text_config
    shape = {
        "hidden_size": WIDTH,
        "intermediate_size": 3 * WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 8,
    }
    text.update({**shape, "num_key_value_heads": 8, "head_dim": WIDTH // 8})
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**shape, image_size=SIDE, patch_size=14), text_config=text,
        image_token_index=small.config.image_token_index,
    )  # fmt: skip
    model = LlavaForConditionalGeneration(config).eval()
    model.generation_config = small.generation_config
    square = {"height": SIDE, "width": SIDE}
    processor.image_processor = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=square)
    return model, processor


def _whole(asked: HfModel, image: LoadedImage) -> Callable[[], object]:
    return lambda: (_forget(asked), asked.answer_logits(image))


def _several(asked: HfModel, image: LoadedImage, count: int) -> Callable[[], object]:
    return lambda: (_forget(asked), asked.answer_logits_questions(image, QUESTIONS[:count]))


def _bare(asked: HfModel, image: LoadedImage) -> Callable[[], object]:
    """The same picture through processor and model, with nothing of ours around them."""
    import torch

    from fakescope.images.preprocess import levelled

    model, _ = asked.parts
    processor = asked._encoder._processor
    text = "USER: <image>What is the authenticity of this image?\nASSISTANT: This image is"

    def run() -> object:
        inputs = processor(images=levelled(image.pixels), text=text, return_tensors="pt")
        with torch.inference_mode():
            return model(**inputs, use_cache=False, logits_to_keep=1)

    return run


def _forget(asked: HfModel) -> None:
    asked._prefixes.clear()


def _ratio(work: Callable[[], object], against: Callable[[], object], rounds: int) -> float:
    found = []
    for number in range(rounds + 1):
        taken = (
            [_seconds(work), _seconds(against)] if number % 2 else [_seconds(against), _seconds(work)][::-1]
        )
        if number:  # the first is for warming up
            found.append(taken[0] / taken[1])
    return statistics.median(found)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
