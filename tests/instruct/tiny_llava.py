"""A LLaVA of real classes, small enough for a test, with a tokenizer of single bytes; nothing comes from a hub."""

import pytest

PATCHES = 4
"""Tokens that an image becomes."""
IMAGE_ID = 3
TEMPLATE = (
    "{% for m in messages %}{{ m.role }}:"
    "{% for c in m.content %}{{ '<image>' if c.type == 'image' else c.text }}{% endfor %}"
    " {% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)


def make_processor():
    """A processor that knows `<image>`, `<|im_end|>`, `</s>` and `[INST]` as special tokens."""
    pytest.importorskip("transformers")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import CLIPImageProcessor, LlavaProcessor, PreTrainedTokenizerFast

    special = ["<pad>", "<s>", "</s>", "<image>", "<|im_end|>", "[INST]"]
    pieces = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={piece: number for number, piece in enumerate(pieces)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>",
        additional_special_tokens=special[3:],
    )  # fmt: skip
    return LlavaProcessor(
        image_processor=CLIPImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}),
        tokenizer=fast, patch_size=14, vision_feature_select_strategy="default", num_additional_image_tokens=1,
        chat_template=TEMPLATE, image_token="<image>",
    )  # fmt: skip


def make_model(words):
    """The model, for so many tokens."""
    torch = pytest.importorskip("torch")
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    torch.manual_seed(0)
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**small, image_size=28, patch_size=14, projection_dim=16),
        text_config=LlamaConfig(
            **small, vocab_size=words, num_key_value_heads=2, bos_token_id=1, eos_token_id=2, pad_token_id=0,
            max_position_embeddings=4096,
        ),
        image_token_index=IMAGE_ID, image_token_id=IMAGE_ID, image_seq_length=PATCHES,
    )  # fmt: skip
    return LlavaForConditionalGeneration(config)
