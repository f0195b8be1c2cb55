"""A model as a judge: blind verdicts and criteria where no people are at hand, so that the whole loop runs offline.

Its judgements are marked as a machine's. They never count beside a person's.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from fakescope.chain.ray_engine import map_on_ray
from fakescope.chain.store import Store
from fakescope.errors import ImageError
from fakescope.explain.traces import judge_criteria
from fakescope.images.load import LoadedImage, load_image
from fakescope.models.base import ForensicModel
from fakescope.records import ImageRef, JsonObject, Judgement, Label
from fakescope.verdict.judge import judge_image

MOST_CRITERIA = 4
BATCH = 32
"""Images that a worker of the Ray engine takes at a time."""


def judge_images(
    store: Store,
    model: ForensicModel,
    *,
    limit: int | None = None,
    on_image: Callable[[int], None] = lambda images: None,
) -> Counter[str]:
    """Judge every labelled image that the model has not judged yet. Returns counts of right, wrong, broken, known.

    Args:
        store: The chain.
        model: Sees the image alone; the label decides only whether its judgement is right.
        limit: At most so many images.
        on_image: Told of each image that is done.
    """
    counts: Counter[str] = Counter()
    for ref in islice(_labelled(store.image_pages()), limit):
        counts[_judge(store, ref, model)] += 1
        on_image(1)
    return counts


def judge_on_ray(
    store: Store,
    load: Callable[[], ForensicModel],
    *,
    workers: int,
    limit: int | None = None,
    on_image: Callable[[int], None] = lambda images: None,
) -> Counter[str]:
    """`judge_images` on a Ray cluster; each worker loads the model once. `load` must be picklable.

    Raises:
        MissingExtraError: Ray is not installed.
    """
    ids = (ref.id for ref in islice(_labelled(store.image_pages()), limit))
    total: Counter[str] = Counter()
    for counts in map_on_ray(
        ids, JudgeWorker, (store.url, store.root, load), workers=workers, batch_size=BATCH
    ):
        on_image(sum(counts.values()))
        total.update(counts)
    return total


class JudgeWorker:
    """One worker of the Ray engine."""

    def __init__(self, url: str, root: Path, load: Callable[[], ForensicModel]) -> None:
        self._store, self._model = Store(url, root), load()

    def run(self, ids: list[str]) -> JsonObject:
        """Judge some images."""
        return dict(Counter(_judge(self._store, ref, self._model) for ref in self._store.images_of(ids)))


def _labelled(pages: Iterable[list[ImageRef]]) -> Iterator[ImageRef]:
    return (ref for page in pages for ref in page if ref.label is not None)


def _judge(store: Store, ref: ImageRef, model: ForensicModel) -> str:
    """Judge one image, and keep the judgement. Returns what became of it."""
    who = f"{model.card.name} {model.card.revision}"
    if any(store.read(Judgement, image=ref.id, who=who)):
        return "known"
    try:
        made = _judgement(store, ref, model, who)
    except ImageError:
        return "broken"
    store.append([made])
    return "right" if made.right else "wrong"


def _judgement(store: Store, ref: ImageRef, model: ForensicModel, who: str) -> Judgement:
    started = time.monotonic()
    image = load_image(store.path_of(ref))
    verdict = judge_image(model, image)
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
