"""The seam: what every forensic model, from the embedded one to a 7B on a server, must offer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fakescope.images.load import LoadedImage
from fakescope.prompts.paper import AUTHENTICITY_QUESTION
from fakescope.records import Message

ANSWER_PREFIX = "This image is"
"""The paper's answer is `This image is <auth_token>.`; the logits are read right after this prefix."""


@dataclass(frozen=True)
class Calibration:
    """Affine map of the raw log-likelihood ratio: llr = raw / temperature + bias (nats)."""

    id: str = "none"
    temperature: float = 1.0
    bias: float = 0.0


@dataclass(frozen=True)
class Band:
    """Where the model abstains: p_fake in [low, high), or answer_mass under min_mass."""

    low: float = 0.4
    high: float = 0.6
    min_mass: float = 0.5


@dataclass(frozen=True)
class ModelCard:
    """What a user must know of a model before believing it.

    Attributes:
        figures: Name -> value; empty when nothing was measured.
        finding_threshold: The probability from which a criterion is called abnormal.
        source: Where the weights come from; empty for what ships.
        memory_bytes: That 16-bit weights take; None when unknown.
        preprocessing: What is done to a picture, in words.
    """

    name: str
    revision: str
    licence: str
    fake_words: tuple[str, ...]
    real_words: tuple[str, ...]
    calibration: Calibration = Calibration()
    band: Band = Band()
    threshold: float = 0.5
    summary: str = ""
    limits: tuple[str, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)
    finding_threshold: float = 0.5
    source: str = ""
    memory_bytes: int | None = None
    preprocessing: str = ""


@dataclass(frozen=True)
class Logits:
    """Next-token logits at an answer slot.

    Attributes:
        values: float32 [n]: the logits of `token_ids`, or of the whole vocabulary.
        token_ids: int64 [n], or None when `values` covers the whole vocabulary in order.
    """

    values: NDArray[np.float32]
    token_ids: NDArray[np.int64] | None = None


@runtime_checkable
class ForensicModel(Protocol):
    """A large or small multimodal model that can be asked about an image."""

    @property
    def card(self) -> ModelCard: ...

    def token_id(self, word: str) -> int | None:
        """The id of the single token that spells `word` after `ANSWER_PREFIX`, or None if there is none."""
        ...

    def answer_logits(
        self, image: LoadedImage, question: str = AUTHENTICITY_QUESTION, prefix: str = ANSWER_PREFIX
    ) -> Logits:
        """Logits of the token that follows `prefix` at the start of the answer to `question`."""
        ...

    def answer_logits_batch(
        self,
        images: Sequence[LoadedImage],
        question: str = AUTHENTICITY_QUESTION,
        prefix: str = ANSWER_PREFIX,
    ) -> list[Logits]:
        """`answer_logits` for many images; the same values, faster where the backend gains from it."""
        ...

    def generate(
        self, image: LoadedImage, messages: Sequence[Message], *, max_tokens: int = 160
    ) -> Iterator[str]:
        """Stream the answer to the last message, greedily. A trailing assistant message is continued."""
        ...

    def generate_batch(
        self, image: LoadedImage, conversations: Sequence[Sequence[Message]], *, max_tokens: int = 160
    ) -> list[str]:
        """Answers to several conversations about one image; the same texts as one by one."""
        ...

    def answer_logits_pixels(
        self,
        pictures: Sequence[Image.Image],
        question: str = AUTHENTICITY_QUESTION,
        prefix: str = ANSWER_PREFIX,
    ) -> list[Logits]:
        """`answer_logits` for bare RGB pictures, as when a part of an image is hidden to measure what it does."""
        ...

    def choice_logits(
        self, image: LoadedImage, conversations: Sequence[Sequence[Message]], words: Sequence[str]
    ) -> NDArray[np.float32]:
        """float32 [len(conversations), len(words)]: logits of single-token words continuing each conversation."""
        ...
