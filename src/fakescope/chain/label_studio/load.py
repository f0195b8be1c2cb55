"""Annotations of Label Studio as judgements and reviews. A broken one is named, and costs itself alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import ValidationError

from fakescope.chain.label_studio import config
from fakescope.chain.label_studio.values import label_of, region_of, text_of
from fakescope.chain.store import Store
from fakescope.errors import DataError
from fakescope.records import Box, Draft, Finding, JsonObject, Judgement, Label, Region, Review, TraceNote
from fakescope.taxonomy import CRITERION_IDS

MAX_BYTES = 2 << 30


@dataclass
class Loaded:
    """What a file gave."""

    judgements: int = 0
    reviews: int = 0
    known: int = 0
    broken: list[str] = field(default_factory=list)


def load_annotations(store: Store, path: Path) -> Loaded:
    """Append what people did in Label Studio; a row that is there already is passed over.

    Args:
        store: The chain that the tasks were exported from.
        path: Label Studio's JSON export.

    Raises:
        DataError: The file cannot be read as such an export.
    """
    loaded = Loaded()
    for number, task in enumerate(_tasks(path)):
        for annotation in task.get("annotations") or ():
            try:
                row = _row(store, task, annotation)
                if row in _there(store, row):
                    loaded.known += 1
                    continue
                store.append([row])
            except (DataError, ValidationError) as error:
                loaded.broken.append(f"task {task.get('id', number)}: {str(error).splitlines()[0]}")
                continue
            loaded.judgements += isinstance(row, Judgement)
            loaded.reviews += isinstance(row, Review)
    return loaded


def read_judgement(task: JsonObject, annotation: JsonObject, label: Label | None) -> Judgement:
    """An annotation of blind steering.

    Raises:
        DataError: Something of it is missing or makes no sense.
    """
    results = list(_results(annotation))
    said = _one_choice(results, config.VERDICT)
    if said is None:
        raise DataError("no verdict was chosen")
    confidence = next(
        (float(r["value"]["number"]) for r in results if r["from_name"] == config.CONFIDENCE), None
    )
    if confidence is None:
        raise DataError("no confidence was given")
    right = said == label
    return Judgement(
        image=_text(task, "image_id"),
        said=Label(said),
        confidence=round(confidence / 100, 8),
        right=right,
        criteria=tuple(c for c in CRITERION_IDS if right and c in _choices(results, config.CRITERIA_NAME)),
        boxes=tuple(Box(region=r, criterion=c) for c, r in _boxes(results)) if right else (),
        **_who(annotation),
    )


def read_review(task: JsonObject, annotation: JsonObject, draft: Draft) -> Review:
    """An annotation of a draft. What equals the draft counts as unchanged; so does all where nothing was to be revised.

    Raises:
        DataError: Something of it is missing or makes no sense.
    """
    results = list(_results(annotation))
    decision = _one_choice(results, config.DECISION)
    if decision is None:
        raise DataError("no decision was chosen")
    texts = {r["from_name"]: text_of(r["value"]) for r in results if r["type"] == "textarea"}
    changed: JsonObject = {}
    if decision == "revise":
        traces = _traces(results, texts, draft)
        changed = {n: texts.get(n, "") for n in config.TEXTS if texts.get(n, "") != getattr(draft, n)}
        changed |= {} if traces == draft.traces else {"traces": traces}
    return Review(
        draft=draft.id,
        image=_text(task, "image_id"),
        decision=cast(Literal["accept", "revise", "reject"], decision),
        reason=texts.get(config.REASON, ""),
        **changed,
        **_who(annotation),
    )


def _row(store: Store, task: JsonObject, annotation: JsonObject) -> Judgement | Review:
    data = task["data"]
    if "draft_id" in data:
        return read_review(data, annotation, store.draft(_text(data, "draft_id")))
    return read_judgement(data, annotation, store.image(_text(data, "image_id")).label)


def _there(store: Store, row: Judgement | Review) -> Iterator[Judgement | Review]:
    return store.read(type(row), image=row.image, who=row.who)


def _tasks(path: Path) -> list[JsonObject]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path} is too large", "export fewer tasks at a time")
        tasks = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not isinstance(tasks, list) or not all(
        isinstance(t, dict) and isinstance(t.get("data"), dict) for t in tasks
    ):
        raise DataError(f"{path} is not a list of tasks", "use Label Studio's export as JSON")
    return tasks


def _results(annotation: Any) -> Iterator[JsonObject]:
    results = annotation.get("result") if isinstance(annotation, dict) else None
    for result in results if isinstance(results, list) else ():
        if not isinstance(result, dict) or not isinstance(result.get("value"), dict):
            raise DataError("a result is not an object with a value")
        if isinstance(result.get("from_name"), str) and isinstance(result.get("type"), str):
            yield result


def _choices(results: list[JsonObject], name: str) -> list[str]:
    chosen = next((r["value"].get("choices") for r in results if r["from_name"] == name), None)
    return [c for c in chosen if isinstance(c, str)] if isinstance(chosen, list) else []


def _one_choice(results: list[JsonObject], name: str) -> str | None:
    return next(iter(_choices(results, name)), None)


def _boxes(results: list[JsonObject]) -> Iterator[tuple[str, Region]]:
    for result in results:
        if result["type"] == "rectanglelabels":
            yield label_of(result["value"]), region_of(result["value"])


def _traces(results: list[JsonObject], texts: dict[str, str], draft: Draft) -> dict[str, TraceNote | None]:
    regions: dict[str, Region] = {}
    for criterion, region in _boxes(results):
        regions.setdefault(criterion, region)
    traces: dict[str, TraceNote | None] = {}
    for criterion in CRITERION_IDS:
        finding = _one_choice(results, config.finding_name(criterion))
        observation = texts.get(config.observation_name(criterion), "")
        if finding is None and criterion in regions:
            raise DataError(f"there is a box for {criterion}, but no finding")
        if finding is not None:
            traces[criterion] = TraceNote(
                finding=cast(Finding, finding), observation=observation, region=regions.get(criterion)
            )
        elif criterion in draft.traces:
            traces[criterion] = None
    return traces


def _who(annotation: JsonObject) -> JsonObject:
    by = annotation.get("completed_by")
    if isinstance(by, dict):
        by = by.get("email") or by.get("id")
    if by is None or by == "":
        raise DataError("nothing is said of who made it")
    seconds = annotation.get("lead_time")
    return {
        "who": str(by)[:64],
        "seconds": float(seconds) if isinstance(seconds, int | float) and seconds >= 0 else 0.0,
        "at": str(annotation.get("created_at") or ""),
    }


def _text(data: JsonObject, name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise DataError(
            f"the task's data lack {name}", "export tasks with `fakescope chain label-studio export`"
        )
    return value
