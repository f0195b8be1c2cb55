"""Put a release into a store, to go on from it: images, judgements, drafts, reviews and exemplars."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from fakescope.chain.exemplars import latest, read_exemplars
from fakescope.chain.release.read import read_about, read_pictures, read_release
from fakescope.chain.store import Store
from fakescope.records import ChainRecord, Draft, Judgement, Record, Review

PAGE = 200
EXEMPLARS = "exemplars.jsonl"


@dataclass
class Loaded:
    """What came into the store: new records, images whose file has been found, exemplars; and images without a file."""

    records: int = 0
    placed: int = 0
    exemplars: int = 0
    without_file: int = 0


def load_release(folder: Path, store: Store, images: Path | None = None) -> Loaded:
    """Add what the store does not know yet of a release, and say where its images lie.

    Args:
        folder: A release.
        store: The chain. Images that the release embeds are written into its folder.
        images: Folder with ID.jpg of each image, for a release that only refers to them.

    Raises:
        DataError: It is no release, or an image is there already with another label.
    """
    embedded: dict[str, str] = {}
    if images is None and (read_about(folder).get("images") or {}).get("mode") == "embed":
        embedded = _write_pictures(folder, store.root)

    def path_of(record: ChainRecord) -> str:
        if images is not None:
            return str((images / f"{record.image.id}.jpg").absolute())
        if record.image.path:
            return str((folder / record.image.path).absolute())
        return embedded.get(record.image.id, "")

    loaded = into_store(read_release(folder), store, path_of)
    if (folder / EXEMPLARS).is_file():
        known = {exemplar.id for exemplar in latest(store)}
        new = [exemplar for exemplar in read_exemplars(folder / EXEMPLARS) if exemplar.id not in known]
        store.append(new)
        loaded.exemplars = len(new)
    return loaded


def into_store(
    records: Iterable[ChainRecord],
    store: Store,
    path_of: Callable[[ChainRecord], str] = lambda record: record.image.path,
) -> Loaded:
    """Add records whose images the store does not know yet, and place the files of those that it knows without one.

    A record without drafts (release 0 has none) becomes a draft of whoever its lineage says has written it.

    Args:
        records: Of a release.
        store: The chain.
        path_of: Where the image file of a record lies here; empty where there is none.

    Raises:
        DataError: An image is there already with another label.
    """
    rest, loaded = iter(records), Loaded()
    while page := list(islice(rest, PAGE)):
        known = {ref.id: ref for ref in store.images_of([record.image.id for record in page])}
        refs = [record.image.model_copy(update={"path": path_of(record)}) for record in page]
        store.add_images(refs)
        new = [record for record in page if record.image.id not in known]
        store.append([row for record in new for row in rows_of(record)])
        loaded.records += len(new)
        lost = {id for id, ref in known.items() if not (ref.path and store.path_of(ref).is_file())}
        loaded.placed += store.place_images({ref.id: ref.path for ref in refs if ref.id in lost and ref.path})
        here = store.images_of([ref.id for ref in refs])
        loaded.without_file += sum(not (ref.path and store.path_of(ref).is_file()) for ref in here)
    return loaded


def rows_of(record: ChainRecord) -> list[Record]:
    """What the store holds of a record beside its image."""
    judgements: tuple[Judgement, ...] = record.judgements
    reviews: tuple[Review, ...] = record.reviews
    return [*judgements, *(record.drafts or _draft(record)), *reviews]


def _write_pictures(folder: Path, root: Path) -> dict[str, str]:
    """Embedded pictures as files; their names are hashes, for an id may be anything. Returns paths by id."""
    (root / "images").mkdir(parents=True, exist_ok=True)
    paths: dict[str, str] = {}
    for id, picture in read_pictures(folder):
        paths[id] = f"images/{hashlib.sha256(id.encode()).hexdigest()[:32]}.jpg"
        (root / paths[id]).write_bytes(picture)
    return paths


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
