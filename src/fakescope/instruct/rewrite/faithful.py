"""Whether a rewording may be taken: rules that a machine can check. A guard of faithfulness, and no proof of it.

The rules find changed labels, closed answers, places, numbers and denials, added and lost sentences, and much of what
a writer would invent in words of its own. They do not understand: a rewording that exchanges one word for another that
says something else passes. Where a rule cannot tell, the rewording is left: the text that stays was right.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any

from fakescope.instruct.check.texts import check_texts
from fakescope.instruct.facts import PLACES
from fakescope.instruct.phrasing import ascii_text, content_words, sentences
from fakescope.instruct.rewrite.cache import Said
from fakescope.instruct.rewrite.pieces import Piece
from fakescope.records import JsonObject
from fakescope.taxonomy import CRITERIA


class Unfit(StrEnum):
    """Why a rewording is not taken, by name. What `check.texts` finds has its names from there, after `text: `."""

    TURNS = "turns"
    SCRIPT = "script"
    LABEL = "label_changed"
    ANSWER = "answer_changed"
    OPTIONS = "options_changed"
    LOCATION = "location_changed"
    CRITERION = "criterion_changed"
    DENIAL = "denial_changed"
    NUMBERS = "new_numbers"
    SIDES = "side_or_colour_changed"
    LENGTH = "length"
    NEW_FACTS = "new_facts"
    LOST_FACTS = "lost_facts"


MOST_NEW = {"user": 0.75, "assistant": 0.5}
"""Share of content words that may be new: synonyms. Questions are short, and say nothing of the image."""

MOST_NEW_IN_A_SENTENCE = 0.75
FEW_NEW, FEW_NEW_IN_A_SENTENCE = 3, 4
"""So many new content words are never too many."""

LOST_WORDS = 4
"""A sentence of so many content words of which none is left is lost."""

RATIO = (0.5, 2.0)
SHORT_WORDS = 12
"""Texts up to this length may change it freely."""

_TOKEN = re.compile(r"<\d{1,3}>")
_SIDES = (
    re.compile(
        r"\b(?:fake|generated|synthetic|artificial|ai-made|machine-made|computer-made|forged)\b",
        re.IGNORECASE,
    ),
    re.compile(r"\b(?:real|genuine|authentic)\b", re.IGNORECASE),
)
_KEPT_WORDS = tuple(
    re.compile(rf"\b{word}\b", re.IGNORECASE)
    for word in ("fake", "real", "abnormal", "unclear", "weak", "moderate", "strong")
)
_LABELS = 2  # of the kept words
_VERDICT = re.compile(r"This image is (?:fake|real)\b(?: because\b)?|This is a (?:fake|real) image because\b")
_CLOSED = re.compile(r"(?:Yes|No|Abnormal|Natural|Unclear|[A-D])\.(?=\s|$)")
_OPTIONS = re.compile(r"\bA\. .*\bB\. .*", re.DOTALL)
_DENIAL = re.compile(
    r"\b(?:not|no|never|none|neither|nothing|nowhere|nobody|without|cannot|hardly|barely|lack(?:s|ing|ed)?|"
    r"missing|absent|fail(?:s|ed|ing)?)\b|n't\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\d+(?:[.,]\d+)?|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred|thousand)\b"
)
_DIGITS = re.compile(r"\d+")
_SAYING = frozenset(
    """
    appear appears appearing seem seems seeming look looks looking show shows shown showing visible visibly evident
    evidently clear clearly noticeable noticeably notice seen sees observe observed observes note noted reveal reveals
    judge judged indicate indicates suggest suggests exhibit exhibits display displays present presents remain remains
    photo photograph picture pictured depict depicted depicts find found finding quite somewhat instead however
    fairly entirely completely fully overall actually simply tell tells tell give gives given
    """.split()  # noqa: SIM905
)
"""Words of saying and seeing: they state nothing of an image."""


def reworded(piece: Piece, said: Said, row: JsonObject) -> tuple[str, ...] | str:
    """The new texts of a piece, cleaned; or the name of the fault for which they are not taken.

    Args:
        piece: Of the instruction.
        said: The reply.
        row: The instruction; of a piece of questions, nothing is looked at that depends on the answers.
    """
    if len(said) != len(piece.texts) or any(role != piece.role for role, _ in said):
        return Unfit.TURNS.value
    contents = [content for _, content in said]
    if any(_foreign(content) for content in contents):
        return Unfit.SCRIPT.value
    # Marks are looked for before they are cleaned away.
    if fault := _of_texts(piece, contents, row):
        return fault
    new = tuple(_plain(content) for content in contents)
    if not all(new) or any("<" in _TOKEN.sub("", text) for text in new):
        return "text: markup" if all(new) else "text: empty text"
    for fault_name, changed in _RULES:
        if any(changed(old, text) for old, text in zip(piece.texts, new, strict=True)):
            return fault_name.value
    fault_of_role = _question_fault if piece.role == "user" else _answer_fault
    return fault_of_role(piece, new, row) or new


def _question_fault(piece: Piece, new: Sequence[str], row: JsonObject) -> str | None:
    if any(_options(old) != _options(text) for old, text in zip(piece.texts, new, strict=True)):
        return Unfit.OPTIONS.value
    if _criteria(new) - _criteria(piece.texts):
        return Unfit.CRITERION.value
    return Unfit.NEW_FACTS.value if _invents(piece, new, piece.texts) else None


def _answer_fault(piece: Piece, new: Sequence[str], row: JsonObject) -> str | None:
    if any(
        _place_of(row["answer"], old) != _place_of(row["answer"], text)
        for old, text in zip(piece.texts, new, strict=True)
    ):
        return Unfit.ANSWER.value
    if any(_places(old) != _places(text) for old, text in zip(piece.texts, new, strict=True)):
        return Unfit.LOCATION.value
    if _invents(piece, new, [message["content"] for message in row["messages"]]):
        return Unfit.NEW_FACTS.value
    if any(_loses(old, text) for old, text in zip(piece.texts, new, strict=True)):
        return Unfit.LOST_FACTS.value
    return None


# --- texts by themselves


def _foreign(text: str) -> bool:
    """Letters of another script, or signs that no line of text has."""
    if text.isascii() and text.isprintable():
        return False
    decomposed = unicodedata.normalize("NFKD", text)
    return any(
        (ord(c) > 127 and c.isalpha())
        or (unicodedata.category(c) in ("Cc", "Cf", "Co", "Cn") and c not in "\n\t")
        for c in decomposed
    )


def _plain(text: str) -> str:
    """Plain ASCII on one line, location tokens as they are."""
    parts = re.split(rf"(\s*{_TOKEN.pattern}\s*)", " ".join(text.split()))
    return "".join(part if place % 2 else ascii_text(part) for place, part in enumerate(parts)).strip()


def _of_texts(piece: Piece, contents: Sequence[str], row: JsonObject) -> str | None:
    """What the check of texts finds in the new words and not in the old ones."""
    found = _text_faults(piece, contents, row)
    if not found:
        return None
    new = sorted(found - _text_faults(piece, piece.texts, row))
    return f"text: {new[0]}" if new else None


def _text_faults(piece: Piece, contents: Sequence[str], row: JsonObject) -> set[str]:
    # The other side is left out: what becomes of a question must not depend on its answer.
    other = "Yes." if piece.role == "user" else "What is it?"
    messages = []
    for content in contents:
        turn = (content, other) if piece.role == "user" else (other, content)
        messages += [
            {"role": role, "content": said} for role, said in zip(("user", "assistant"), turn, strict=True)
        ]
    return set(check_texts([{**row, "messages": messages}]).faults)


# --- rules for one text and its rewording: whether it breaks them


def _label(old: str, new: str) -> bool:
    if any(bool(word.search(old)) != bool(word.search(new)) for word in _KEPT_WORDS[:_LABELS]):
        return True
    if any(side.search(new) and not side.search(old) for side in _SIDES):
        return True
    return _VERDICT.findall(old) != _VERDICT.findall(new) or _closing(old) != _closing(new)


def _closing(text: str) -> str:
    """The verdict that a text begins with, and the one that it ends with: they keep their place."""
    first, last = _VERDICT.match(text), re.search(rf"(?:{_VERDICT.pattern})\.$", text)
    return f"{first.group() if first else ''}|{last.group() if last else ''}"


def _answer(old: str, new: str) -> bool:
    first, second = _CLOSED.match(old), _CLOSED.match(new)
    if (first.group() if first else "") != (second.group() if second else ""):
        return True
    return any(bool(word.search(old)) != bool(word.search(new)) for word in _KEPT_WORDS[_LABELS:])


def _tokens(old: str, new: str) -> bool:
    at_end = [bool(re.search(rf"{_TOKEN.pattern}$", text)) for text in (old, new)]
    return _TOKEN.findall(old) != _TOKEN.findall(new) or at_end[0] != at_end[1]


def _denial(old: str, new: str) -> bool:
    return len(_DENIAL.findall(old)) != len(_DENIAL.findall(new))


def _numbers(old: str, new: str) -> bool:
    first, second = (_TOKEN.sub("", text).lower() for text in (old, new))
    added = set(_NUMBER.findall(second)) - set(_NUMBER.findall(first))
    lost = set(_DIGITS.findall(first)) - set(_DIGITS.findall(second))
    return bool(added or lost)


def _length(old: str, new: str) -> bool:
    before, after = len(old.split()), len(new.split())
    if max(before, after) <= SHORT_WORDS:
        return False
    return not RATIO[0] <= after / before <= RATIO[1]


def _sides_and_colours(old: str, new: str) -> bool:
    """Whether a side, a height or a colour comes up that was not there."""
    first, second = ({_SAME.get(word, word) for word in _WORD.findall(text.lower())} for text in (old, new))
    return bool(second & _FIXED - first)


_WORD = re.compile(r"[a-z]+")
_SAME = {
    "upper": "top",
    "above": "top",
    "lower": "bottom",
    "below": "bottom",
    "beneath": "bottom",
    "gray": "grey",
}
_FIXED = frozenset((
    "left", "right", "top", "bottom", "red", "orange", "yellow", "green", "blue", "purple", "violet", "pink", "brown",
    "black", "white", "grey", "golden", "silver", "beige", "turquoise",
))  # fmt: skip
"""Words that no other word says: a rewording that brings a new one says something else."""

_RULES: tuple[tuple[Unfit, Callable[[str, str], bool]], ...] = (
    (Unfit.LABEL, _label),
    (Unfit.ANSWER, _answer),
    (Unfit.LOCATION, _tokens),
    (Unfit.DENIAL, _denial),
    (Unfit.NUMBERS, _numbers),
    (Unfit.SIDES, _sides_and_colours),
    (Unfit.LENGTH, _length),
)


# --- rules for a whole side


def _place_of(answer: Any, text: str) -> str:
    """Where a closed answer stands in a text: at its start, later, or not at all."""
    found = re.search(rf"\b{re.escape(answer)}\b", text, re.IGNORECASE) if answer else None
    return "" if found is None else "first" if found.start() == 0 else "later"


def _places(text: str) -> set[str]:
    """Places such as `at the upper left`."""
    lowered = text.lower()
    return {place for place in PLACES if place in lowered}


def _options(text: str) -> str:
    """The list of options, from A to its end."""
    found = _OPTIONS.search(text)
    return found.group() if found else ""


def _criteria(texts: Iterable[str]) -> set[str]:
    """Criteria that are called by their name."""
    words = {word for text in texts for word in re.findall(r"[a-z]+", text.lower())}
    return {c.id for c in CRITERIA if {c.id, f"{c.id}s", c.name.lower(), f"{c.name.lower()}s"} & words}


def _invents(piece: Piece, new: Sequence[str], known: Iterable[str]) -> bool:
    """Whether too much of what the new texts say is in none of the known ones.

    A synonym stands in the place of another word; what is added stands in no other's.
    """
    stems = set(_stems(known))
    for old, text in zip(piece.texts, new, strict=True):
        if _share_new(text, stems, FEW_NEW) > MOST_NEW[piece.role]:
            return True
        if piece.role == "user":
            continue
        before, after = set(_stems([old])), set(_stems([text]))
        if len(after - stems) - len(before - after) > FEW_NEW:
            return True
        if any(
            _share_new(one, stems, FEW_NEW_IN_A_SENTENCE) > MOST_NEW_IN_A_SENTENCE for one in sentences(text)
        ):
            return True
    return False


def _share_new(text: str, known: set[str], few: int) -> float:
    """The share of new content words; 0 where they are few."""
    words = set(_stems([text]))
    new = words - known
    return len(new) / len(words) if len(new) > few else 0.0


def _loses(old: str, new: str) -> bool:
    """Whether a whole sentence has left no word behind."""
    left = set(_stems([new]))
    return any(
        len(words) >= LOST_WORDS and not words & left
        for words in (set(_stems([one])) for one in sentences(old))
    )


def _stems(texts: Iterable[str]) -> Iterator[str]:
    """Content words by their first letters: `reflected` and `reflection` are one."""
    for text in texts:
        for word in content_words.__wrapped__(text):  # its cache would grow with the set
            if word not in _SAYING:
                yield word[:5].rstrip("s")
