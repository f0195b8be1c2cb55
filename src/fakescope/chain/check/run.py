"""All checks over a chain. A check is appended only when it is new or comes out otherwise than before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from fakescope.chain.check.crowd import Crowd
from fakescope.chain.check.faults import check_draft
from fakescope.chain.check.jury import jury
from fakescope.chain.steer import Supervision, supervisions
from fakescope.chain.store import Store
from fakescope.records import Check, Draft, Exemplar, ImageRef, Label

PRIORITY = "priority"


@dataclass
class Summary:
    """Counts of a run: drafts seen, those that failed a check, by check."""

    drafts: int = 0
    flagged: int = 0
    written: int = 0
    failed: Counter[str] = field(default_factory=Counter)


def run_checks(store: Store, on_page: Callable[[int], None] = lambda drafts: None) -> Summary:
    """Check every draft that can be read, and rank drafts for review.

    Two passes over the drafts: the first counts phrases, the second judges. Memory does not grow with the chain.
    """
    crowd, summary = Crowd(), Summary()
    for page in store.image_pages():
        for draft in _drafts(store, page):
            crowd.add(draft)
    exemplars = {exemplar.id: exemplar for exemplar in store.read(Exemplar)}
    for page in store.image_pages():
        drafts = _drafts(store, page)
        labels = {ref.id: ref.label for ref in page}
        steered = supervisions(store, list(labels))
        checks = [
            check
            for image, own in groupby(drafts, key=lambda d: d.image)
            for check in _checks_of_image(list(own), labels[image], steered[image], crowd, exemplars, summary)
        ]
        new = list(_changed(store, checks))
        store.append(new)
        summary.written += len(new)
        on_page(len(drafts))
    return summary


def _checks_of_image(
    drafts: list[Draft],
    label: Label | None,
    supervision: Supervision,
    crowd: Crowd,
    exemplars: dict[str, Exemplar],
    summary: Summary,
) -> Iterator[Check]:
    apart = {check.draft: check for check in jury([d for d in drafts if d.mode == "acoti"])}
    for draft in drafts:
        if label is None:
            continue
        shown = [exemplars[id] for id in draft.exemplars if id in exemplars]
        own = [*check_draft(draft, label, shown), crowd.check(draft)]
        own += [apart[draft.id]] if draft.id in apart else []
        failed = [check.name for check in own if not check.passed]
        summary.drafts += 1
        summary.flagged += bool(failed)
        summary.failed.update(failed)
        yield from own
        yield priority(draft, own, supervision)


def priority(draft: Draft, checks: Iterable[Check], supervision: Supervision) -> Check:
    """How urgently a person should read a draft, 0 to 1: the largest of its reasons.

    Failed checks, the jury's disagreement, and how many people the image deceived.
    """
    checks = list(checks)
    failed = sum(not check.passed for check in checks)
    reasons = {
        "failed checks": failed / (failed + 1),  # one 0.5, two 0.67, three 0.75
        "the jury disagrees": next((c.value or 0.0 for c in checks if c.name == "jury"), 0.0),
        "people were deceived": 0.6 * supervision.deceived,
    }
    reason, value = max(reasons.items(), key=lambda item: item[1])
    return Check(
        draft=draft.id, name=PRIORITY, passed=True, value=round(value, 4), detail=reason if value else ""
    )


def _drafts(store: Store, page: list[ImageRef]) -> list[Draft]:
    """Readable drafts of a page of images, those of one image together, in the order in which they came."""
    found = store.read(Draft, image=[ref.id for ref in page], fault=None)
    return sorted(found, key=lambda draft: draft.image)


def _changed(store: Store, checks: list[Check]) -> Iterator[Check]:
    ids = list({check.draft for check in checks})
    known = {(check.draft, check.name): check for check in store.read(Check, draft=ids)}
    return (check for check in checks if known.get((check.draft, check.name)) != check)
