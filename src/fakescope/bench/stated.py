"""Which label a description states: word by word, with negation, and without guessing.

Only a statement about the image itself counts ("This image is fake"), so that "a real photograph would show"
says nothing, and "unrealistic" is never read as "real".
"""

from __future__ import annotations

import re
from typing import Literal

Stated = Literal["fake", "real", "inconclusive", "contradictory", "unstated"]

_SUBJECT = (
    r"\b(?:this|the|it)(?:\s+(?!is\b|was\b|looks\b|seems\b|appears\b)[\w-]+){0,4}?\s*"
    r"\s(?:is|was|looks|seems|appears|remains)(?:\b|(?=n['’]t))"
)
_BETWEEN = (
    r"(?:\s+(?:to\s+be|most|more|very|rather|quite|almost|probably|likely|certainly|clearly|apparently|judged|"
    r"considered|labelled|an?))*"
)
_NEGATION = r"(?P<negation>\s+(?:not|never|hardly)|n['’]t)?"
_WORD = (
    r"\s+(?:(?P<fake>fake|ai[- ]generated|generated|artificial|synthetic|machine[- ]made)"
    r"|(?P<real>real|authentic|genuine)"
    r"|(?P<open>inconclusive|uncertain|undecided|unclear))\b(?![-'’])"
)
_STATEMENT = re.compile(_SUBJECT + _BETWEEN + _NEGATION + _BETWEEN + _WORD, re.IGNORECASE)
_OPEN = re.compile(
    r"\b(?:inconclusive|cannot\s+be\s+(?:decided|told|judged|determined|said)|can(?:no|['’])t\s+(?:tell|say|decide)"
    r"|(?:hard|impossible)\s+to\s+(?:tell|say|decide))\b",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"\b(?:if|whether|that|were|had|unless|suppose)\s*$", re.IGNORECASE)
_ABOUT_IMAGE = re.compile(
    r"\b(?:it|image|picture|photo|photograph|illustration|painting|render|rendering|poster|screenshot|portrait|"
    r"drawing|artwork|verdict|authenticity|label)\b",
    re.IGNORECASE,
)


def stated_label(text: str) -> Stated:
    """The label that a text states.

    Returns:
        "contradictory" when it states both labels, "inconclusive" when it says that it cannot tell,
        "unstated" when it does neither.
    """
    found: list[str] = []
    for match in _STATEMENT.finditer(text):
        if _CONDITION.search(text[: match.start()]) or not _ABOUT_IMAGE.search(match.group()):
            continue
        kind = match.lastgroup if match.lastgroup != "negation" else None
        if kind in ("fake", "real"):
            flipped = {"fake": "real", "real": "fake"}[kind]
            found.append(flipped if match.group("negation") else kind)
    if len(set(found)) > 1:
        return "contradictory"
    if found:
        return "fake" if found[0] == "fake" else "real"
    open_statement = any(m.lastgroup == "open" and not m.group("negation") for m in _STATEMENT.finditer(text))
    return "inconclusive" if open_statement or _OPEN.search(text) else "unstated"
