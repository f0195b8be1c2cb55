"""Chain records out of a store: for each image the text that people settled on, and who made it.

The reviews of an adjudicator or the owner count before those of annotators, later ones before earlier ones. Annotators
who differ between taking and rejecting a draft leave it undecided until somebody adjudicates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from fakescope.chain.exemplars import latest
from fakescope.chain.steer import settle
from fakescope.chain.store import Store
from fakescope.records import ChainRecord, Draft, Exemplar, ImageRef, Judgement, Lineage, Review

Status = Literal["draft", "accepted", "revised", "rejected"]
_STATUS: dict[str, Status] = {"accept": "accepted", "revise": "revised", "reject": "rejected"}
Names = Callable[[str], str]


def records_of(store: Store, *, names: bool = False) -> Iterator[ChainRecord]:
    """One record for each image that has a readable ACoTI draft, in the order of their ids.

    Args:
        store: The chain.
        names: Keep people's names; by default they become `person 1`, `person 2`, ...
    """
    named = _namer(store, names)
    for page in store.image_pages():
        ids = [ref.id for ref in page]
        drafts = _grouped(store.read(Draft, image=ids, mode="acoti", fault=None))
        reviews = _grouped(store.read(Review, image=ids))
        judgements = _grouped(store.read(Judgement, image=ids))
        for ref in page:
            if own := drafts.get(ref.id):
                yield record_of(ref, own, reviews.get(ref.id, []), judgements.get(ref.id, []), named)


def exemplars_of(store: Store, *, names: bool = False) -> list[Exemplar]:
    """Exemplars in use that a person has checked, in the order of their ids; people as in `records_of`."""
    named = _namer(store, names)
    used = (e for e in latest(store) if e.text and e.checked_by)
    return [e.model_copy(update={"checked_by": named(e.checked_by or "")}) for e in used]


def _namer(store: Store, names: bool) -> Names:
    known = {name: f"person {number}" for number, name in enumerate(store.people(), 1)}
    return (lambda who: who) if names else (lambda who: known.get(who, "person"))


def record_of(
    ref: ImageRef,
    drafts: Sequence[Draft],
    reviews: Sequence[Review],
    judgements: Sequence[Judgement],
    named: Names = lambda who: who,
) -> ChainRecord:
    """The record of one image.

    Args:
        ref: The image.
        drafts: Its readable drafts, at least one.
        reviews: All reviews of them.
        judgements: All judgements of the image.
        named: What people are called.
    """
    draft, review = final(drafts, reviews)
    status: Status = _STATUS[review.decision] if review else "draft"
    revised = review if review and review.decision == "revise" else None

    def text(name: str) -> str:
        changed = getattr(revised, name) if revised else None
        return getattr(draft, name) if changed is None else changed  # type: ignore[no-any-return]

    return ChainRecord(
        image=ref,
        subject=draft.subject,
        kind=ref.group,
        blind_p_fake=_blind(judgements),
        traces=draft.traces if revised is None or revised.traces is None else revised.traces,
        description=text("description"),
        limits=text("limits"),
        advice=text("advice"),
        lineage=tuple(_lineage(draft, reviews, named)),
        status=status,
        judgements=tuple(
            row.model_copy(update={"who": named(row.who) if row.kind == "person" else row.who})
            for row in judgements
        ),
        exemplars=draft.exemplars,
        drafts=tuple(drafts),
        reviews=tuple(row.model_copy(update={"who": named(row.who)}) for row in reviews),
    )


def final(drafts: Sequence[Draft], reviews: Sequence[Review]) -> tuple[Draft, Review | None]:
    """The draft that stands for an image, and the review that decided so; None where nothing is decided."""
    deciding = {draft.id: _deciding([r for r in reviews if r.draft == draft.id]) for draft in drafts}
    order = {id(review): place for place, review in enumerate(reviews)}
    taken = [(order[id(r)], d, r) for d in drafts if (r := deciding[d.id]) and r.decision != "reject"]
    if taken:
        _, draft, review = max(taken, key=lambda item: item[0])
        return draft, review
    undecided = [draft for draft in drafts if deciding[draft.id] is None]
    if undecided:
        return undecided[-1], None
    return drafts[-1], deciding[drafts[-1].id]


def _deciding(reviews: Sequence[Review]) -> Review | None:
    """The review that decides on one draft."""
    above = [review for review in reviews if review.role != "annotator"]
    if above:
        return above[-1]
    last = list({review.who: review for review in reviews}.values())
    if len({review.decision == "reject" for review in last}) > 1:
        return None
    return max(last, key=reviews.index) if last else None


def _lineage(draft: Draft, reviews: Sequence[Review], named: Names) -> Iterator[Lineage]:
    told = "told the label" + (
        f" and people's criteria: {', '.join(draft.criteria)}" if draft.criteria else ""
    )
    yield Lineage(
        made_by=draft.teacher,
        kind="machine",
        model=draft.teacher,
        prompt_hash=draft.prompt_hash,
        at=draft.at or None,
        notes=f"draft {draft.id}, written {told}; shown exemplars: {', '.join(draft.exemplars) or 'none'}",
    )
    for review in reviews:
        if review.draft == draft.id:
            notes = f"{review.role}: {review.decision}" + (f" ({review.reason})" if review.reason else "")
            yield Lineage(made_by=named(review.who), kind="person", at=review.at or None, notes=notes)


def _blind(judgements: Sequence[Judgement]) -> float | None:
    """Mean blind probability of fake over people; over machines where no person has judged."""
    settled = settle(judgements)
    counted = [row for row in settled if row.kind == "person"] or settled
    return sum(row.p_fake for row in counted) / len(counted) if counted else None


def _grouped(rows: Iterator[Draft] | Iterator[Review] | Iterator[Judgement]) -> dict[str, list]:  # type: ignore[type-arg]
    found: dict[str, list] = {}  # type: ignore[type-arg]
    for row in rows:
        found.setdefault(row.image, []).append(row)
    return found
