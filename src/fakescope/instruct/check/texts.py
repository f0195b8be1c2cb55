"""What is wrong with the text of single instructions: repeated, empty, too long, accusing, marked up."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from fakescope.records import JsonObject

MOST_WORDS = 160
"""Of one answer."""

_ACCUSING = re.compile(
    r"\b(?:liar(?!.s dividend)|lied to you|is lying|fraudster|criminal|guilty of|committed (?:a )?(?:fraud|crime)|"
    r"you are (?:stupid|an idiot)|deliberate(?:ly)? deceiv\w+|scammer)\b",
    re.IGNORECASE,
)
_UNSAFE = re.compile(
    r"\b(?:kill yourself|bomb[- ]making|child porn\w*|credit card number|social security number)\b", re.I
)
_MARKUP = re.compile(r"</?[a-z][^>]*>|\[[^\]]+\]\(|^#{1,6} |\*\*|```|https?://", re.MULTILINE | re.IGNORECASE)
_NOT_WORDS = re.compile(r"[^a-z ]+")
_LABEL_GIVEN = re.compile(r"\bthis (?:image|picture) is (?:fake|real)\b(?! or\b)", re.IGNORECASE)


@dataclass
class TextFaults:
    """Counts over a set; each fault with the ids of the first instructions that have it.

    Attributes:
        count: Instructions.
        words: Answer lengths: words -> answers, in steps of 10.
        repeated: The same image, the same words.
        near: The same image, words that differ in numbers, signs and capitals alone.
    """

    count: int = 0
    words: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    named: dict[str, list[str]] = field(default_factory=dict)

    def note(self, fault: str, id: str) -> None:
        """Count one fault."""
        self.faults[fault] += 1
        named = self.named.setdefault(fault, [])
        if len(named) < 20:
            named.append(id)


def check_texts(rows: Iterable[JsonObject]) -> TextFaults:
    """Look at every text. Rows of one image have to follow each other, as in the shards."""
    found = TextFaults()
    image, seen, near = "", set[bytes](), set[bytes]()
    for row in rows:
        if row["image"] != image:
            image, seen, near = row["image"], set(), set()
        found.count += 1
        texts = [message["content"] for message in row["messages"]]
        whole, bare = _digest(texts), _digest(_NOT_WORDS.sub(" ", text.lower()) for text in texts)
        if whole in seen:
            found.note("repeated", row["id"])
        elif bare in near:
            found.note("nearly repeated", row["id"])
        seen.add(whole)
        near.add(bare)
        for fault in _faults(row, texts):
            found.note(fault, row["id"])
        for answer in texts[1::2]:
            found.words[len(answer.split()) // 10 * 10] += 1
    return found


def _faults(row: JsonObject, texts: Sequence[str]) -> Iterable[str]:
    answers = texts[1::2]
    roles = [message["role"] for message in row["messages"]]
    if roles != ["user", "assistant"] * (len(roles) // 2) or not roles:
        yield "roles do not take turns"
    if not all(text.strip() for text in texts):
        yield "empty text"
    if any(len(answer.split()) > MOST_WORDS for answer in answers):
        yield "answer too long"
    told = " ".join(answers)
    if _ACCUSING.search(told):
        yield "accusing"
    if _UNSAFE.search(told):
        yield "unsafe"
    if any(_MARKUP.search(text) for text in texts):
        yield "markup"
    if row["answer"] in ("fake", "real") and _LABEL_GIVEN.search(texts[0]):
        yield "the question gives the label"
    if not row["rests_on"]:
        yield "rests on nothing"


def _digest(texts: Iterable[str]) -> bytes:
    return blake2b("\0".join(texts).encode(), digest_size=12).digest()
