"""A chain as Label Studio tasks: drafts as predictions, what people did so far as annotations."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from fakescope.chain.label_studio import config
from fakescope.chain.label_studio.config import Task
from fakescope.chain.label_studio.values import Size, box, choices, number, text
from fakescope.chain.steer import settle
from fakescope.chain.store import Store
from fakescope.errors import ImageError
from fakescope.images.load import load_image
from fakescope.records import Draft, ImageRef, JsonObject, Judgement, Review, TraceNote

JPEG_QUALITY = 92
LOCAL_FILES = "/data/local-files/?d=images/"
"""Label Studio's own address of files in its local storage."""


def export(store: Store, folder: Path, task: Task, *, address: str = LOCAL_FILES) -> tuple[int, list[str]]:
    """Write `tasks.json`, `config.xml` and `images/ID.jpg`.

    Images are decoded and encoded anew, all in the same way, without metadata. Tasks of blind steering hold no label,
    no name and no draft.

    Args:
        store: The chain.
        folder: Made if it is missing.
        task: What people are asked to do.
        address: What stands before `ID.jpg` in a task.

    Returns:
        How many tasks, and the ids of images that cannot be read.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "config.xml").write_text(config.interface(task), encoding="utf-8")
    count, broken = 0, []
    with (folder / "tasks.json").open("w", encoding="utf-8") as out:
        out.write("[")
        for ref in store.images():
            try:
                size = _write_image(store, ref, folder)
            except ImageError:
                broken.append(ref.id)
                continue
            for made in tasks_of(store, ref, task, size, f"{address}{quote(ref.id)}.jpg"):
                out.write(("," if count else "") + "\n" + json.dumps(made, ensure_ascii=False))
                count += 1
        out.write("\n]\n")
    return count, broken


def tasks_of(store: Store, ref: ImageRef, task: Task, size: Size, address: str) -> Iterator[JsonObject]:
    """The tasks of one image: one for steering; one a readable draft for review."""
    data = {"image": address, "image_id": ref.id}
    if task is Task.STEER:
        rows = settle(
            store.read(
                Judgement,
                image=ref.id,
            )
        )
        people = [row for row in rows if row.kind == "person"]
        yield {"data": data, "annotations": [judgement_annotation(row, size) for row in people]}
        return
    reviews = list(store.read(Review, image=ref.id))
    for draft in store.read(Draft, image=ref.id, fault=None):
        yield {
            "data": data | {"label": ref.label.value if ref.label else "", "draft_id": draft.id},
            "predictions": [prediction(draft, size)],
            "annotations": [review_annotation(r, draft, size) for r in reviews if r.draft == draft.id],
        }


def prediction(draft: Draft, size: Size) -> JsonObject:
    """A draft as a prediction."""
    return {"model_version": draft.teacher, "result": _content(draft, None, size)}


def judgement_annotation(row: Judgement, size: Size) -> JsonObject:
    """A person's settled judgement as an annotation."""
    result = [
        choices(config.VERDICT, [row.said.value]),
        number(config.CONFIDENCE, round(100 * row.confidence, 6)),
    ]
    if row.criteria:
        result.append(choices(config.CRITERIA_NAME, row.criteria))
    result += [box(b.region, b.criterion, size) for b in row.boxes if b.criterion]
    return _annotation(row.who, row.at, row.seconds, result)


def review_annotation(review: Review, draft: Draft, size: Size) -> JsonObject:
    """A review as an annotation: the texts as they stand after it."""
    result = [*_content(draft, review, size), choices(config.DECISION, [review.decision])]
    if review.reason:
        result.append(text(config.REASON, review.reason))
    return _annotation(review.who, review.at, review.seconds, result)


def _content(draft: Draft, review: Review | None, size: Size) -> list[JsonObject]:
    traces = draft.traces if review is None or review.traces is None else review.traces
    result = []
    for name in config.TEXTS:
        changed = getattr(review, name) if review else None
        value = getattr(draft, name) if changed is None else changed
        if value:
            result.append(text(name, value))
    return [*result, *_traces(traces.items(), size)]


def _traces(traces: Iterable[tuple[str, TraceNote | None]], size: Size) -> Iterator[JsonObject]:
    for criterion, note in traces:
        if note is not None:
            yield choices(config.finding_name(criterion), [note.finding])
            yield text(config.observation_name(criterion), note.observation)
            if note.region:
                yield box(note.region, criterion, size)


def _annotation(who: str, at: str, seconds: float, result: Sequence[JsonObject]) -> JsonObject:
    made: JsonObject = {"completed_by": {"email": who}, "lead_time": seconds, "result": list(result)}
    return made | ({"created_at": at} if at else {})


def _write_image(store: Store, ref: ImageRef, folder: Path) -> Size:
    pixels = load_image(store.path_of(ref)).pixels
    buffer = io.BytesIO()
    pixels.save(buffer, "JPEG", quality=JPEG_QUALITY)
    (folder / "images" / f"{ref.id}.jpg").write_bytes(buffer.getvalue())
    return Size(*pixels.size)
