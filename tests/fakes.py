"""A model whose answers are written down beforehand, and small images to ask it about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fakescope.images.load import LoadedImage
from fakescope.models.base import ANSWER_PREFIX, Logits, ModelCard
from fakescope.prompts.paper import AUTHENTICITY_QUESTION
from fakescope.prompts.product import SHOW_PROMPT
from fakescope.records import Message

WORDS = ("fake", "real", "Abnormal", "Natural", "Unclear")
CARD = ModelCard(
    name="scripted",
    revision="r1",
    licence="Apache-2.0",
    fake_words=("fake",),
    real_words=("real",),
    summary="Says what a test wrote down.",
    limits=("It has never seen an image.",),
)


@dataclass
class ScriptedModel:
    """A `ForensicModel` that follows a script.

    Attributes:
        p_fake: Stem of a file's name -> p_fake; others get `default`.
        findings: Criterion name in the question -> the tag it gets; others are Unclear.
        reply: The answer to a conversation.
        before: Called with each batch of images before it is answered; may raise.
    """

    p_fake: dict[str, float] = field(default_factory=dict)
    default: float = 0.9
    findings: dict[str, str] = field(default_factory=lambda: {"edges": "Abnormal", "overall tone": "Natural"})
    reply: Callable[[Sequence[Message]], str] = lambda messages: reply_to(messages)
    before: Callable[[Sequence[LoadedImage]], None] = lambda images: None
    card: ModelCard = CARD
    batches: list[int] = field(default_factory=list)

    def token_id(self, word: str) -> int | None:
        return WORDS.index(word) if word in WORDS else None

    def answer_logits(
        self, image: LoadedImage, question: str = AUTHENTICITY_QUESTION, prefix: str = ANSWER_PREFIX
    ) -> Logits:
        return self.answer_logits_batch([image], question, prefix)[0]

    def answer_logits_batch(
        self,
        images: Sequence[LoadedImage],
        question: str = AUTHENTICITY_QUESTION,
        prefix: str = ANSWER_PREFIX,
    ) -> list[Logits]:
        self.before(images)
        self.batches.append(len(images))
        return [_logits(self.p_fake.get(PurePath(image.path).stem, self.default)) for image in images]

    def answer_logits_pixels(
        self,
        pictures: Sequence[Image.Image],
        question: str = AUTHENTICITY_QUESTION,
        prefix: str = ANSWER_PREFIX,
    ) -> list[Logits]:
        return [_logits(0.5) for _ in pictures]

    def generate(
        self, image: LoadedImage, messages: Sequence[Message], *, max_tokens: int = 160
    ) -> Iterator[str]:
        for index, word in enumerate(self.reply(messages).split(" ")):
            yield f" {word}" if index or messages[-1].role == "assistant" else word

    def generate_batch(
        self, image: LoadedImage, conversations: Sequence[Sequence[Message]], *, max_tokens: int = 160
    ) -> list[str]:
        return ["".join(self.generate(image, messages)) for messages in conversations]

    def choice_logits(
        self, image: LoadedImage, conversations: Sequence[Sequence[Message]], words: Sequence[str]
    ) -> NDArray[np.float32]:
        rows = [[self._choice(messages[-1].content, word) for word in words] for messages in conversations]
        return np.array(rows, np.float32)

    def _choice(self, question: str, word: str) -> float:
        asked = (tag for name, tag in self.findings.items() if f"its {name}:" in question)
        tag = next(asked, "Unclear")
        return 2.0 if word == tag else 0.0

    def with_band(self, low: float, high: float) -> ScriptedModel:
        """The same script with another inconclusive zone."""
        return replace(self, card=replace(self.card, band=replace(self.card.band, low=low, high=high)))


def reply_to(messages: Sequence[Message]) -> str:
    """The default script: an answer for each kind of question that an examination asks."""
    last = messages[-1]
    if last.content == SHOW_PROMPT:
        return "A person sits on a sofa."
    if last.content == "Abnormal.":
        return "The hem dissolves into the sofa. <7><24><13><31>"
    if last.content == "Natural.":
        return "Muted colours agree with an ordinary room."
    if last.role == "assistant":
        return "the hem dissolves into the sofa and two earrings differ."
    said = sum(message.role == "user" for message in messages)
    return f"Answer {said}: I looked at that."


def _logits(p_fake: float) -> Logits:
    raw = float(np.log(p_fake / (1.0 - p_fake)))
    return Logits(np.array([raw / 2, -raw / 2, -20, -20, -20], np.float32))


def make_jpeg(path: Path, size: tuple[int, int] = (96, 64), seed: int = 1) -> Path:
    """Write a small JPEG; another seed gives other pixels."""
    image = Image.radial_gradient("L").resize(size).rotate(17 * seed)
    image.convert("RGB").save(path, quality=90)
    return path
