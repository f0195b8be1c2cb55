"""Small tokenizers of the two kinds that backbones have, learned from this project's own prompts.

python's `tokenizers` builds them; nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from fakescope.models.base import ANSWER_PREFIX
from fakescope.prompts import paper, product, wordings
from fakescope.taxonomy import CRITERIA

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Kind = Literal["bytes", "pieces"]
"""bytes: byte-level BPE, as GPT-2's and Qwen's; pieces: SentencePiece-like with ▁ for blanks, as LLaMA's and
Gemma's."""

SIZE = 700
END = "</s>"


def build_tokenizer(
    kind: Kind, special: Sequence[str] = (), named: dict[str, str] | None = None
) -> PreTrainedTokenizerFast:
    """A tokenizer of about 700 tokens that keeps the label words and trace tags whole.

    Args:
        kind: How blanks are spelled.
        special: Further control tokens, such as an image's.
        named: Control tokens that processors look up by name, such as `image_token`.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    controls = ["<pad>", "<s>", END, "<unk>", *special, *(named or {}).values()]
    core = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=kind == "pieces"))
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    if kind == "bytes":
        core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        core.decoder = decoders.ByteLevel()
    else:
        core.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Metaspace(prepend_scheme="first"), pre_tokenizers.Punctuation()]
        )
        core.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
        )
        controls += [f"<0x{byte:02X}>" for byte in range(256)]
        alphabet = []
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE + len(controls),
        special_tokens=controls,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    core.train_from_iterator(_texts(), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", bos_token="<s>", eos_token=END, unk_token="<unk>",
        additional_special_tokens=list(special), extra_special_tokens=dict(named or {}), model_max_length=4096,
    )  # fmt: skip


def _texts() -> list[str]:
    """What the tokenizer learns its pieces from: prompts, and answers with each label and tag many times."""
    answers = [f"{ANSWER_PREFIX} {label}." for label in ("fake", "real")]
    tags = [f"Criterion: {tag}." for tag in product.TRACE_TAGS]
    groups = (v for v in vars(wordings).values() if isinstance(v, tuple))
    prompts = [text for group in groups for text in group if isinstance(text, str)]
    return [
        *prompts, paper.AUTHENTICITY_QUESTION, paper.ANALYSE_PROMPT, *(c.definition for c in CRITERIA),
        *answers * 60, *tags * 20,
    ]  # fmt: skip
