"""What of an instruction is reworded: its questions by themselves, and its answers by themselves.

Who words a question and knows its answer lets it show, and a model would learn to hear the answer from the question.
So the writer gets questions without answers: the wording of a question depends on nothing but the question, and is
taken or left whatever becomes of the answer. The same question comes out the same wherever it stands, and is sent
once.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fakescope.prompts import (
    ANALYSE_PROMPT,
    AUTHENTICITY_QUESTION,
    DESCRIBE_PROMPT,
    LIMITS_PROMPT,
    NEXT_PROMPT,
    SHOW_PROMPT,
    STRENGTH_PROMPT,
    WHY_FAKE_PROMPT,
    given_trace_question,
    trace_question,
)
from fakescope.records import JsonObject, Label
from fakescope.taxonomy import CRITERION_IDS

Role = Literal["user", "assistant"]
ROLES: tuple[Role, ...] = ("user", "assistant")

AS_THEY_ARE = "fixed."
"""Forms that begin so are what an examination depends on: they stay word by word."""

_FORMULA = re.compile(r"(?:(?:Yes|No)\. )?This image is (?:fake|real)\.|[A-D]\. .*", re.DOTALL)
"""Answers in which nothing may change."""


@dataclass(frozen=True)
class Piece:
    """Texts of one side of a conversation.

    Attributes:
        places: Where they stand among the messages.
        texts: One for each place.
    """

    role: Role
    places: tuple[int, ...]
    texts: tuple[str, ...]

    def key(self, writer: str, prompt: str) -> str:
        """Names the request: writer, version of the prompt, and what is sent."""
        said = json.dumps([writer, prompt, self.role, self.texts], ensure_ascii=False)
        return hashlib.sha256(said.encode()).hexdigest()


def pieces_of(row: JsonObject) -> list[Piece]:
    """The questions and the answers of an instruction that may be reworded; empty where nothing may."""
    if str(row["form"]).startswith(AS_THEY_ARE):
        return []
    messages: Sequence[JsonObject] = row["messages"]
    pieces: list[Piece] = []
    for role in ROLES:
        if role == "assistant" and _unspoken(row):
            continue
        places = [
            place
            for place, message in enumerate(messages)
            if message["role"] == role and _free(role, message["content"])
        ]
        if places:
            texts = tuple(str(messages[place]["content"]) for place in places)
            pieces.append(Piece(role, tuple(places), texts))
    return pieces


@functools.cache
def product_questions() -> frozenset[str]:
    """Questions that examinations and benchmarks put word by word: a model has to know them as they are."""
    traces = [trace_question(criterion) for criterion in CRITERION_IDS]
    traces += [given_trace_question(criterion, label) for criterion in CRITERION_IDS for label in Label]
    prompts = (
        ANALYSE_PROMPT, AUTHENTICITY_QUESTION, DESCRIBE_PROMPT, LIMITS_PROMPT, NEXT_PROMPT, SHOW_PROMPT,
        STRENGTH_PROMPT, WHY_FAKE_PROMPT,
    )  # fmt: skip
    return frozenset({*prompts, *traces})


def _free(role: Role, text: str) -> bool:
    if not text.strip():
        return False
    return text not in product_questions() if role == "user" else not _FORMULA.fullmatch(text)


def _unspoken(row: JsonObject) -> bool:
    """The closed answer is meant and not said, such as `side` for `some weight`: no check could see it change."""
    closed = str(row["answer"])
    if not closed or closed == "unclear":
        return False
    word = re.compile(rf"\b{re.escape(closed)}\b", re.IGNORECASE)
    return not any(
        word.search(message["content"]) for message in row["messages"] if message["role"] == "assistant"
    )
