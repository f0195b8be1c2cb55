"""Backbones at toy size: every supported family from its real configuration class, with random weights.

They prove code, not forensics: loading, asking, training and saving run in seconds on any machine, with no hub.

    python -m fakescope.models.hf.tiny qwen2.5-vl OUT
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fakescope.models.hf.processors import no_video, stills_only
from fakescope.models.hf.tokenizers import END, build_tokenizer

WIDTH = 256
LAYERS = 2
HEADS = 4
PATCH = 14
SIDE = 56
"""Pixels of a view's side: 4 x 4 patches."""

Made = tuple[Any, Any]
"""A model and its processor."""

TEXT: dict[str, Any] = {
    "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS, "num_key_value_heads": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    "max_position_embeddings": 4096,
}  # fmt: skip
VISION: dict[str, Any] = {
    "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
    "image_size": SIDE, "patch_size": PATCH,
}  # fmt: skip


def template(user: str, assistant: str, image: str, end: str = END) -> str:
    """A chat template in the usual dialect: system, user and assistant turns with pictures and text."""
    return (
        "{%- for m in messages -%}"
        f"{{{{- '{assistant}' if m.role == 'assistant' else ('{user}' if m.role == 'user' else '') -}}}}"
        "{%- if m.content is string -%}{{- m.content -}}{%- else -%}{%- for c in m.content -%}"
        f"{{{{- '{image}' if c.type == 'image' else c.text -}}}}"
        "{%- endfor -%}{%- endif -%}"
        f"{{{{- '{end}' if m.role == 'assistant' else '\\n' -}}}}"
        "{%- endfor -%}"
        f"{{%- if add_generation_prompt -%}}{{{{- '{assistant.rstrip(' ')}' -}}}}{{%- endif -%}}"
    )


SIMPLE = ("USER: ", "ASSISTANT: ")


def llava() -> Made:
    """LLaVA-1.5: CLIP, two-layer projector, LLaMA."""
    from transformers import CLIPImageProcessor, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor

    tokenizer = build_tokenizer("pieces", ["<image>"])
    config = LlavaConfig(
        vision_config=_clip(), text_config=_llama(tokenizer), image_token_index=_id(tokenizer, "<image>")
    )
    pictures = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=_square(SIDE))
    processor = LlavaProcessor(
        pictures, tokenizer, patch_size=PATCH, vision_feature_select_strategy="default",
        num_additional_image_tokens=1, chat_template=template(*SIMPLE, "<image>"),
    )  # fmt: skip
    return LlavaForConditionalGeneration(config), processor


def llava_next() -> Made:
    """LLaVA-NeXT: several tiles of an image beside a small whole."""
    from transformers import (
        LlavaNextConfig,
        LlavaNextForConditionalGeneration,
        LlavaNextImageProcessor,
        LlavaNextProcessor,
    )  # fmt: skip

    tokenizer = build_tokenizer("pieces", ["<image>"])
    grids = [[SIDE, 2 * SIDE], [2 * SIDE, SIDE], [2 * SIDE, 2 * SIDE]]
    config = LlavaNextConfig(
        vision_config=_clip(), text_config=_llama(tokenizer), image_token_index=_id(tokenizer, "<image>"),
        image_grid_pinpoints=grids,
    )  # fmt: skip
    pictures = LlavaNextImageProcessor(
        size={"shortest_edge": SIDE}, crop_size=_square(SIDE), image_grid_pinpoints=grids
    )
    processor = LlavaNextProcessor(
        pictures, tokenizer, patch_size=PATCH, vision_feature_select_strategy="default",
        num_additional_image_tokens=1, chat_template=template(*SIMPLE, "<image>"),
    )  # fmt: skip
    return LlavaNextForConditionalGeneration(config), processor


