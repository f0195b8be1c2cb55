"""People's reviews of one image's drafts -> pairs of a description that they took and one that they did not.

Both texts of a pair are about the same image and neither states another label than its own, so that what sets them
apart is the reasoning. Forced choices between two drafts are not used: releases do not carry them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from fakescope.bench.stated import stated_label
from fakescope.instruct.phrasing import ascii_text
from fakescope.records import ChainRecord, Draft, Label, Review

Kind = Literal["drafts", "revision"]
"""drafts: one that was taken over one that was rejected. revision: what a reviewer made of a draft over the draft."""

MOST_CHARS = 4000
"""Of a text: nothing is cut off in training, so what is longer stays away."""

NO_LABEL = "image without a label"
UNKNOWN = "review of a draft that is not there"
DISAGREED = "people disagree on the draft"
EMPTY = "no text"
LONG = f"text over {MOST_CHARS} characters"
OTHER_LABEL = "states the other label"
EQUAL = "equal texts"
TWICE = "pair that is there already"


class Pair(NamedTuple):
    """Two texts about one image.

    Attributes:
        id: IMAGE/NUMBER.
        reason: What the reviewer said of the draft that was rejected or revised.
    """

    id: str
    image: str
    split: str
    kind: Kind
    chosen: str
    rejected: str
    chosen_draft: str
    rejected_draft: str
    reason: str


class _Taken(NamedTuple):
    """A draft that people took, with the text that they settled on."""

    draft: Draft
    review: Review
    text: str


def pairs_of(record: ChainRecord, dropped: Counter[str]) -> list[Pair]:
    """The pairs of one record.

    Args:
        record: With its drafts and reviews.
        dropped: What is left out is counted here, by reason.
    """
    if not record.reviews:
        return []
    if record.image.label is None:
        dropped[NO_LABEL] += 1
        return []
    pairs: list[Pair] = []
    seen: set[tuple[str, str]] = set()
    for pair in _candidates(record, dropped):
        fault = _fault(pair, record.image.label)
        if not fault and (pair.chosen, pair.rejected) in seen:
            fault = TWICE
        if fault:
            dropped[fault] += 1
            continue
        seen.add((pair.chosen, pair.rejected))
        pairs.append(pair._replace(id=f"{pair.image}/{len(pairs)}"))
    return pairs


def _candidates(record: ChainRecord, dropped: Counter[str]) -> Iterator[Pair]:
    """Revisions first, then every draft that was taken with every one that was rejected; ids are still to be given."""
    taken, rejected = _decided(record, dropped)

    def pair(kind: Kind, chosen: str, other: Draft, of: Draft, reason: str) -> Pair:
        return Pair(
            "", record.image.id, record.image.split or "", kind, ascii_text(chosen), ascii_text(other.description),
            of.id, other.id, reason,
        )  # fmt: skip

    for one in taken:
        if one.review.decision == "revise" and one.review.description is not None:
            yield pair("revision", one.text, one.draft, one.draft, one.review.reason)
    for one in taken:
        for draft, review in rejected:
            yield pair("drafts", one.text, draft, one.draft, review.reason)


def _decided(record: ChainRecord, dropped: Counter[str]) -> tuple[list[_Taken], list[tuple[Draft, Review]]]:
    """Drafts that were taken and drafts that were rejected, each with the review that decided so."""
    reviews: dict[str, list[Review]] = defaultdict(list)
    for row in record.reviews:
        reviews[row.draft].append(row)
    for id in reviews.keys() - {draft.id for draft in record.drafts}:
        dropped[UNKNOWN] += len(reviews[id])
    taken: list[_Taken] = []
    rejected: list[tuple[Draft, Review]] = []
    for draft in record.drafts:
        if draft.id not in reviews:
            continue
        review = _deciding(reviews[draft.id])
        if review is None:
            dropped[DISAGREED] += 1
        elif review.decision == "reject":
            rejected.append((draft, review))
        else:
            revised = review.description if review.decision == "revise" else None
            taken.append(_Taken(draft, review, draft.description if revised is None else revised))
    return taken, rejected


def _deciding(reviews: Sequence[Review]) -> Review | None:
    """The review that decides on a draft, as in a release; None where annotators both take and reject it.

    An adjudicator or the owner decides alone. Else the last review of each person counts, and the latest one decides.
    """
    above = [review for review in reviews if review.role != "annotator"]
    if above:
        return above[-1]
    last = {review.who: place for place, review in enumerate(reviews)}
    if len({reviews[place].decision == "reject" for place in last.values()}) > 1:
        return None
    return reviews[max(last.values())]


def _fault(pair: Pair, label: Label) -> str:
    """Why a pair cannot be used; empty when it can."""
    texts = (pair.chosen, pair.rejected)
    if not all(texts):
        return EMPTY
    if max(map(len, texts)) > MOST_CHARS:
        return LONG
    other = Label.REAL if label is Label.FAKE else Label.FAKE
    if any(stated_label(text) in (other.value, "contradictory") for text in texts):
        return OTHER_LABEL
    return EQUAL if pair.chosen == pair.rejected else ""
