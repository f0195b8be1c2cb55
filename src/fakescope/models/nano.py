"""fakescope-nano: the embedded multimodal model, run by ONNX Runtime.

    image -> view -> encoder (int8, frozen) -> abstractor -> 22 visual tokens, 12 words, 30 scores
          -> decoder -> logits, text

The visual tokens are read once into the decoder's key/value cache; every question about the image continues from
there.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from PIL import Image

from fakescope.errors import ModelError
from fakescope.images.load import LoadedImage
from fakescope.images.preprocess import view
from fakescope.models.base import ANSWER_PREFIX, Logits, ModelCard, Step
from fakescope.models.card import read_card
from fakescope.models.decoding import next_token
from fakescope.models.nano_format import END, IMAGE_PREFIX, PAD, render_conversation
from fakescope.models.tokenizer import BpeTokenizer
from fakescope.prompts.paper import AUTHENTICITY_QUESTION
from fakescope.records import Message

Float = NDArray[np.float32]
Int = NDArray[np.int64]

MAX_QUESTION_TOKENS = 512
"""Longest conversation that is read; older turns are dropped first."""

_HIDDEN = np.float32(-1e9)
_CACHED_IMAGES = 4


@dataclass(frozen=True)
class _Read:
    """What the linear readers make of pictures: words (token ids) [n, 12] and trace scores [n, 30]."""

    words: Int
    scores: Float

    def repeat(self, count: int) -> _Read:
        return _Read(np.repeat(self.words, count, axis=0), np.repeat(self.scores, count, axis=0))

    def offer(self, texts: Sequence[Sequence[int]]) -> Float:
        """[n, 12]: 1 where a word has not come up yet in the conversation, of given token ids, of its row."""
        said = [np.isin(row, np.array(text, np.int64)) for row, text in zip(self.words, texts, strict=True)]
        return 1 - np.stack(said).astype(np.float32)


@dataclass(frozen=True)
class _Prefix:
    """An image as the decoder remembers it: keys and values [2 * layers, 1, kv_heads, positions, head_dim], and
    what it is read as."""

    cache: Float
    read: _Read

    @property
    def length(self) -> int:
        return int(self.cache.shape[3])


@dataclass(frozen=True)
class _Seen:
    """Pictures as the decoder is shown them: visual tokens [n, tokens, width], and what they are read as."""

    visual: Float
    read: _Read


class NanoModel:
    """The embedded `ForensicModel`. Thread-safe for reading; sessions are shared.

    Args:
        folder: Holds card.json, tokenizer.json, encoder.onnx, abstractor.onnx and decoder.onnx.
        threads: Processor threads; by default all, at most 8.
        card: In the place of the folder's.
        level: Give every picture the project's one size and quality first; without it, they have it.

    Raises:
        ModelError: A file is missing or cannot be loaded.
    """

    def __init__(
        self, folder: Path, threads: int | None = None, *, card: ModelCard | None = None, level: bool = True
    ) -> None:
        self._card, self._level = card or read_card(folder / "card.json"), level
        self._threads = threads or min(8, os.cpu_count() or 1)
        try:
            self._encoder = _session(folder / "encoder.onnx", 1)
            self._abstractor = _session(folder / "abstractor.onnx", 1)
            self._decoder = _session(folder / "decoder.onnx", self._threads)
            self._tokenizer = BpeTokenizer(folder / "tokenizer.json")
        except Exception as error:
            raise ModelError(f"fakescope-nano cannot be loaded: {error}", "reinstall fakescope") from error
        self._ids: dict[str, int] = {t: self._tokenizer.token_id(t) or 0 for t in (PAD, IMAGE_PREFIX, END)}
        shapes = {i.name: i.shape for i in self._decoder.get_inputs()}
        past, self._width = shapes["past"], int(shapes["visual"][2])
        self._empty = np.zeros((past[0], 1, past[2], 0, past[4]), np.float32)
        self._vocab = self._tokenizer.size
        self._prefixes: OrderedDict[str, _Prefix] = OrderedDict()

    @property
    def card(self) -> ModelCard:
        return self._card

    def token_id(self, word: str) -> int | None:
        ids = self._tokenizer.encode(" " + word)
        return ids[0] if len(ids) == 1 else None

    def answer_logits(
        self, image: LoadedImage, question: str = AUTHENTICITY_QUESTION, prefix: str = ANSWER_PREFIX
    ) -> Logits:
        return Logits(self._next_logits(image, [self.answer_slot_ids(question, prefix)])[0])

    def answer_logits_batch(
        self,
        images: Sequence[LoadedImage],
        question: str = AUTHENTICITY_QUESTION,
        prefix: str = ANSWER_PREFIX,
    ) -> list[Logits]:
        if not images:
            return []
        return self.answer_logits_pixels([image.pixels for image in images], question, prefix)

    def answer_logits_pixels(
        self,
        pictures: Sequence[Image.Image],
        question: str = AUTHENTICITY_QUESTION,
        prefix: str = ANSWER_PREFIX,
    ) -> list[Logits]:
        return [Logits(row) for row in self._first_answers(self._see(pictures), question, prefix)]

    def answer_logits_questions(
        self, image: LoadedImage, questions: Sequence[str], prefix: str = ANSWER_PREFIX
    ) -> list[Logits]:
        if not questions:
            return []
        return [
            Logits(row)
            for row in self._next_logits(image, [self.answer_slot_ids(q, prefix) for q in questions])
        ]

    def generate(
        self, image: LoadedImage, messages: Sequence[Message], *, max_tokens: int = 160
    ) -> Iterator[str]:
        for step in self.steps(image, messages, max_tokens=max_tokens):
            if step.text:
                yield step.text

    def steps(
        self, image: LoadedImage, messages: Sequence[Message], *, max_tokens: int = 160
    ) -> Iterator[Step]:
        ids: list[int] = []
        said = ""
        for (token,), (logits,) in self._decode(image, [self.read(messages)], max_tokens):
            ids.append(token)
            text = self.text(ids)
            if text.endswith("\ufffd"):  # an unfinished multi-byte character
                text = said
            yield Step(token, text[len(said) :], logits, token == self.end_id)
            said = text

    def token_text(self, token: int) -> str:
        return self._tokenizer.decode([token])

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return len(self.read(messages))

    def generate_batch(
        self, image: LoadedImage, conversations: Sequence[Sequence[Message]], *, max_tokens: int = 160
    ) -> list[str]:
        if not conversations:
            return []
        answers: list[list[int]] = [[] for _ in conversations]
        done = [False] * len(conversations)
        for tokens, _ in self._decode(image, [self.read(c) for c in conversations], max_tokens):
            for row, token in enumerate(tokens):
                done[row] = done[row] or token == self._ids[END]
                if not done[row]:
                    answers[row].append(token)
        return [self.text(ids).strip() for ids in answers]

    def choice_logits(
        self, image: LoadedImage, conversations: Sequence[Sequence[Message]], words: Sequence[str]
    ) -> Float:
        columns = []
        for word in words:
            token = self.token_id(word)
            if token is None:
                raise ModelError(f"{word!r} is not one token of {self.card.name}", "ask with other words")
            columns.append(token)
        return self._next_logits(image, [self.read(c) for c in conversations])[:, columns]

    @property
    def end_id(self) -> int:
        """The token that ends a turn."""
        return self._ids[END]

    def answer_slot_ids(
        self, question: str = AUTHENTICITY_QUESTION, prefix: str = ANSWER_PREFIX
    ) -> list[int]:
        """Token ids of a question and the beginning of its answer: the next one is the `<auth_token>`."""
        return self.read([Message(role="user", content=question), Message(role="assistant", content=prefix)])

    def encode(self, pixels: Float) -> tuple[Float, Float]:
        """The frozen encoder alone: a view [1, 3, 196, 196] -> grid [1, 49, 768] and stats [1, 12, 384]."""
        grid, stats = self._encoder.run(None, {"pixels": pixels})
        return grid, stats

    # -- reading ----------------------------------------------------------------------------------------------

    def read(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a conversation. Control tokens in what was written are read as plain text."""
        kept = list(messages)
        while True:
            ids = [
                i for text, _ in render_conversation([_disarmed(m) for m in kept]) for i in self._encode(text)
            ]
            if len(ids) <= MAX_QUESTION_TOKENS:
                return ids
            if len(kept) <= 2:  # one overlong turn: its opening token and its end are kept
                return [ids[0], *ids[-MAX_QUESTION_TOKENS + 1 :]]
            kept = kept[2:]

    def _encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(text)

    def text(self, ids: Sequence[int]) -> str:
        """Token ids as text, without the end of the turn."""
        return self._tokenizer.decode([i for i in ids if i != self._ids[END]])

    # -- seeing -----------------------------------------------------------------------------------------------

    def _see(self, pictures: Sequence[Image.Image]) -> _Seen:
        """What the decoder is shown of RGB pictures. One picture a run: int8 scales depend on the batch."""

        def one(picture: Image.Image) -> _Seen:
            grid, stats = self.encode(view(picture, level=self._level)[None])
            visual, words, scores = self._abstractor.run(None, {"grid": grid, "stats": stats})
            return _Seen(visual, _Read(words, scores))

        if len(pictures) == 1:
            return one(pictures[0])
        with ThreadPoolExecutor(self._threads) as pool:
            seen = list(pool.map(one, pictures))
        words, scores = ([getattr(s.read, part) for s in seen] for part in ("words", "scores"))
        return _Seen(
            np.concatenate([s.visual for s in seen]), _Read(np.concatenate(words), np.concatenate(scores))
        )

    def _prefix_of(self, image: LoadedImage) -> _Prefix:
        found = self._prefixes.get(image.sha256)
        if found is None:
            seen = self._see([image.pixels])
            _, cache = self._run(self._image_ids(seen), seen.visual, self._empty, seen.read, [[]])
            found = self._prefixes[image.sha256] = _Prefix(cache, seen.read)
            while len(self._prefixes) > _CACHED_IMAGES:
                self._prefixes.popitem(last=False)
        return found

    def _image_ids(self, seen: _Seen) -> Int:
        """<image>, the visual tokens, and the words; ids past the vocabulary stand for rows of `visual`."""
        count, tokens, _ = seen.visual.shape
        ids = np.array([self._ids[IMAGE_PREFIX], *range(self._vocab, self._vocab + tokens)], np.int64)
        return np.concatenate([np.tile(ids, (count, 1)), seen.read.words], axis=1)

    # -- the decoder ------------------------------------------------------------------------------------------

    def _run(
        self,
        ids: Int,
        visual: Float,
        past: Float,
        read: _Read,
        texts: Sequence[Sequence[int]],
        pads: NDArray[np.int64] | None = None,
        image_length: int = 0,
    ) -> tuple[Float, Float]:
        """One call of the decoder: next-token logits [B, vocabulary] and the grown cache.

        Args:
            ids: [B, T], left-padded.
            read: What each row's image is read as.
            texts: Token ids of each row's conversation so far.
            pads: [B], how many padding positions lie between the image and each row's text, in cache and `ids`.
            image_length: Positions of the image at the start of the cache.
        """
        batch, length = ids.shape
        held = past.shape[3]
        place = np.arange(held + length)
        offset = np.zeros((batch, 1), np.int64) if pads is None else pads[:, None]
        positions = np.broadcast_to(place[held:], (batch, length)) - offset
        later = place[None, :] > place[held:, None]
        blocked = np.broadcast_to(later, (batch, length, held + length)).copy()
        if pads is not None:
            padding = (place[None] >= image_length) & (place[None] < image_length + offset)
            blocked |= padding[:, None, :]
            own = np.arange(length)
            blocked[:, own, held + own] = False  # a padding position may see itself, so that no row is empty
        logits, cache = self._decoder.run(
            None,
            {
                "ids": ids,
                "visual": visual,
                "positions": np.maximum(positions, 0).astype(np.int64),
                "mask": np.where(blocked, _HIDDEN, np.float32(0))[:, None],
                "past": past,
                "words": read.words,
                "offered": read.offer(texts),
                "scores": read.scores,
            },
        )
        return logits, cache

    def _first_answers(self, seen: _Seen, question: str, prefix: str) -> Float:
        count = len(seen.visual)
        text = self.answer_slot_ids(question, prefix)
        ids = np.concatenate([self._image_ids(seen), np.tile(np.array(text, np.int64), (count, 1))], axis=1)
        past = np.repeat(self._empty, count, axis=1)
        return self._run(ids, seen.visual, past, seen.read, [text] * count)[0]

    def _start(self, image: LoadedImage, rows: Sequence[list[int]]) -> tuple[Float, Float, Int, _Prefix]:
        """Read conversations about one image: logits [B, V], cache, paddings [B], the image."""
        prefix = self._prefix_of(image)
        longest = max(len(row) for row in rows)
        pads = np.array([longest - len(row) for row in rows], np.int64)
        ids = np.array([[self._ids[PAD]] * (longest - len(row)) + row for row in rows], np.int64)
        past = np.repeat(prefix.cache, len(rows), axis=1)
        visual = np.zeros((len(rows), 1, self._width), np.float32)
        logits, cache = self._run(ids, visual, past, prefix.read.repeat(len(rows)), rows, pads, prefix.length)
        return logits, cache, pads, prefix

    def _next_logits(self, image: LoadedImage, rows: Sequence[list[int]]) -> Float:
        return self._start(image, rows)[0]

    def _decode(
        self, image: LoadedImage, rows: Sequence[list[int]], max_tokens: int
    ) -> Iterator[tuple[list[int], Float]]:
        """Greedy decoding, all rows together; yields a token a row and their logits until all have ended."""
        logits, cache, pads, prefix = self._start(image, rows)
        read = prefix.read.repeat(len(rows))
        visual = np.zeros((len(rows), 1, self._width), np.float32)
        said: list[list[int]] = [[] for _ in rows]
        for left in reversed(range(max_tokens)):
            tokens = [
                self.end_id if s[-1:] == [self.end_id] else next_token(row, s)
                for row, s in zip(logits, said, strict=True)
            ]
            for token, s in zip(tokens, said, strict=True):
                s.append(token)
            yield tokens, logits
            if not left or all(token == self.end_id for token in tokens):
                return
            texts = [[*row, *s] for row, s in zip(rows, said, strict=True)]
            ids = np.array(tokens, np.int64)[:, None]
            logits, cache = self._run(ids, visual, cache, read, texts, pads, prefix.length)


def _disarmed(message: Message) -> Message:
    """No text, a user's or an earlier answer, can open turns of its own: its control tokens are broken up."""
    text = message.content
    for token in ("<image>", "<user>", "<bot>", "<end>", "<pad>"):
        text = text.replace(token, token.replace("<", "< "))
    return message.model_copy(update={"content": text})


def _session(path: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
