"""Checks of one draft by itself."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fakescope.prompts.acoti import acoti_prompt
from fakescope.records import Check, Draft, Exemplar, Label
from fakescope.taxonomy import BY_ID

SHINGLE = 5
"""Words in a row that count as borrowed."""

MOST_BORROWED = 0.3
FEWEST_WORDS, MOST_WORDS = 12, 250
_WORD = re.compile(r"[\w'-]+")
_STATES = {
    Label.FAKE: re.compile(r"\b(?:fake|generated|synthetic|AI-made)\b", re.IGNORECASE),
    Label.REAL: re.compile(
        r"\b(?:real|authentic|genuine|photograph(?:ed)?|hand-made|painted)\b", re.IGNORECASE
    ),
}


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return _WORD.findall(text.lower())


def shingles(text: str, length: int = SHINGLE) -> set[tuple[str, ...]]:
    """All runs of `length` words."""
    found = words(text)
    return {tuple(found[i : i + length]) for i in range(len(found) - length + 1)}


def draft_text(draft: Draft) -> str:
    """Everything a draft says, without the fixed opening of its description."""
    opening = re.compile(r"^This image is (?:fake|real) because\s*", re.IGNORECASE)
    notes = [note.observation for note in draft.traces.values() if note]
    return "\n".join([draft.subject, *notes, opening.sub("", draft.description), draft.limits, draft.advice])


def check_draft(draft: Draft, label: Label, exemplars: Sequence[Exemplar]) -> list[Check]:
    """All checks of one draft.

    Args:
        draft: One that can be read.
        label: The image's label.
        exemplars: Those that the teacher was shown.
    """
    return [
        _states_label(draft, label),
        _names_criteria(draft),
        _boxes(draft),
        _length(draft),
        _borrowed(draft, "repeats_prompt", acoti_prompt(label, (), ())),
        _borrowed(draft, "repeats_exemplar", "\n".join(exemplar.text for exemplar in exemplars)),
    ]


def _states_label(draft: Draft, label: Label) -> Check:
    opening = re.split(r"(?<=[.!?])\s", draft.description, maxsplit=1)[0]
    passed = bool(_STATES[label].search(opening))
    detail = "" if passed else f"the first sentence does not say that the image is {label.value}"
    return Check(draft=draft.id, name="states_label", passed=passed, detail=detail)


def _names_criteria(draft: Draft) -> Check:
    """Every criterion that people named must have an observation; one named in the description counts, too."""
    said = draft.description.lower()
    missing = [
        criterion
        for criterion in draft.criteria
        if draft.traces.get(criterion) is None and BY_ID[criterion].name not in said and criterion not in said
    ]
    share = 1.0 - len(missing) / len(draft.criteria) if draft.criteria else 1.0
    detail = f"nothing is said of: {', '.join(missing)}" if missing else ""
    return Check(draft=draft.id, name="names_criteria", passed=not missing, value=share, detail=detail)


def _boxes(draft: Draft) -> Check:
    outside = [mended for mended in draft.mended if mended.startswith("region")]
    return Check(draft=draft.id, name="boxes_inside", passed=not outside, detail="; ".join(outside)[:500])


def _length(draft: Draft) -> Check:
    count = len(words(draft.description))
    passed = FEWEST_WORDS <= count <= MOST_WORDS
    detail = "" if passed else f"the description has {count} words, not {FEWEST_WORDS} to {MOST_WORDS}"
    return Check(draft=draft.id, name="length", passed=passed, value=float(count), detail=detail)


def _borrowed(draft: Draft, name: str, source: str) -> Check:
    own = shingles(draft_text(draft))
    share = len(own & shingles(source)) / len(own) if own else 0.0
    detail = f"{share:.0%} of its runs of {SHINGLE} words are not its own" if share > MOST_BORROWED else ""
    return Check(
        draft=draft.id, name=name, passed=share <= MOST_BORROWED, value=round(share, 4), detail=detail
    )
