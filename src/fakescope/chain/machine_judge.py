"""A model as a judge: blind verdicts and criteria where no people are at hand, so that the whole loop runs offline.

Its judgements are marked as a machine's. They never count beside a person's.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from fakescope.chain.store import Store
from fakescope.errors import ImageError
from fakescope.explain.traces import judge_criteria
from fakescope.images.load import LoadedImage, load_image
from fakescope.models.base import ForensicModel
from fakescope.records import ImageRef, Judgement, Label
from fakescope.verdict.judge import judge
from fakescope.verdict.labels import candidate_sets

MOST_CRITERIA = 4


def judge_images(
    store: Store,
    model: ForensicModel,
    *,
    limit: int | None = None,
    on_image: Callable[[str], None] = lambda image: None,
) -> Counter[str]:
    """Judge every labelled image that the model has not judged yet. Returns counts of right, wrong, broken.

    Args:
        store: The chain.
        model: Sees the image alone; the label decides only whether its judgement is right.
        limit: At most so many images.
        on_image: Told of each image that is done.
    """
    counts: Counter[str] = Counter()
    who = f"{model.card.name} {model.card.revision}"
    for ref in _unjudged(store, who):
        if limit is not None and counts.total() >= limit:
            break
        try:
            made = _judgement(store, ref, model, who)
        except ImageError:
            counts["broken"] += 1
        else:
            store.append([made])
            counts["right" if made.right else "wrong"] += 1
        on_image(ref.id)
    return counts


def _unjudged(store: Store, who: str) -> Iterator[ImageRef]:
    for page in store.image_pages():
        known = {row.image for row in store.read(Judgement, image=[ref.id for ref in page], who=who)}
        yield from (ref for ref in page if ref.label is not None and ref.id not in known)


def _judgement(store: Store, ref: ImageRef, model: ForensicModel, who: str) -> Judgement:
    started = time.monotonic()
    image = load_image(store.path_of(ref))
    verdict = judge(model.answer_logits(image), candidate_sets(model), model.card)
    said = Label.FAKE if verdict.p_fake >= verdict.threshold else Label.REAL
    right = said is ref.label
    return Judgement(
        image=ref.id,
        who=who,
        kind="machine",
        said=said,
        confidence=max(0.5, verdict.p_fake if said is Label.FAKE else 1.0 - verdict.p_fake),
        right=right,
        criteria=_criteria(model, image, said) if right else (),
        seconds=round(time.monotonic() - started, 3),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _criteria(model: ForensicModel, image: LoadedImage, said: Label) -> tuple[str, ...]:
    """The strongest findings that speak for the verdict."""
    wanted = "abnormal" if said is Label.FAKE else "natural"
    found = judge_criteria(model, image, float(said.target))
    strongest = sorted((j for j in found if j.finding == wanted), key=lambda j: -j.p_finding)[:MOST_CRITERIA]
    kept = {j.criterion for j in strongest}
    return tuple(j.criterion for j in found if j.criterion in kept)