def llava_onevision() -> Made:
    """LLaVA-OneVision: SigLIP, tiles, Qwen2."""
    from transformers import (
        LlavaOnevisionConfig,
        LlavaOnevisionForConditionalGeneration,
        LlavaOnevisionImageProcessor,
        LlavaOnevisionProcessor,
        Qwen2Config,
        SiglipVisionConfig,
    )  # fmt: skip

    tokenizer = build_tokenizer("bytes", ["<image>", "<video>"])
    grids = [[SIDE, 2 * SIDE], [2 * SIDE, SIDE], [2 * SIDE, 2 * SIDE]]
    config = LlavaOnevisionConfig(
        vision_config=SiglipVisionConfig(**VISION, vision_use_head=False),
        text_config=Qwen2Config(**TEXT, vocab_size=len(tokenizer)),
        image_token_index=_id(tokenizer, "<image>"), video_token_index=_id(tokenizer, "<video>"),
        image_grid_pinpoints=grids,
    )  # fmt: skip
    pictures = LlavaOnevisionImageProcessor(size=_square(SIDE), image_grid_pinpoints=grids)
    processor = stills_only(LlavaOnevisionProcessor)(
        pictures, tokenizer, no_video({}), num_image_tokens=(SIDE // PATCH) ** 2,
        vision_feature_select_strategy="full", chat_template=template(*SIMPLE, "<image>"),
    )  # fmt: skip
    return LlavaOnevisionForConditionalGeneration(config), processor


_QWEN_TOKENS = (
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<|im_start|>",
    "<|im_end|>",
)
_QWEN_IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"


def qwen25_vl() -> Made:
    """Qwen2.5-VL: a window-attention encoder at native resolution, three-axis rotary positions."""
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
    )  # fmt: skip

    tokenizer = build_tokenizer("bytes", _QWEN_TOKENS)
    config = Qwen2_5_VLConfig(
        vision_config={
            "depth": LAYERS, "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_heads": HEADS,
            "out_hidden_size": WIDTH, "window_size": 56, "fullatt_block_indexes": [1],
        },
        text_config={**TEXT, "vocab_size": len(tokenizer), "rope_parameters": _mrope([16, 8, 8])},
        **_qwen_ids(tokenizer),
    )  # fmt: skip
    pictures = Qwen2VLImageProcessor(min_pixels=SIDE**2, max_pixels=4 * SIDE**2)
    processor = stills_only(Qwen2_5_VLProcessor)(
        pictures, tokenizer, no_video({}), chat_template=template(*SIMPLE, _QWEN_IMAGE)
    )
    return Qwen2_5_VLForConditionalGeneration(config), processor


def qwen3_vl() -> Made:
    """Qwen3-VL: features of several encoder layers are added to the first decoder layers."""
    from transformers import (
        Qwen2VLImageProcessor,
        Qwen3VLConfig,
        Qwen3VLForConditionalGeneration,
        Qwen3VLProcessor,
    )  # fmt: skip

    tokenizer = build_tokenizer("bytes", _QWEN_TOKENS)
    config = Qwen3VLConfig(
        vision_config={
            "depth": LAYERS, "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_heads": HEADS,
            "out_hidden_size": WIDTH, "deepstack_visual_indexes": [0], "num_position_embeddings": 64,
        },
        text_config={
            **TEXT, "vocab_size": len(tokenizer), "head_dim": 64, "rope_parameters": _mrope([16, 8, 8]),
        },
        **_qwen_ids(tokenizer),
    )  # fmt: skip
    pictures = Qwen2VLImageProcessor(min_pixels=64**2, max_pixels=4 * 64**2, patch_size=16)
    processor = stills_only(Qwen3VLProcessor)(
        pictures, tokenizer, no_video({}), chat_template=template(*SIMPLE, _QWEN_IMAGE)
    )
    return Qwen3VLForConditionalGeneration(config), processor


