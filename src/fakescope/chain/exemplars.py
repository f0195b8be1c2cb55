"""Exemplars: worked examples, merged from a human and a machine demonstration and checked by a person.

    people's judgements (criteria, boxes) + a teacher's draft of the same image -> proposed exemplar -> a person's check

Nothing is shown to a teacher before a person has checked it, unless that is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from fakescope.chain.steer import Keep, Supervision, supervisions
from fakescope.chain.store import Store
from fakescope.errors import DataError
from fakescope.records import Draft, Exemplar, ImageRef, Label, Region
from fakescope.taxonomy import BY_ID, CRITERION_IDS

STARTER = Path(__file__).with_name("starter_exemplars.jsonl")
"""A few machine-written exemplars, so that a chain can begin. They are unchecked: a person has to check them."""


@dataclass(frozen=True)
class Candidate:
    """An image that people recognised and a teacher described."""

    image: ImageRef
    supervision: Supervision
    draft: Draft


def latest(store: Store) -> list[Exemplar]:
    """The last state of every exemplar, by id."""
    return sorted({e.id: e for e in store.read(Exemplar)}.values(), key=lambda e: e.id)


def propose(store: Store, count: int, keep: Keep = Keep.UNION) -> list[Exemplar]:
    """Propose exemplars of images that have none yet: half of each label, every criterion as often as can be.

    Args:
        store: The chain; images of the test split are left out.
        count: How many of each label.
        keep: How criteria of several people are merged.

    Returns:
        Unchecked exemplars, appended to the store; none where all that could be has been proposed.

    Raises:
        DataError: The chain has no exemplar yet, and no image has both a right judgement with criteria and a draft.
    """
    candidates = list(_candidates(store, keep))
    if not candidates and store.images_of([e.image for e in store.read(Exemplar)]):
        return []
    if not candidates:
        raise DataError(
            "no image has both a right judgement with criteria and a draft",
            "steer in the review room, and write drafts with `fakescope chain enlighten --mode plain`",
        )
    chosen = [c for label in Label for c in spread([c for c in candidates if c.image.label is label], count)]
    made = [_exemplar(candidate) for candidate in chosen]
    store.append(made)
    return made


def spread(candidates: Sequence[Candidate], count: int) -> list[Candidate]:
    """Take candidates one by one, each time the one whose criteria have been taken least."""
    left = list(candidates)
    chosen: list[Candidate] = []
    taken: Counter[str] = Counter()
    while left and len(chosen) < count:
        best = max(left, key=lambda c: sum(1.0 / (1 + taken[name]) ** 2 for name in c.supervision.criteria))
        left.remove(best)
        chosen.append(best)
        taken.update(best.supervision.criteria)
    return chosen


def merge(human: str, machine: str) -> str:
    """The merged demonstration: what people saw, then the reasoning."""
    return "\n".join(part for part in (human.strip(), machine.strip()) if part)


def check(store: Store, id: str, by: str, *, text: str | None = None) -> Exemplar:
    """Note that a person has checked an exemplar, as it stands or with another text.

    Raises:
        DataError: There is none of that id, or it would have no text.
    """
    known = next((e for e in latest(store) if e.id == id), None)
    if known is None:
        raise DataError(f"there is no exemplar {id}", "`fakescope chain exemplars list` names them")
    if not (known.text if text is None else text).strip():
        raise DataError(f"exemplar {id} would have no text")
    checked = known.model_copy(
        update={"checked_by": by, "at": _now()} | ({} if text is None else {"text": text.strip()})
    )
    store.append([checked])
    return checked


def read_exemplars(path: Path) -> list[Exemplar]:
    """Read exemplars from JSON Lines.

    Raises:
        DataError: The file cannot be read, or a line is not an exemplar; the line is named.
    """
    found: list[Exemplar] = []
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip():
                found.append(_checked(Exemplar.model_validate_json(line), path, number))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        raise DataError(f"{path}, line {number}, is not an exemplar: {error.errors()[0]['msg']}") from error
    return found


def write_exemplars(exemplars: Iterable[Exemplar], path: Path) -> None:
    """Write exemplars as JSON Lines."""
    path.write_text("".join(e.model_dump_json() + "\n" for e in exemplars), encoding="utf-8")


def place(region: Region) -> str:
    """Where a region lies, in words: `the upper left`, `the middle`."""
    x, y = (region[0] + region[2]) / 2, (region[1] + region[3]) / 2
    across = "left" if x < 1 / 3 else "right" if x > 2 / 3 else ""
    down = "upper" if y < 1 / 3 else "lower" if y > 2 / 3 else ""
    return "the " + (f"{down} {across or 'middle'}" if down else across or "middle").strip()


def _checked(exemplar: Exemplar, path: Path, number: int) -> Exemplar:
    if unknown := set(exemplar.criteria) - set(CRITERION_IDS):
        raise DataError(f"{path}, line {number}, names unknown criteria {sorted(unknown)}")
    return exemplar


def _candidates(store: Store, keep: Keep) -> Iterator[Candidate]:
    used = {exemplar.image for exemplar in store.read(Exemplar)}
    for page in store.image_pages():
        free = [ref for ref in page if ref.label is not None and ref.split != "test" and ref.id not in used]
        yield from _candidates_of(store, free, keep)


def _candidates_of(store: Store, page: list[ImageRef], keep: Keep) -> Iterator[Candidate]:
    ids = [ref.id for ref in page]
    steered = supervisions(store, ids, keep)
    # Plain drafts are the machine's own demonstration; where there is none, any draft will do.
    drafts = {
        d.image: d for mode in ("acoti", "plain") for d in store.read(Draft, image=ids, mode=mode, fault=None)
    }
    for ref in page:
        if steered[ref.id].criteria and ref.id in drafts:
            yield Candidate(ref, steered[ref.id], drafts[ref.id])


def _exemplar(candidate: Candidate) -> Exemplar:
    image, draft = candidate.image, candidate.draft
    assert image.label is not None
    human, machine = _human(candidate.supervision, image.label), _machine(candidate)
    return Exemplar(
        id=f"{image.label.value}-{image.id}",
        image=image.id,
        label=image.label,
        criteria=candidate.supervision.criteria,
        human=human,
        machine=draft.description,
        text=merge(human, machine),
        at=_now(),
    )


def _human(supervision: Supervision, label: Label) -> str:
    """What people pointed at, in words."""
    said = []
    for criterion in supervision.criteria:
        places = dict.fromkeys(place(b.region) for b in supervision.boxes if b.criterion == criterion)
        said.append(BY_ID[criterion].name + (f" in {' and '.join(places)}" if places else ""))
    who = "One person" if len(supervision.right) == 1 else f"{len(supervision.right)} people"
    return f"{who} recognised the picture as {label.value} by: {', '.join(said)}."


def _machine(candidate: Candidate) -> str:
    notes = candidate.draft.traces
    seen = [
        f"{BY_ID[criterion].name.capitalize()}: {note.observation}"
        for criterion in candidate.supervision.criteria
        if (note := notes.get(criterion)) is not None
    ]
    return "\n".join([*seen, candidate.draft.description])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
