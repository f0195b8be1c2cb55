"""fakescope-nano as a teacher, on real images."""

from __future__ import annotations

import asyncio
import dataclasses
import json

import pytest
from wire import request

from fakescope.chain.enlighten.answer import read_answer
from fakescope.chain.teachers.base import Fault, Picture, Request, TeacherError
from fakescope.chain.teachers.open import open_teacher
from fakescope.models.zoo import load_model
from fakescope.records import Label

pytestmark = pytest.mark.slow


def ask(*requests: Request) -> list[str]:
    async def run() -> list[str]:
        teacher = open_teacher("nano")
        try:
            return [reply.text for reply in await asyncio.gather(*(teacher.ask(one) for one in requests))]
        finally:
            await teacher.close()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, str], str]:
    """Answers on one fake image by the label told, with and without supervision, and on a real one."""
    asked = {
        ("fake", "woman"): request("fake", "theme", "edge", picture="fake-woman-sofa.jpg"),
        ("real", "woman"): request("real", "theme", "anatomy", picture="fake-woman-sofa.jpg"),
        ("real", "leaf"): request("real", picture="real-fallen-leaf.jpg"),
    }
    return dict(zip(asked, ask(*asked.values()), strict=True))


def test_it_answers_in_the_form_that_every_teacher_is_asked_for(answers: dict[tuple[str, str], str]) -> None:
    for (label, _), text in answers.items():
        answer = read_answer(text, Label(label))
        assert answer.mended == ()
        assert answer.subject
        assert answer.limits
        assert answer.advice
        assert answer.description.startswith(f"This image is {label} because ")
        assert answer.description.endswith((".", "!", "?"))


def test_what_people_chose_comes_first_and_speaks_for_the_label(answers: dict[tuple[str, str], str]) -> None:
    for key, chosen, finding in (
        (("fake", "woman"), ("theme", "edge"), "abnormal"),
        (("real", "woman"), ("theme", "anatomy"), "natural"),
    ):
        traces = json.loads(answers[key])["traces"]
        assert [(t["criterion"], t["finding"]) for t in traces[:2]] == [(c, finding) for c in chosen]
        assert len({trace["criterion"] for trace in traces}) == len(traces) > 2


def test_the_subject_is_the_pictures_and_the_label_is_the_requests(
    answers: dict[tuple[str, str], str],
) -> None:
    fake, real, leaf = (json.loads(text) for text in answers.values())
    assert fake["subject"] == real["subject"] != leaf["subject"]
    assert fake["description"] != real["description"]


def test_its_name_has_the_revision() -> None:
    card = load_model().card
    assert open_teacher("nano").name == f"{card.name}:{card.revision}"


@pytest.mark.parametrize(
    "pictures", [(), (Picture(b"not an image"),), (Picture(b"\xff\xd8\xff\xe0" + bytes(40)),)]
)
def test_a_picture_that_cannot_be_read_is_named(pictures: tuple[Picture, ...]) -> None:
    with pytest.raises(TeacherError) as told:
        ask(dataclasses.replace(request(), pictures=pictures))
    assert told.value.fault is Fault.BAD_IMAGE
