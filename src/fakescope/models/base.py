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
class Wording:
    """A question about authenticity that a verdict is read from, and the calibration of its answers."""

    question: str
    calibration: Calibration = Calibration()


@dataclass(frozen=True)
class ModelCard:
    """What a user must know of a model before believing it.

    Attributes:
        calibration: Of the answers to the paper's question; with `wordings`, of their mean.
        wordings: Questions whose calibrated llr are averaged; empty to ask the paper's question alone.
        figures: Name -> value; empty when nothing was measured.
        finding_threshold: The probability from which a criterion is called abnormal.
        source: Where the weights come from; empty for what ships.
        memory_bytes: That 16-bit weights take; None when unknown.
        preprocessing: What is done to a picture, in words.
        asked: On a server, how the answers were asked for that it was calibrated on, as `begin` in `RemoteOptions`.
    """

    name: str
    revision: str
    licence: str
    fake_words: tuple[str, ...]
    real_words: tuple[str, ...]
    calibration: Calibration = Calibration()
    wordings: tuple[Wording, ...] = ()
    band: Band = Band()
    threshold: float = 0.5
    summary: str = ""
    limits: tuple[str, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)
    finding_threshold: float = 0.5
    source: str = ""
    memory_bytes: int | None = None
    preprocessing: str = ""
    asked: str = ""


ROUNDING = 1e-4
"""Probabilities of a server's list add up to 1 within this."""


@dataclass(frozen=True)
class Logits:
    """Next-token logits at an answer slot.

    Attributes:
        values: float32 [n]: the logits of `token_ids`, or of the whole vocabulary.
        token_ids: int64 [n], or None when `values` covers the whole vocabulary in order.
        logprobs: Whether `values` are log-probabilities over the whole vocabulary, in nats, as servers give of their
            most probable tokens. What they leave of 1 is then spread over tokens that are not there.
        unseen: Probability in [0, 1] that may belong to other spellings of the tokens, where several spell a word.
    """

    values: NDArray[np.float32]
    token_ids: NDArray[np.int64] | None = None
    logprobs: bool = False
    unseen: float = 0.0


@dataclass(frozen=True)
class Step:
    """One token of an answer.

    Attributes:
        token: Its id.
        text: The characters that it completes: none at an end, or in the middle of a character.
        logits: float32 [vocabulary], as the model gave them, before anything was ruled out.
        ends: Whether it ends the answer.
    """

    token: int
    text: str
    logits: NDArray[np.float32]
    ends: bool = False


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

    def answer_logits_questions(
        self, image: LoadedImage, questions: Sequence[str], prefix: str = ANSWER_PREFIX
    ) -> list[Logits]:
        """`answer_logits` for many questions about one image; the image is read once where the backend can."""
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


@runtime_checkable
class OpenModel(ForensicModel, Protocol):
    """A model in this process, whose every token can be seen: what a server needs."""

    def steps(
        self, image: LoadedImage, messages: Sequence[Message], *, max_tokens: int = 160
    ) -> Iterator[Step]:
        """The tokens of `generate`, with their logits; the one that ends the answer included."""
        ...

    def token_text(self, token: int) -> str:
        """What a token spells, its leading blank included."""
        ...

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of a conversation, without those of the image."""
        ...
