"""A model on a server as a `ForensicModel`: its verdicts come from the log-probabilities that the server tells."""

from __future__ import annotations

import base64
import io
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from fakescope.errors import ModelError
from fakescope.images.load import LoadedImage
from fakescope.images.preprocess import level, levelled
from fakescope.models.base import ANSWER_PREFIX, Logits, ModelCard
from fakescope.models.remote.manner import OWN, Manner, bound, find_manner, first_place, likeliest, limits
from fakescope.models.remote.options import RemoteOptions
from fakescope.models.remote.wire import Server
from fakescope.models.remote.words import as_logits, choice_row, logprob_of, unseen
from fakescope.prompts.paper import AUTHENTICITY_QUESTION
from fakescope.records import JsonObject, Message

if TYPE_CHECKING:
    from PIL import Image

Float = NDArray[np.float32]
In = TypeVar("In")
Out = TypeVar("Out")

ONE_WORD = "{question} Answer with one word, {fake} or {real}."
BEGIN_WITH = "{question}\n\nBegin your answer with these words: {begun}"
_GREY = (64, 64), (128, 128, 128)
_HELD_IMAGES = 8


class RemoteModel:
    """A model behind `/chat/completions`.

    Args:
        server: Where it is.
        name: What the server calls it.
        card: Label words, calibration and inconclusive zone.
        options: See there.
        own: Whether `fakescope serve` runs there: it takes pictures as this project levels them.
    """

    def __init__(
        self, server: Server, name: str, card: ModelCard, options: RemoteOptions, *, own: bool = False
    ) -> None:
        self._server, self._name, self._card, self._options, self._own = server, name, card, options, own
        self._ids = {word: number for number, word in enumerate((*card.fake_words, *card.real_words))}
        self._held: OrderedDict[str, JsonObject] = OrderedDict()

    @property
    def card(self) -> ModelCard:
        return self._card

    @cached_property
    def manner(self) -> Manner:
        """How the server is asked; found out at the first question.

        Raises:
            ModelError: The card was calibrated on answers that were asked for in another way.
        """
        found = self._found()
        if self._card.asked not in ("", found.begin):
            raise ModelError(
                f"the card was calibrated on answers to {self._card.asked!r}, and the server takes {found.begin!r}",
                f"&begin={self._card.asked}, or calibrate anew",
            )
        return found

    def _found(self) -> Manner:
        from PIL import Image

        if self._own:
            return replace(OWN, top=self._options.top)
        grey = self._part(Image.new("RGB", *_GREY))
        words = [*self._ids]
        return find_manner(
            self._server,
            lambda flags: self._begun(grey, AUTHENTICITY_QUESTION, ANSWER_PREFIX) | flags,
            self._one_word(grey, AUTHENTICITY_QUESTION),
            words, self._options.begin, self._options.top,
        )  # fmt: skip

    def token_id(self, word: str) -> int | None:
        return self._ids.get(word)

    def answer_logits(
        self, image: LoadedImage, question: str = AUTHENTICITY_QUESTION, prefix: str = ANSWER_PREFIX
    ) -> Logits:
        return self._answer(self._part_of(image), question, prefix)

    def answer_logits_batch(
        self,
        images: Sequence[LoadedImage],
        question: str = AUTHENTICITY_QUESTION,
        prefix: str = ANSWER_PREFIX,
    ) -> list[Logits]:
        return self._each(lambda image: self.answer_logits(image, question, prefix), images)

    def answer_logits_pixels(
        self,
        pictures: Sequence[Image.Image],
        question: str = AUTHENTICITY_QUESTION,
        prefix: str = ANSWER_PREFIX,
    ) -> list[Logits]:
        return self._each(lambda picture: self._answer(self._part(picture), question, prefix), pictures)

    def answer_logits_questions(
        self, image: LoadedImage, questions: Sequence[str], prefix: str = ANSWER_PREFIX
    ) -> list[Logits]:
        part = self._part_of(image)
        return self._each(lambda question: self._answer(part, question, prefix), questions)

    def generate(
        self, image: LoadedImage, messages: Sequence[Message], *, max_tokens: int = 160
    ) -> Iterator[str]:
        body, begun = self._talk(self._part_of(image), messages)
        pieces = self._server.stream(body | limits(self.manner, max_tokens))
        yield from _without(begun, pieces) if begun else pieces

    def generate_batch(
        self, image: LoadedImage, conversations: Sequence[Sequence[Message]], *, max_tokens: int = 160
    ) -> list[str]:
        part = self._part_of(image)

        def one(messages: Sequence[Message]) -> str:
            body, begun = self._talk(part, messages)
            said = self._server.complete(body | limits(self.manner, max_tokens)).text
            return "".join(_without(begun, iter([said])) if begun else [said]).strip()

        return self._each(one, conversations)

    def choice_logits(
        self, image: LoadedImage, conversations: Sequence[Sequence[Message]], words: Sequence[str]
    ) -> Float:
        if not conversations:
            return np.zeros((0, len(words)), np.float32)
        part = self._part_of(image)

        def one(messages: Sequence[Message]) -> Float:
            place, _ = first_place(self._server, self._talk(part, messages)[0], self.manner)
            return choice_row(likeliest(place), words)

        return np.stack(self._each(one, conversations))

    # -- requests ---------------------------------------------------------------------------------------------

    def _answer(self, part: JsonObject, question: str, prefix: str) -> Logits:
        manner = self.manner
        if manner.flags is None:
            place, _ = first_place(self._server, self._one_word(part, question), manner)
            told = likeliest(place)
            return replace(as_logits(told, self._ids, manner.match, {}), unseen=unseen(told))
        body = self._begun(part, question, prefix) | manner.flags
        place, _ = first_place(self._server, body, manner)
        told = likeliest(place)
        words = [*self._ids]
        missing = any(logprob_of(told, word, manner.match) is None for word in words)
        known = bound(self._server, body, words, told, manner) if missing else {}
        return as_logits(told, self._ids, manner.match, known)

    def _begun(self, part: JsonObject, question: str, prefix: str) -> JsonObject:
        asked = [Message(role="user", content=question), Message(role="assistant", content=prefix)]
        return self._body(part, asked)

    def _one_word(self, part: JsonObject, question: str) -> JsonObject:
        text = ONE_WORD.format(
            question=question, fake=self._card.fake_words[0], real=self._card.real_words[0]
        )
        return self._body(part, [Message(role="user", content=text)])

    def _talk(self, part: JsonObject, messages: Sequence[Message]) -> tuple[JsonObject, str]:
        """A request for a conversation, and what its answer was asked to begin with, where it cannot be begun."""
        if messages[-1].role != "assistant":
            return self._body(part, messages), ""
        flags = self.manner.flags
        if flags is not None:
            return self._body(part, messages) | flags, ""
        *before, begun = messages
        text = BEGIN_WITH.format(question=before[-1].content, begun=begun.content)
        return self._body(part, [*before[:-1], Message(role="user", content=text)]), begun.content

    def _body(self, part: JsonObject, messages: Sequence[Message]) -> JsonObject:
        turns: list[JsonObject] = [{"role": m.role, "content": m.content} for m in messages]
        first = next(turn for turn in turns if turn["role"] == "user")
        first["content"] = [part, {"type": "text", "text": first["content"]}]
        return {"model": self._name, "messages": turns} | ({"levelled": True} if self._own else {})

    def _part_of(self, image: LoadedImage) -> JsonObject:
        part = self._held.get(image.sha256)
        if part is None:
            part = self._held[image.sha256] = self._part(image.pixels)
            while len(self._held) > _HELD_IMAGES:
                self._held.popitem(last=False)
        return part

    def _part(self, picture: Image.Image) -> JsonObject:
        """The picture on the project's one path. To others without loss, for decoders of JPEG differ."""
        if self._own:
            kind, data = "jpeg", level(picture)
        else:
            buffer = io.BytesIO()
            levelled(picture).save(buffer, "PNG")
            kind, data = "png", buffer.getvalue()
        url = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
        return {"type": "image_url", "image_url": {"url": url}}

    def _each(self, work: Callable[[In], Out], items: Sequence[In]) -> list[Out]:
        """In parallel, in order. The manner is found out before, once."""
        _ = self.manner
        if len(items) < 2:
            return [work(item) for item in items]
        with ThreadPoolExecutor(self._options.parallel) as pool:
            return list(pool.map(work, items))


def _without(begun: str, pieces: Iterator[str]) -> Iterator[str]:
    """An answer's pieces without the words that it was asked to begin with."""
    said = ""
    for piece in pieces:
        said += piece
        start = said.lstrip()
        if len(start) < len(begun) and begun.startswith(start):
            continue
        yield start.removeprefix(begun)
        yield from pieces
        return
    if not begun.startswith(said.lstrip()):
        yield said
