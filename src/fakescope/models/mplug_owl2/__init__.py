"""mPLUG-Owl2, the backbone that the FakeScope paper draws, which transformers does not have.

    image -> vision (ViT-L/14) -> abstractor (1024 patches -> 64 tokens, and an end) -> language (LLaMA-2 whose norms,
    keys and values are apart for the two modalities) -> logits

Parameters bear the names of the published checkpoint. Once registered it is a model like any other of transformers:
`AutoModelForImageTextToText`, `AutoProcessor`, PEFT and TRL take it.

config      sizes; the defaults are the published model's
vision      the image encoder
abstractor  learned queries that read the image
language    the modality-adaptive decoder
model       all three, with a cache, generation and a loss
processor   pictures and chat -> inputs
convert     the published pickle -> safetensors

Source: Ye et al., mPLUG-Owl2, CVPR 2024 (arXiv 2311.04257), and its released code (Apache-2.0).
"""

from __future__ import annotations


def register() -> None:
    """Make the auto classes of transformers know the model; harmless when repeated."""
    from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

    from fakescope.models.mplug_owl2.config import MPLUGOwl2Config
    from fakescope.models.mplug_owl2.model import MPLUGOwl2ForConditionalGeneration
    from fakescope.models.mplug_owl2.processor import MPLUGOwl2Processor

    AutoConfig.register(MPLUGOwl2Config.model_type, MPLUGOwl2Config, exist_ok=True)
    AutoModelForImageTextToText.register(MPLUGOwl2Config, MPLUGOwl2ForConditionalGeneration, exist_ok=True)
    AutoProcessor.register(MPLUGOwl2Config, MPLUGOwl2Processor, exist_ok=True)
