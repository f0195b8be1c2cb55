"""One instruction as the parts make it, before it has an id: plain and small, for there are millions."""

from __future__ import annotations

import re
from typing import NamedTuple

from fakescope.records import Part

Turn = tuple[str, str]
"""(question, answer)"""


class Made(NamedTuple):
    """A conversation about one image.

    Attributes:
        form: What sort of question it is, such as `traces.choice`.
        turns: Questions and answers.
        answer: The closed answer of the first turn that has one, such as `fake`, `yes`, `B`; empty for free text.
        rests_on: Ids of the facts of the record (see `facts`), and `knowledge.ID` for general knowledge.
        criterion: Asked about, if it is one.
    """

    part: Part
    form: str
    turns: tuple[Turn, ...]
    answer: str = ""
    rests_on: tuple[str, ...] = ()
    criterion: str | None = None

    def bare(self) -> str:
        """The words alone: two conversations that differ in capitals, numbers and signs say the same."""
        text = "\n".join(f"{question}\n{answer}" for question, answer in self.turns)
        return _NOT_WORDS.sub(" ", text.lower())


_NOT_WORDS = re.compile(r"[^a-z]+")
