"""The embedded fakescope-nano as a teacher: no network, no key, no prompt. The whole loop runs offline with it.

It sees the picture and is told the label, like every teacher; what people chose it is told to be right. What it says
are its own words, and those of a small model.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from fakescope.chain.teachers.base import Fault, Reply, Request, TeacherError
from fakescope.errors import ImageError
from fakescope.explain.describe import against_and_next, reasons, show
from fakescope.explain.traces import Judged, judge_criteria, observe
from fakescope.images.load import LoadedImage, load_image
from fakescope.models.base import ForensicModel
from fakescope.models.zoo import load_model
from fakescope.prompts.product import description_prefix
from fakescope.records import Evidence, Finding, JsonObject, Label


class NanoTeacher:
    """Drafts by the embedded model, one after the other in a thread of its own.

    Args:
        model: Another forensic model than the embedded one.
    """

    def __init__(self, model: ForensicModel | None = None) -> None:
        self._model = model or load_model()
        self._pool = ThreadPoolExecutor(1, "nano-teacher")

    @property
    def name(self) -> str:
        """The model and its revision: another revision is another teacher."""
        return f"{self._model.card.name}:{self._model.card.revision}"

    async def ask(self, request: Request) -> Reply:
        """Describe the last picture.

        Raises:
            TeacherError: BAD_IMAGE, or EMPTY when the model gives no reason.
        """
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._pool, self._answer, request)
        return Reply(json.dumps(answer, ensure_ascii=False))

    async def close(self) -> None:
        """End the thread, after what it is at."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _answer(self, request: Request) -> JsonObject:
        image, label, model = _picture(request), request.label, self._model
        chosen = _with_supervision(judge_criteria(model, image, float(label.target)), request)
        evidence = _ordered(observe(model, image, chosen), request.criteria)
        shown = show(model, image)
        description = reasons(model, image, label, shown)
        if not description.removeprefix(description_prefix(label)).strip(" ."):
            raise TeacherError(Fault.EMPTY, "the model gave no reason")
        limits, advice = against_and_next(model, image, label)
        return {
            "label": label.value,
            "subject": shown,
            "traces": [_trace(one) for one in evidence],
            "description": description,
            "limits": limits,
            "advice": advice,
        }


def _picture(request: Request) -> LoadedImage:
    if not request.pictures:
        raise TeacherError(Fault.BAD_IMAGE, "the request has no picture")
    try:
        return load_image(request.pictures[-1].jpeg)
    except ImageError as error:
        raise TeacherError(Fault.BAD_IMAGE, str(error)) from error


def _with_supervision(judged: Sequence[Judged], request: Request) -> list[Judged]:
    """What people chose speaks for the label, whatever the model holds of it: they saw the image and were right."""
    finding: Finding = "abnormal" if request.label is Label.FAKE else "natural"
    return [
        Judged(one.criterion, finding, 1.0, float(request.label.target))
        if one.criterion in request.criteria
        else one
        for one in judged
    ]


def _ordered(evidence: Sequence[Evidence], first: Sequence[str]) -> list[Evidence]:
    """What people chose first, in their order; then the rest in its own."""
    places = {criterion: place for place, criterion in enumerate(first)}
    return sorted(evidence, key=lambda one: places.get(one.criterion, len(places)))


def _trace(evidence: Evidence) -> JsonObject:
    return {
        "criterion": evidence.criterion,
        "finding": evidence.finding,
        "observation": evidence.observation,
        "region": list(evidence.region) if evidence.region else None,
    }
