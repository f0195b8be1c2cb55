"""Sizes of mPLUG-Owl2, in the layout of the published `config.json`; the defaults are those of the 7B model."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from transformers import LlamaConfig

VISION: dict[str, Any] = {
    "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16,
    "image_size": 448, "patch_size": 14, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-6,
    "attention_dropout": 0.0,
}  # fmt: skip

ABSTRACTOR: dict[str, Any] = {
    "hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 6, "num_attention_heads": 16,
    "num_learnable_queries": 64, "encoder_hidden_size": 1024, "grid_size": 32, "layer_norm_eps": 1e-6,
    "attention_probs_dropout_prob": 0.0,
}  # fmt: skip


class MPLUGOwl2Config(LlamaConfig):  # type: ignore[misc]
    """LLaMA's configuration and `visual_config`, which holds `visual_model` and `visual_abstractor`.

    Attributes:
        image_token_id: The id that stands for one visual token in `input_ids`. It lies behind the published
            vocabulary and has no embedding of its own.
    """

    model_type = "mplug_owl2"

    visual_config: dict[str, Any] | None = None
    image_token_id: int = 32000

    def __post_init__(self, **kwargs: Any) -> None:
        given = self.visual_config or {}
        self.visual_config = {
            "visual_model": VISION | given.get("visual_model", {}),
            "visual_abstractor": ABSTRACTOR | given.get("visual_abstractor", {}),
        }
        super().__post_init__(**kwargs)

    @property
    def vision(self) -> SimpleNamespace:
        """Sizes of the image encoder."""
        return SimpleNamespace(**(self.visual_config or {})["visual_model"])

    @property
    def abstractor(self) -> SimpleNamespace:
        """Sizes of the abstractor."""
        return SimpleNamespace(**(self.visual_config or {})["visual_abstractor"])

    @property
    def image_seq_length(self) -> int:
        """Visual tokens of an image: the learned queries and the end of the image."""
        return int(self.abstractor.num_learnable_queries) + 1
