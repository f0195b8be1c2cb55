"""fakescope-nano as the teacher, so that the whole loop runs offline.

A small model cannot follow the long prompt. It is asked its own compact questions instead, under the label that the
prompt states and beginning with the criteria that people chose; its answers are put into the form that every teacher
answers in.
"""

from __future__ import annotations

import asyncio
import json

from fakescope.chain.teachers.base import Reply, Request
from fakescope.explain.describe import describe, limits_and_next_steps
from fakescope.explain.traces import Judged, judge_criteria, observe
from fakescope.images.load import LoadedImage, load_image
from fakescope.models.base import ForensicModel
from fakescope.models.zoo import load_model
from fakescope.records import Evidence, Label, Verdict

_WANTED = {Label.FAKE: "abnormal", Label.REAL: "natural"}


class NanoTeacher:
    """A `ForensicModel` that writes drafts, one at a time."""

    def __init__(self, model: ForensicModel | None = None) -> None:
        self._model = model or load_model()
        self.name = f"{self._model.card.name}:{self._model.card.revision}"
        self._one = asyncio.Lock()

    async def ask(self, request: Request) -> Reply:
        """See `Teacher.ask`. Waits for the draft before."""
        async with self._one:
            return Reply(await asyncio.to_thread(self._draft, request))

    async def close(self) -> None:
        """Nothing is held."""

    def _draft(self, request: Request) -> str:
        image = load_image(request.pictures[-1].jpeg, path="picture")
        evidence = self._evidence(image, request.label, request.criteria)
        told = told_verdict(self._model, request.label)
        limits, advice = limits_and_next_steps(self._model, image, told)
        description = describe(self._model, image, told, evidence, None)
        subject, found, rest = description.partition(f"This image is {request.label.value}")
        return json.dumps(
            {
                "label": request.label.value,
                "subject": subject.strip(),
                "traces": [
                    {
                        "criterion": e.criterion,
                        "finding": e.finding,
                        "observation": e.observation,
                        "region": e.region,
                    }
                    for e in evidence
                ],
                "description": found + rest,
                "limits": limits,
                "advice": advice,
            }
        )

    def _evidence(self, image: LoadedImage, label: Label, criteria: tuple[str, ...]) -> list[Evidence]:
        """What people named is found as they found it; the rest as the model does, told the label."""
        judged = judge_criteria(self._model, image, float(label.target))
        named = [_as_named(j, label) for j in judged if j.criterion in criteria]
        others = [j for j in judged if j.criterion not in criteria]
        return observe(self._model, image, [*named, *others])


def told_verdict(model: ForensicModel, label: Label) -> Verdict:
    """The verdict of somebody who was told the label."""
    return Verdict(
        label=label,
        p_fake=float(label.target),
        llr=0.0,
        answer_mass=1.0,
        threshold=0.5,
        band=(0.5, 0.5),
        calibration="told",
        model=model.card.name,
    )


def _as_named(judged: Judged, label: Label) -> Judged:
    return Judged(judged.criterion, _WANTED[label], judged.p_finding, judged.p_abnormal)  # type: ignore[arg-type]
