"""What a model consists of, in the numbers that memory and operations depend on, read off its modules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from fakescope.errors import ModelError
from fakescope.train.lmm.groups import Group, group_of

_QUERY = re.compile(r"(^|\.)(q_proj|qkv|query_key_value)$")
_KEY = re.compile(r"(^|\.)k_proj(\.|$)")
_INNER = re.compile(r"(^|\.)(gate_proj|fc1|linear_fc1)$")
_FUSED = re.compile(r"(^|\.)(qkv|query_key_value)$")
_HEAD_NORM = re.compile(r"(^|\.)(q_norm|k_norm)$")


@dataclass(frozen=True)
class Stack:
    """Equal layers, one after the other.

    Attributes:
        layers: How many.
        width: Of the residual stream.
        inner: Of the MLP.
        query: Heads times head size.
        held: Key heads times head size.
        heads: Of queries.
        gated: The MLP is a product of two linear maps, one through an activation.
        quick: The activation is x * sigmoid(1.7 x) in plain operations, which keeps both factors.
        fused: One linear map makes queries, keys and values.
        rotary: Queries and keys are turned by their place.
        chunked: Attention goes image by image, and the pieces are joined.
        eager: The model computes its attention in plain operations, whatever is wished (Gemma 2's capped one).
        sees_all: Tokens see each other without a mask.
        norms: Across the stream, in a layer.
        rms: They are RMSNorm, else LayerNorm.
        late: The norm's weight is applied before the cast back to the stream's dtype (Gemma).
        head_norms: Queries and keys are normed.
        ways: 2 where every position goes through two sets of norms (mPLUG-Owl2).
        scaled: Sublayers' results are multiplied by learned scales.
        checkpoints: The layers can be computed again in the backward pass.
        learns: Their linear maps learn in full.
        adapted: In-widths of the linear maps of a layer that have adapters.
        parameters: Of a layer, without adapters.
        gradient_bytes: Of a layer's learning parameters.
    """

    layers: int
    width: int
    inner: int
    query: int
    held: int
    heads: int
    gated: bool
    quick: bool
    fused: bool
    rotary: bool
    chunked: bool
    eager: bool
    sees_all: bool
    norms: int
    rms: bool
    late: bool
    head_norms: bool
    ways: int
    scaled: bool
    checkpoints: bool
    learns: bool
    adapted: tuple[int, ...]
    parameters: int
    gradient_bytes: int


@dataclass(frozen=True)
class Layout:
    """A model.

    Attributes:
        vision: The image encoder.
        language: The decoder.
        counts: Group -> parameters and learning ones.
        bytes: Of all parameters.
        learning_bytes: Of learning parameters, which is what their gradients take.
        vocabulary: Rows of the head.
        head_learns: The head learns.
        head_bytes: Of one of its weights.
        embedding_bytes: Gradient of the word embedding, where it learns; a tied one's is the head's.
        tied: Head and embedding are one.
        projector: Linear maps between vision and language: name, in, out, whether it learns.
        vision_graph: Gradients go through the encoder: it learns, or its input is made to ask for gradients.
        rank: Of adapters; 0 for none.
        dropout: Of adapters.
        frozen_linears: Weights of linear maps that do not learn, but for the head: what can be quantised.
    """

    vision: Stack
    language: Stack
    counts: dict[str, tuple[int, int]]
    bytes: int
    learning_bytes: int
    vocabulary: int
    head_learns: bool
    head_bytes: int
    embedding_bytes: int
    tied: bool
    projector: tuple[tuple[str, int, int, bool], ...]
    vision_graph: bool
    rank: int = 0
    dropout: float = 0.0
    frozen_linears: int = 0

    @property
    def weight_size(self) -> int:
        """Bytes of a weight as it is loaded."""
        return self.head_bytes // (self.vocabulary * self.language.width)


def read_layout(model: Any, *, checkpointing: bool = True) -> Layout:
    """The layout of a model, on whatever device, with adapters or without.

    Args:
        model: With what learns set to learn.
        checkpointing: Of the recipe: with adapters it lets gradients into the encoder.

    Raises:
        ModelError: Its layers are of no known kind.
    """
    from torch import nn

    adapters = _adapters(model)
    plain = model.get_base_model() if adapters else model
    head, embedding = plain.get_output_embeddings().weight, plain.get_input_embeddings().weight
    frozen = [
        m.weight.numel()
        for name, m in plain.named_modules()
        if isinstance(m, nn.Linear)
        and m.weight is not head
        and not m.weight.requires_grad
        and "lora_" not in name
    ]
    vision = _stack(plain, "vision")
    learning = [p for p in model.parameters() if p.requires_grad]
    projector = tuple(
        (name, m.in_features, m.out_features, m.weight.requires_grad)
        for name, m in plain.named_modules()
        if isinstance(m, nn.Linear) and group_of(name) == "projector" and "original_module" not in name
    )
    opened = bool(adapters) and checkpointing and _opens_vision(plain)
    return Layout(
        vision=vision, language=_stack(plain, "language"), counts=_counts(model), bytes=_bytes(model.parameters()),
        learning_bytes=_bytes(learning), vocabulary=head.shape[0], head_learns=head.requires_grad,
        head_bytes=_bytes([head]), embedding_bytes=_bytes([embedding]) if embedding.requires_grad else 0,
        tied=head is embedding, projector=projector, vision_graph=opened or vision.gradient_bytes > 0,
        rank=adapters[0] if adapters else 0, dropout=adapters[1] if adapters else 0.0,
        frozen_linears=sum(frozen),
    )  # fmt: skip


def _counts(model: Any) -> dict[str, tuple[int, int]]:
    """As `groups.counts`, but modules that PEFT holds twice, as they were and learning, are counted once."""
    found: dict[str, tuple[int, int]] = {}
    for name, parameter in model.named_parameters():
        if ".original_module." in name:
            continue
        group = "adapters" if "lora_" in name else group_of(name)
        number, learning = found.get(group, (0, 0))
        size = parameter.numel()
        found[group] = (number + size, learning + size * parameter.requires_grad)
    return found


def _adapters(model: Any) -> tuple[int, float] | None:
    held = getattr(model, "peft_config", None)
    if not held:
        return None
    config = next(iter(held.values()))
    return config.r, config.lora_dropout


def _opens_vision(plain: Any) -> bool:
    """Whether transformers' `enable_input_require_grads`, which adapters with checkpointing call for, reaches the
    image encoder: it hooks the input embedding of every model within the model that tells of one."""
    from transformers import PreTrainedModel

    inside = {id(m) for name, m in plain.named_modules() if group_of(name) == "vision"}
    for module in plain.modules():
        if isinstance(module, PreTrainedModel):
            try:
                embedding = module.get_input_embeddings()
            except (NotImplementedError, AttributeError):
                continue
            if id(embedding) in inside:
                return True
    return False


def _stack(plain: Any, group: Group) -> Stack:
    layers = _layers(plain, group)
    layer = layers[0]
    named = {n.replace(".base_layer", ""): m for n, m in layer.named_modules() if "lora_" not in n}
    query = _first(named, _QUERY, group)
    inner = _first(named, _INNER, group)
    fused = next((n for n in named if _FUSED.search(n)), None) is not None
    width, made = query.in_features, query.out_features // (3 if fused else 1)
    keys = [m for n, m in named.items() if _KEY.search(n) and hasattr(m, "out_features")]
    norms = [(n, m) for n, m in named.items() if "Norm" in type(m).__name__ and not list(m.children())]
    across = [m for n, m in norms if not _HEAD_NORM.search(n)]
    ways = 2 if any(".multiway." in n for n, _ in norms) else 1
    kind = type(across[0]).__name__
    own = [p for n, p in layer.named_parameters() if "lora_" not in n]
    return Stack(
        layers=_used(plain, group, len(layers)), width=width, inner=inner.out_features, query=made,
        held=keys[0].out_features if keys else made, heads=_heads(plain, group),
        gated=any("gate_proj" in n for n in named), quick=any("QuickGELU" in type(m).__name__ for m in named.values()),
        fused=fused, rotary=group == "language" or "Qwen" in type(layer).__name__,
        chunked=group == "vision" and "Qwen" in type(layer).__name__, eager=_eager(plain, group),
        sees_all=group == "vision",
        norms=len(across) // ways,
        rms=kind != "LayerNorm", late="Gemma" in kind, head_norms=any(_HEAD_NORM.search(n) for n, _ in norms),
        ways=ways, scaled=any("lambda_" in n for n, _ in layer.named_parameters()),
        checkpoints=hasattr(layer, "gradient_checkpointing"), learns=query.weight.requires_grad,
        adapted=tuple(m.in_features for m in layer.modules() if hasattr(m, "lora_A") and hasattr(m, "in_features")),
        parameters=sum(p.numel() for p in own),
        gradient_bytes=_bytes(p for p in layer.parameters() if p.requires_grad),
    )  # fmt: skip


def _layers(plain: Any, group: Group) -> list[Any]:
    """The longest list of layers with attention in a group."""
    from torch import nn

    found = [
        list(module)
        for name, module in plain.named_modules()
        if isinstance(module, nn.ModuleList) and group_of(name) == group and len(module)
        if any(_QUERY.search(n.removesuffix(".base_layer")) for n, _ in module[0].named_modules())
    ]
    if not found:
        raise ModelError(
            f"the {group} layers of this model are of no known kind", "no plan can be made for it"
        )
    return max(found, key=len)


def _used(plain: Any, group: Group, layers: int) -> int:
    """Layers whose result is used: LLaVA takes the encoder's last but one, and no gradient reaches the last."""
    taken = getattr(plain.config, "vision_feature_layer", None)
    return layers + 1 + taken if group == "vision" and isinstance(taken, int) and taken < 0 else layers


def _first(named: dict[str, Any], pattern: re.Pattern[str], group: str) -> Any:
    for name, module in named.items():
        if pattern.search(name) and hasattr(module, "in_features"):
            return module
    raise ModelError(f"the {group} layers of this model are of no known kind", "no plan can be made for it")


def _heads(plain: Any, group: Group) -> int:
    config = plain.config
    if group == "language":
        return int(config.get_text_config().num_attention_heads)
    held = getattr(config, "vision_config", None) or config.vision
    return int(getattr(held, "num_attention_heads", None) or held.num_heads)


def _eager(plain: Any, group: Group) -> bool:
    held = (
        plain.config.get_text_config()
        if group == "language"
        else getattr(plain.config, "vision_config", None)
    )
    return getattr(held, "_attn_implementation", None) == "eager"


def _bytes(parameters: Any) -> int:
    return sum(p.numel() * p.element_size() for p in parameters)
