"""One question to a teacher: its texts, its name, and the request that is sent."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fakescope.chain.demonstrate import ExemplarPool
from fakescope.chain.enlighten.answer import ANSWER_SCHEMA
from fakescope.chain.store.store import question_key
from fakescope.chain.teachers.base import Fault, Picture, Request, TeacherError
from fakescope.errors import DataError, ImageError
from fakescope.images.load import load_image
from fakescope.images.preprocess import level
from fakescope.prompts.acoti import SYSTEM, acoti_hash, acoti_prompt, plain_prompt
from fakescope.records import ImageRef, Label

Mode = Literal["acoti", "plain"]


@dataclass(frozen=True)
class Question:
    """What is asked about one image.

    Attributes:
        image: Id of the image.
        path: Its file.
        label: Its known label.
        text: The user's turn.
        criteria: The supervision in it.
        exemplars: Ids of the demonstrations in it.
        prompt_hash: Names texts and picture.
    """

    image: str
    path: str
    label: Label
    mode: Mode
    text: str
    criteria: tuple[str, ...]
    exemplars: tuple[str, ...]
    prompt_hash: str

    def key(self, teacher: str) -> str:
        """Names the question to one teacher; it is answered once."""
        return question_key(self.image, teacher, self.prompt_hash)


def make_question(
    ref: ImageRef, path: Path, *, mode: Mode, criteria: tuple[str, ...], pool: ExemplarPool
) -> Question:
    """The question about one image.

    Raises:
        DataError: Its label is not known.
    """
    if ref.label is None:
        raise DataError(f"image {ref.id} has no label", "enlightening needs the true label")
    exemplars = pool.choose(ref.id, criteria).exemplars if mode == "acoti" else ()
    text = acoti_prompt(ref.label, criteria, exemplars) if mode == "acoti" else plain_prompt(ref.label)
    return Question(
        image=ref.id,
        path=str(path),
        label=ref.label,
        mode=mode,
        text=text,
        criteria=criteria if mode == "acoti" else (),
        exemplars=tuple(exemplar.id for exemplar in exemplars),
        prompt_hash=acoti_hash(text, [ref.sha256 or f"id:{ref.id}"]),
    )


def make_request(question: Question, max_tokens: int) -> Request:
    """What is sent: texts, and the picture through the path that both classes take.

    Raises:
        TeacherError: The image cannot be read.
    """
    try:
        jpeg = level(load_image(question.path).pixels)
    except ImageError as error:
        raise TeacherError(Fault.BAD_IMAGE, str(error)) from error
    return Request(
        system=SYSTEM,
        text=question.text,
        pictures=(Picture(jpeg, "picture"),),
        schema=ANSWER_SCHEMA,
        label=question.label,
        criteria=question.criteria,
        max_tokens=max_tokens,
    )


def draft_id(key: str, attempt: int) -> str:
    """The id of the n-th draft that one question got."""
    return hashlib.sha256(f"{key}:{attempt}".encode()).hexdigest()[:16]
