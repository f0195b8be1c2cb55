"""What is measured: a forensic model, or a plain detector that gives a probability and no words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from fakescope.bench.run import model_figures
from fakescope.errors import FakescopeError
from fakescope.images.load import LoadedImage
from fakescope.models.base import ForensicModel
from fakescope.records import JsonObject, Verdict
from fakescope.verdict.judge import judge_images
from fakescope.verdict.labels import candidate_sets

Judged = Verdict | FakescopeError
"""A verdict, or why there is none."""


@runtime_checkable
class Subject(Protocol):
    """Whatever judges images."""

    @property
    def identity(self) -> JsonObject:
        """Name, revision, and what else its verdicts depend on."""
        ...

    @property
    def model(self) -> ForensicModel | None:
        """The model that can be asked for words; None for a plain detector."""
        ...

    def judge(self, images: Sequence[LoadedImage]) -> list[Judged]:
        """One verdict or error an image, in order."""
        ...


class ModelSubject:
    """A forensic model.

    Args:
        model: Any.

    Raises:
        ModelError: It does not have the label words of its card; told before any image is read.
    """

    def __init__(self, model: ForensicModel) -> None:
        candidate_sets(model)
        self._model = model

    @property
    def identity(self) -> JsonObject:
        """As `model_figures`."""
        return model_figures(self._model)

    @property
    def model(self) -> ForensicModel:
        """Itself."""
        return self._model

    def judge(self, images: Sequence[LoadedImage]) -> list[Judged]:
        """One verdict or error an image. When a batch fails, its images are tried one by one."""
        if not images:
            return []
        try:
            return [*judge_images(self._model, images)]
        except FakescopeError as error:
            if len(images) == 1:
                return [error]
            return [outcome for image in images for outcome in self.judge([image])]
