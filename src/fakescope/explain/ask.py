"""A dialogue about one image that keeps its thread."""

from __future__ import annotations

from collections.abc import Iterator

from fakescope.errors import FakescopeError
from fakescope.explain.examine import detect
from fakescope.images.load import LoadedImage
from fakescope.models.base import ForensicModel
from fakescope.prompts.paper import AUTHENTICITY_QUESTION
from fakescope.prompts.product import authenticity_answer
from fakescope.records import Examination, Label, Message

MAX_QUESTION_CHARS = 2000
MAX_ANSWER_TOKENS = 96


class Dialogue:
    """Questions and answers about an image. The verdict is read first and stays the first turn of the thread.

    An abstaining verdict is not put into the model's mouth: the thread then begins with the user's question.
    """

    def __init__(self, model: ForensicModel, image: LoadedImage) -> None:
        self._model, self._image = model, image
        self.detection: Examination = detect(image, model)
        self._thread: list[Message] = []
        label = self.detection.verdict.label
        if label is not None:
            self._thread = [
                Message(role="user", content=AUTHENTICITY_QUESTION),
                Message(role="assistant", content=authenticity_answer(label)),
            ]

    @property
    def label(self) -> Label | None:
        return self.detection.verdict.label

    @property
    def thread(self) -> tuple[Message, ...]:
        """All turns so far."""
        return tuple(self._thread)

    def ask(self, question: str) -> Iterator[str]:
        """Stream the answer; the turn is kept when the answer has been read to its end.

        Raises:
            FakescopeError: The question is empty or too long.
        """
        question = " ".join(question.split())
        if not question:
            raise FakescopeError("the question is empty", "ask something about the image")
        if len(question) > MAX_QUESTION_CHARS:
            raise FakescopeError(f"the question has over {MAX_QUESTION_CHARS} characters", "shorten it")
        asked = [*self._thread, Message(role="user", content=question)]
        pieces = []
        for piece in self._model.generate(self._image, asked, max_tokens=MAX_ANSWER_TOKENS):
            pieces.append(piece)
            yield piece
        self._thread = [*asked, Message(role="assistant", content="".join(pieces).strip())]
