"""Put a release into a store, to go on from it: images, judgements, drafts and reviews."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from fakescope.chain.store import Store
from fakescope.records import ChainRecord, Draft, Judgement, Record, Review

PAGE = 200


def into_store(
    records: Iterable[ChainRecord],
    store: Store,
    path_of: Callable[[ChainRecord], str] = lambda record: record.image.path,
) -> int:
    """Add records whose images the store does not know yet. Returns how many.

    A record without drafts (release 0 has none) becomes a draft of whoever its lineage says has written it.

    Args:
        records: Of a release.
        store: The chain.
        path_of: Where the image file of a record lies here.

    Raises:
        DataError: An image is there already with another label.
    """
    rest, added = iter(records), 0
    while page := list(islice(rest, PAGE)):
        known = {ref.id for ref in store.images_of([record.image.id for record in page])}
        new = [record for record in page if record.image.id not in known]
        refs = (record.image.model_copy(update={"path": path_of(record)}) for record in page)
        store.add_images(refs)
        store.append([row for record in new for row in rows_of(record)])
        added += len(new)
    return added


def rows_of(record: ChainRecord) -> list[Record]:
    """What the store holds of a record beside its image."""
    judgements: tuple[Judgement, ...] = record.judgements
    reviews: tuple[Review, ...] = record.reviews
    return [*judgements, *(record.drafts or _draft(record)), *reviews]


def _draft(record: ChainRecord) -> list[Draft]:
    if not record.description:
        return []
    writer = next((line for line in reversed(record.lineage) if line.kind == "machine"), None)
    return [
        Draft(
            id=f"released-{record.image.id}",
            image=record.image.id,
            teacher=writer.made_by if writer else "unknown",
            prompt_hash=(writer and writer.prompt_hash) or "unknown",
            subject=record.subject,
            traces=record.traces,
            description=record.description,
            limits=record.limits,
            advice=record.advice,
            exemplars=record.exemplars,
            at=(writer and writer.at) or "",
        )
    ]
