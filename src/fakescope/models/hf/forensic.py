"""A model of transformers as a `ForensicModel`: verdicts from its own token logits, text from its own words."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fakescope.errors import ModelError
from fakescope.images.load import LoadedImage
from fakescope.images.preprocess import levelled
from fakescope.images.text import clean_text
from fakescope.models.base import ANSWER_PREFIX, Logits, ModelCard, Step
from fakescope.models.hf.encode import Encoded, Encoder, Side
from fakescope.models.hf.prompt import Prompt, Prompter
from fakescope.models.hf.shared import MIXING, Prefix, next_logits, read_prefix, split
from fakescope.models.hf.slots import Slot, find_slot, single_token
from fakescope.models.hf.stream import Seen, end_tokens, stream_text
from fakescope.prompts.paper import AUTHENTICITY_QUESTION
from fakescope.records import Message

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

Float = NDArray[np.float32]
MOST_WORDS = 4096
"""Whose tokens are remembered."""

CONTEXT_TOKENS = 4
"""Of the prompt, that are decoded again with an answer."""


class HfModel:
    """An image-text-to-text model of any family that transformers knows.

    Args:
        model: In evaluation mode.
        processor: Its own.
        card: Label words, calibration and inconclusive zone.
        batch: Images that are read together.
        level: Give every picture the project's one size and quality first, as in training; without it, they have it.

    Raises:
        ModelError: The processor has no chat template.
    """

    def __init__(
        self, model: Any, processor: Any, card: ModelCard, batch: int = 8, *, level: bool = True
    ) -> None:
        self._model, self._tokenizer, self._card, self._batch = model, processor.tokenizer, card, batch
        self._level = level
        self._prompter = Prompter(processor)
        self._encoder = Encoder(model, processor, self._prompter)
        self._shares = model.config.model_type not in MIXING
        self._words: dict[str, int | None] = {}
        self._prefixes: OrderedDict[tuple[str, int, tuple[int, ...]], Prefix] = OrderedDict()

    @property
    def card(self) -> ModelCard:
        return self._card

    @property
    def parts(self) -> tuple[Any, Any]:
        """The model and its processor's tokenizer, as transformers has them."""
        return self._model, self._tokenizer

    def token_id(self, word: str) -> int | None:
        if word not in self._words:
            if len(self._words) >= MOST_WORDS:  # clients of a server may ask for any
                self._words.clear()
            asked = [Message(role="user", content=AUTHENTICITY_QUESTION)]
            self._words[word] = single_token(self._ids_of(asked), ANSWER_PREFIX, word)
        return self._words[word]

    def answer_logits(
        self, image: LoadedImage, question: str = AUTHENTICITY_QUESTION, prefix: str = ANSWER_PREFIX
    ) -> Logits:
        return self.answer_logits_pixels([image.pixels], question, prefix)[0]

    def answer_logits_batch(
        self,
        images: Sequence[LoadedImage],
        question: str = AUTHENTICITY_QUESTION,
        prefix: str = ANSWER_PREFIX,
    ) -> list[Logits]:
        return self.answer_logits_pixels([image.pixels for image in images], question, prefix)

    def answer_logits_pixels(
        self,
        pictures: Sequence[Image.Image],
        question: str = AUTHENTICITY_QUESTION,
        prefix: str = ANSWER_PREFIX,
    ) -> list[Logits]:
        prompt = self._prompter.render(_asked(question, prefix))
        found: list[Logits] = []
        for start in range(0, len(pictures), self._batch):
            some = pictures[start : start + self._batch]
            rows = self._read(some, [prompt] * len(some))
            found += [Logits(row) for row in rows.cpu().numpy()]
        return found

    def answer_logits_questions(
        self, image: LoadedImage, questions: Sequence[str], prefix: str = ANSWER_PREFIX
    ) -> list[Logits]:
        if not questions:
            return []
        prompts = [self._prompter.render(_asked(question, prefix)) for question in questions]
        slots = [Slot((), tuple(self._encoder.ids(prompt)), 0) for prompt in prompts]
        return [Logits(row) for row in self._logits_of(image, prompts, slots)]

    def generate(
        self, image: LoadedImage, messages: Sequence[Message], *, max_tokens: int = 160
    ) -> Iterator[str]:
        with _told():
            fresh = messages[-1].role != "assistant"
            for _, text, _ in self._stream(image, messages, max_tokens):
                text = text.lstrip(" ") if fresh else text
                fresh = fresh and not text
                if text:
                    yield text

    def steps(
        self, image: LoadedImage, messages: Sequence[Message], *, max_tokens: int = 160
    ) -> Iterator[Step]:
        ends = end_tokens(self._model)
        with _told(), _heard(self._model) as last:
            for (token,), text, logits in self._stream(image, messages, max_tokens, last):
                yield Step(token, text, logits, token in ends)

    def token_text(self, token: int) -> str:
        context = self._tokenizer("a", add_special_tokens=False)[
            "input_ids"
        ]  # SentencePiece drops a first blank
        before: str = self._tokenizer.decode(context)
        text: str = self._tokenizer.decode([*context, token])
        return text[len(before) :]

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return len(self._encoder.ids(self._prompter.render(messages)))

    def generate_batch(
        self, image: LoadedImage, conversations: Sequence[Sequence[Message]], *, max_tokens: int = 160
    ) -> list[str]:
        answers: list[str] = []
        for start in range(0, len(conversations), self._batch):
            prompts = [self._prompter.render(c) for c in conversations[start : start + self._batch]]
            with _told(), _no_gradients():
                inputs = self._encode([image.pixels] * len(prompts), prompts, "left").inputs
                produced = self._generator(inputs, max_tokens)(None)
            new = produced[:, inputs["input_ids"].shape[1] :].tolist()
            answers += [self._decode(row).rstrip("\ufffd").strip() for row in new]  # a character cut in two
        return answers

    def choice_logits(
        self, image: LoadedImage, conversations: Sequence[Sequence[Message]], words: Sequence[str]
    ) -> Float:
        if not conversations:
            return np.zeros((0, len(words)), np.float32)
        slots = [self._slot(messages, words) for messages in conversations]
        prompts = [self._prompter.render(messages) for messages in conversations]
        rows = self._logits_of(image, prompts, slots)
        columns = np.array([slot.tokens for slot in slots])
        return np.take_along_axis(rows, columns, axis=1)

    # -- one image, many questions ----------------------------------------------------------------------------

    def _logits_of(self, image: LoadedImage, prompts: Sequence[Prompt], slots: Sequence[Slot]) -> Float:
        """float32 [rows, vocabulary]: logits at the slots."""
        with _told(), _no_gradients():
            shared = self._shared(image, prompts[0], slots) if self._shares else None
            if shared is not None:
                prefix, tails = shared
                parts = [
                    next_logits(self._model, prefix, tails[at : at + self._batch])
                    for at in range(0, len(tails), self._batch)
                ]
                return np.concatenate([part.cpu().numpy() for part in parts])
        alone = [
            self._read([image.pixels], [prompt], slot.drop)
            for prompt, slot in zip(prompts, slots, strict=True)
        ]
        return np.concatenate([row.cpu().numpy() for row in alone])

    def _shared(
        self, image: LoadedImage, prompt: Prompt, slots: Sequence[Slot]
    ) -> tuple[Prefix, list[list[int]]] | None:
        inputs = self._encode([image.pixels], [prompt]).inputs
        expanded = inputs["input_ids"][0].tolist()
        expanded = expanded[: len(expanded) - slots[0].drop]
        parted = split([slot.before for slot in slots], expanded)
        if parted is None:
            return None
        length, tails = parted
        key = image.sha256, length, tuple(slots[0].before[: len(slots[0].before) - len(tails[0])])
        if key not in self._prefixes:
            self._prefixes[key] = read_prefix(self._model, inputs, length)
            while len(self._prefixes) > 1:
                self._prefixes.popitem(last=False)
        return self._prefixes[key], tails

    def _slot(self, messages: Sequence[Message], words: Sequence[str]) -> Slot:
        begun = messages[-1].content + " " if messages[-1].role == "assistant" else ""
        asked = messages[:-1] if begun else messages
        bare = self._encoder.ids(self._prompter.render(messages))
        return find_slot(self._ids_of(asked), begun, words, bare)

    def _ids_of(self, asked: Sequence[Message]) -> Callable[[str], list[int]]:
        def ids(answer: str) -> list[int]:
            begun = [*asked, Message(role="assistant", content=answer)]
            return self._encoder.ids(self._prompter.render(begun))

        return ids

    # -- the model --------------------------------------------------------------------------------------------

    def _stream(
        self, image: LoadedImage, messages: Sequence[Message], max_tokens: int, seen: Seen = lambda: None
    ) -> Iterator[tuple[list[int], str, Any]]:
        inputs = self._encode([image.pixels], [self._prompter.render(messages)], "left").inputs
        context = inputs["input_ids"][0, -CONTEXT_TOKENS:].tolist()
        yield from stream_text(self._generator(inputs, max_tokens), self._decode, context, seen)

    def _read(self, pictures: Sequence[Image.Image], prompts: Sequence[Prompt], drop: int = 0) -> Tensor:
        """float32 [rows, vocabulary]: next-token logits, one prefill for all rows."""
        import torch

        with _told(), _no_gradients():
            batch = self._encode(pictures, prompts, drop=drop)
            keep, place = torch.unique(batch.last, return_inverse=True)
            out = self._model(**batch.inputs, use_cache=False, logits_to_keep=keep)
            return out.logits[torch.arange(len(prompts), device=place.device), place].float()

    def _encode(
        self, pictures: Sequence[Image.Image], prompts: Sequence[Prompt], side: Side = "right", drop: int = 0
    ) -> Encoded:
        if self._level:
            one: dict[int, Image.Image] = {id(p): levelled(p) for p in pictures}
            pictures = [one[id(picture)] for picture in pictures]
        return self._encoder.encode(pictures, prompts, side, drop)

    def _generator(self, inputs: dict[str, Any], max_tokens: int) -> Callable[[Any], Any]:
        import torch

        def generate(streamer: Any) -> Any:
            with torch.inference_mode():
                return self._model.generate(
                    **inputs, max_new_tokens=max_tokens, do_sample=False, num_beams=1, streamer=streamer
                )

        return generate

    def _decode(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True)
        return text


@contextmanager
def _heard(model: Any) -> Iterator[Callable[[], Float]]:
    """Gives the logits of the last position that the model came to: before generation rules anything out."""
    held: list[Float] = []

    def keep(module: Any, args: Any, out: Any) -> None:
        held[:] = [out.logits[0, -1].float().cpu().numpy()]

    bare = model.get_base_model() if hasattr(model, "get_base_model") else model
    hook = bare.register_forward_hook(keep)
    try:
        yield lambda: held[0]
    finally:
        hook.remove()


@contextmanager
def _no_gradients() -> Iterator[None]:
    import torch

    with torch.inference_mode():
        yield


@contextmanager
def _told() -> Iterator[None]:
    """What a model raises on inputs that it cannot take, in one sentence."""
    try:
        yield
    except (RuntimeError, ValueError, IndexError, TypeError, KeyError) as error:
        said = clean_text(error, 300)
        raise ModelError(
            f"the model cannot answer this: {said}", "fewer tiles, a smaller batch or a shorter question?"
        ) from error


def _asked(question: str, prefix: str) -> list[Message]:
    return [Message(role="user", content=question), Message(role="assistant", content=prefix)]
