"""A scripted model that remembers what it was asked, and a loaded image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from PIL import Image

from fakes import ScriptedModel, _logits
from fakescope.images.load import LoadedImage
from fakescope.models.base import Logits
from fakescope.records import Message


@dataclass
class RecordingModel(ScriptedModel):
    """Also says how sure it is of a bare picture."""

    asked: list[list[Message]] = field(default_factory=list)
    p_of_picture: Callable[[Image.Image], float] = lambda picture: 0.5

    def generate(
        self, image: LoadedImage, messages: Sequence[Message], *, max_tokens: int = 160
    ) -> Iterator[str]:
        self.asked.append(list(messages))
        return super().generate(image, messages, max_tokens=max_tokens)

    def answer_logits_pixels(
        self, pictures: Sequence[Image.Image], question: str = "", prefix: str = ""
    ) -> list[Logits]:
        return [_logits(self.p_of_picture(picture)) for picture in pictures]