def internvl() -> Made:
    """InternVL 3: InternViT with tiles, pixel shuffle, Qwen2."""
    from transformers import (
        GotOcr2ImageProcessor,
        InternVLConfig,
        InternVLForConditionalGeneration,
        InternVLProcessor,
        InternVLVisionConfig,
        Qwen2Config,
    )  # fmt: skip

    tokenizer = build_tokenizer("bytes", named={
        "start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    })  # fmt: skip
    length = (SIDE // PATCH // 2) ** 2
    config = InternVLConfig(
        vision_config=InternVLVisionConfig(
            **{**VISION, "image_size": (SIDE, SIDE), "patch_size": (PATCH, PATCH)}
        ),
        text_config=Qwen2Config(**TEXT, vocab_size=len(tokenizer)),
        image_token_id=_id(tokenizer, "<IMG_CONTEXT>"), image_seq_length=length,
    )  # fmt: skip
    pictures = GotOcr2ImageProcessor(
        size=_square(SIDE), crop_to_patches=True, min_patches=1, max_patches=4, use_thumbnail=True
    )
    processor = stills_only(InternVLProcessor)(
        pictures, tokenizer, no_video({}), image_seq_length=length,
        chat_template=template(*SIMPLE, "<IMG_CONTEXT>\\n"),
    )  # fmt: skip
    return InternVLForConditionalGeneration(config), processor


def _idefics_tokens() -> list[str]:
    places = [f"<row_{i}_col_{j}>" for i in range(1, 7) for j in range(1, 7)]
    return ["<fake_token_around_image>", "<image>", "<global-img>", "<end_of_utterance>", "<video>", *places]


def smolvlm() -> Made:
    """SmolVLM: SigLIP with tiles, pixel shuffle, LLaMA."""
    from transformers import (
        SmolVLMConfig,
        SmolVLMForConditionalGeneration,
        SmolVLMImageProcessor,
        SmolVLMProcessor,
    )

    tokenizer = build_tokenizer("bytes", _idefics_tokens())
    config = SmolVLMConfig(
        vision_config=VISION, text_config=_llama(tokenizer), image_token_id=_id(tokenizer, "<image>"),
        scale_factor=2, pad_token_id=0,
    )  # fmt: skip
    pictures = SmolVLMImageProcessor(size={"longest_edge": 2 * SIDE}, max_image_size={"longest_edge": SIDE})
    processor = stills_only(SmolVLMProcessor)(
        pictures, tokenizer, no_video({}), image_seq_len=(SIDE // PATCH // 2) ** 2,
        chat_template=template(*SIMPLE, "<image>", "<end_of_utterance>"),
    )  # fmt: skip
    return SmolVLMForConditionalGeneration(config), processor


def idefics3() -> Made:
    """Idefics3: SmolVLM's larger elder."""
    from transformers import (
        Idefics3Config,
        Idefics3ForConditionalGeneration,
        Idefics3ImageProcessor,
        Idefics3Processor,
    )  # fmt: skip

    tokenizer = build_tokenizer("bytes", _idefics_tokens())
    config = Idefics3Config(
        vision_config=VISION, text_config=_llama(tokenizer), image_token_id=_id(tokenizer, "<image>"),
        scale_factor=2, pad_token_id=0,
    )  # fmt: skip
    pictures = Idefics3ImageProcessor(size={"longest_edge": 2 * SIDE}, max_image_size={"longest_edge": SIDE})
    processor = Idefics3Processor(
        pictures, tokenizer, image_seq_len=(SIDE // PATCH // 2) ** 2,
        chat_template=template(*SIMPLE, "<image>", "<end_of_utterance>"),
    )  # fmt: skip
    return Idefics3ForConditionalGeneration(config), processor


def gemma3() -> Made:
    """Gemma 3: SigLIP, average pooling, local and global attention; image tokens see each other."""
    from transformers import (
        Gemma3Config,
        Gemma3ForConditionalGeneration,
        Gemma3ImageProcessor,
        Gemma3Processor,
    )

    tokenizer = build_tokenizer("pieces", named={
        "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<image_soft_token>",
    })  # fmt: skip
    config = Gemma3Config(
        vision_config={**VISION, "vision_use_head": False},
        text_config={
            **TEXT, "vocab_size": len(tokenizer), "head_dim": 64, "query_pre_attn_scalar": 64, "sliding_window": 64,
        },
        mm_tokens_per_image=4, boi_token_index=tokenizer.boi_token_id, eoi_token_index=tokenizer.eoi_token_id,
        image_token_index=tokenizer.image_token_id,
    )  # fmt: skip
    processor = Gemma3Processor(
        Gemma3ImageProcessor(size=_square(SIDE)), tokenizer, image_seq_length=4,
        chat_template="<s>" + template(*SIMPLE, "<start_of_image>"),
    )  # fmt: skip
    return Gemma3ForConditionalGeneration(config), processor


def paligemma() -> Made:
    """PaliGemma: SigLIP and Gemma; image and question see each other, the answer is causal. It has no chat."""
    from transformers import (
        GemmaConfig,
        PaliGemmaConfig,
        PaliGemmaForConditionalGeneration,
        PaliGemmaProcessor,
        SiglipImageProcessor,
    )  # fmt: skip

    tokenizer = build_tokenizer("pieces", named={"image_token": "<image>"})
    pictures = SiglipImageProcessor(size=_square(SIDE))
    pictures.image_seq_length = (SIDE // PATCH) ** 2
    processor = PaliGemmaProcessor(pictures, tokenizer)
    config = PaliGemmaConfig(
        vision_config={**VISION, "vision_use_head": False, "projection_dim": WIDTH},
        text_config=GemmaConfig(**TEXT, vocab_size=len(tokenizer), head_dim=64),
        image_token_index=tokenizer.image_token_id, projection_dim=WIDTH, hidden_size=WIDTH,
    )  # fmt: skip
    return PaliGemmaForConditionalGeneration(config), processor


def mplug_owl2() -> Made:
    """mPLUG-Owl2: this project's port."""
    from transformers import CLIPImageProcessor

    from fakescope.models.mplug_owl2.config import MPLUGOwl2Config
    from fakescope.models.mplug_owl2.model import MPLUGOwl2ForConditionalGeneration
    from fakescope.models.mplug_owl2.processor import MPLUGOwl2Processor

    tokenizer = build_tokenizer("pieces")
    words = len(tokenizer)
    visual = {
        "visual_model": VISION,
        "visual_abstractor": {
            "hidden_size": WIDTH, "intermediate_size": WIDTH, "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS, "num_learnable_queries": 8, "encoder_hidden_size": WIDTH,
            "grid_size": SIDE // PATCH,
        },
    }  # fmt: skip
    config = MPLUGOwl2Config(**TEXT, vocab_size=words, image_token_id=words, visual_config=visual)
    pictures = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=_square(SIDE))
    processor = MPLUGOwl2Processor(pictures, tokenizer, image_seq_length=config.image_seq_length)
    return MPLUGOwl2ForConditionalGeneration(config), processor


FAMILIES: dict[str, Callable[[], Made]] = {
    "llava-1.5": llava,
    "llava-next": llava_next,
    "llava-onevision": llava_onevision,
    "qwen2.5-vl": qwen25_vl,
    "qwen3-vl": qwen3_vl,
    "internvl": internvl,
    "smolvlm": smolvlm,
    "idefics3": idefics3,
    "gemma3": gemma3,
    "paligemma": paligemma,
    "mplug-owl2": mplug_owl2,
}


def build_tiny(family: str, seed: int = 0) -> Made:
    """A tiny model of a family and its processor; the same seed gives the same weights."""
    import torch

    from fakescope.models.mplug_owl2 import register

    register()
    torch.manual_seed(seed)
    model, processor = FAMILIES[family]()
    for weight in model.parameters():
        if not weight.any():  # Gemma 3 begins with a projection of zeros, which would show it no image
            torch.nn.init.normal_(weight, std=0.02)
    model.generation_config.eos_token_id = [2, *_ends(processor)]
    model.generation_config.pad_token_id = 0
    return model.eval(), processor


def save_tiny(family: str, folder: Path, seed: int = 0) -> Path:
    """Write a tiny model as `save_pretrained` does."""
    model, processor = build_tiny(family, seed)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _ends(processor: Any) -> list[int]:
    known = processor.tokenizer.get_vocab()
    return [known[token] for token in ("<end_of_utterance>",) if token in known]


def _clip() -> Any:
    from transformers import CLIPVisionConfig

    return CLIPVisionConfig(**VISION, projection_dim=WIDTH)


def _llama(tokenizer: Any) -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(**TEXT, vocab_size=len(tokenizer))


def _mrope(sections: list[int]) -> dict[str, Any]:
    return {"rope_type": "default", "mrope_section": sections, "rope_theta": 10_000.0}


def _qwen_ids(tokenizer: Any) -> dict[str, int]:
    names = {"vision_start": 0, "vision_end": 1, "image": 2, "video": 3}
    return {f"{name}_token_id": _id(tokenizer, _QWEN_TOKENS[at]) for name, at in names.items()}


def _id(tokenizer: Any, token: str) -> int:
    return int(tokenizer.convert_tokens_to_ids(token))


def _square(side: int) -> dict[str, int]:
    return {"height": side, "width": side}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("family", choices=sorted(FAMILIES))
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(save_tiny(options.family, options.out, options.seed))


if __name__ == "__main__":
    main()
