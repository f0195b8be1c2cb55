"""Whether a model's words belong to the image: descriptions, criteria, and the label that the text states."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fakescope.bench import metrics
from fakescope.bench.data import Reference, Sample, read_jsonl
from fakescope.bench.stated import stated_label
from fakescope.errors import DataError, FakescopeError
from fakescope.records import Examination, Label

OTHERS = 9
"""How many other images of the same class a description is held against; chance is one in ten."""


@dataclass(frozen=True)
class Examined:
    """A sample with its examination and its reference."""

    sample: Sample
    examination: Examination
    reference: Reference


def examine_samples(
    examine: Callable[[Path], Examination],
    samples: Sequence[Sample],
    cache: Path,
    model: tuple[str, str],
    on_done: Callable[[int], None] = lambda count: None,
) -> tuple[dict[str, Examination], dict[str, str]]:
    """Examine every sample, keeping each result on disk at once, so that a stopped run goes on where it was.

    Args:
        examine: Examines the image at a path.
        samples: Labelled images.
        cache: JSON Lines file of earlier results; those of other models or revisions are not used.
        model: Name and revision of the model in use.
        on_done: Called with the number of images just finished.

    Returns:
        Examinations and errors, by image id.
    """
    known = {s: e for s, e in _cached(cache) if (e.model, e.model_revision) == model}
    done: dict[str, Examination] = {}
    errors: dict[str, str] = {}
    cache.parent.mkdir(parents=True, exist_ok=True)
    with cache.open("a", encoding="utf-8") as out:
        for sample in samples:
            if sample.id in known:
                done[sample.id] = known[sample.id]
            else:
                try:
                    done[sample.id] = examine(sample.path)
                except FakescopeError as error:
                    errors[sample.id] = str(error)
                else:
                    line = {"id": sample.id, "examination": done[sample.id].model_dump(mode="json")}
                    out.write(json.dumps(line) + "\n")
                    out.flush()
            on_done(1)
    return done, errors


def nearest_figures(
    items: Sequence[Examined],
    encode: Callable[[Sequence[str]], NDArray[Any]],
    *,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """How often a description is nearer to its own reference than to those of nine other images of its class.

    `share` is the mean over all ways to draw the nine, computed exactly; `share_one_draw` is a single seeded
    draw. A reference as near as the own one counts against the model.
    """
    own, once = _nearest_shares(items, encode, seed)
    counted = [i for i in range(len(items)) if not np.isnan(own[i])]
    if not counted:
        return {
            "images": 0,
            "share": None,
            "share_one_draw": None,
            "chance": 1 / (OTHERS + 1),
            "interval": None,
        }
    labels = [items[i].reference.label for i in counted]
    interval = metrics.bootstrap_interval(
        lambda x: float(x.mean()),
        (own[counted],),
        [items[i].sample.source for i in counted],
        labels,
        draws=draws,
    )
    by_class = {str(c): float(own[[i for i, x in zip(counted, labels, strict=True) if x is c]].mean())
                for c in Label if c in labels}  # fmt: skip
    return {
        "images": len(counted),
        "share": float(own[counted].mean()),
        "share_one_draw": float(once[counted].mean()),
        "by_class": by_class,
        "chance": 1 / (OTHERS + 1),
        "interval": {"low": interval.low, "high": interval.high},
    }


def _nearest_shares(
    items: Sequence[Examined], encode: Callable[[Sequence[str]], NDArray[Any]], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each item the share of draws in which its own reference is nearest, and one draw; NaN if not
    scored."""
    own = np.full(len(items), np.nan)
    once = np.full(len(items), np.nan)
    rng = np.random.default_rng(seed)
    for label in Label:
        rows = [i for i, item in enumerate(items) if item.reference.label is label]
        if len(rows) <= OTHERS:
            continue
        said = encode([items[i].examination.description for i in rows])
        wanted = encode([items[i].reference.description for i in rows])
        similarity = np.asarray(said @ wanted.T, dtype=np.float64)
        for place, row in enumerate(rows):
            below = np.delete(similarity[place], place) < similarity[place, place]
            own[row] = comb(int(below.sum()), OTHERS) / comb(len(below), OTHERS)
            once[row] = below[rng.choice(len(below), OTHERS, replace=False)].all()
    return own, once


def criteria_figures(items: Sequence[Examined], train: Sequence[Reference]) -> dict[str, Any]:
    """Micro-F1 of the criteria marked abnormal on fakes, beside a baseline that looks at no image.

    The baseline always marks the k criteria that are most often abnormal on the fakes of `train`; k is the
    one with the best micro-F1 there.
    """
    fakes = [item for item in items if item.reference.label is Label.FAKE]
    marked = [{e.criterion for e in item.examination.evidence if e.finding == "abnormal"} for item in fakes]
    wanted = [set(item.reference.abnormal) for item in fakes]
    always = most_frequent_criteria([r.abnormal for r in train if r.label is Label.FAKE])
    hits = sum(len(m & w) for m, w in zip(marked, wanted, strict=True))
    return {
        "images": len(fakes),
        "micro_f1": metrics.scored(metrics.micro_f1, marked, wanted),
        "precision": hits / total if (total := sum(map(len, marked))) else None,
        "recall": hits / total if (total := sum(map(len, wanted))) else None,
        "marked_per_image": float(np.mean([len(m) for m in marked])) if marked else None,
        "reference_per_image": float(np.mean([len(w) for w in wanted])) if wanted else None,
        "baseline_criteria": list(always),
        "baseline_micro_f1": metrics.scored(metrics.micro_f1, [set(always)] * len(wanted), wanted),
    }


def most_frequent_criteria(references: Sequence[frozenset[str]]) -> tuple[str, ...]:
    """The k most frequent criteria, for the k with the best micro-F1 on these references.

    Raises:
        DataError: No reference marks anything.
    """
    ranked = [
        name
        for name, _ in sorted(Counter(c for r in references for c in r).items(), key=lambda x: (-x[1], x[0]))
    ]
    if not ranked:
        raise DataError("No reference of the train split marks a criterion, so there is no baseline")
    sizes = range(1, len(ranked) + 1)
    best = max(sizes, key=lambda k: metrics.micro_f1([set(ranked[:k])] * len(references), references))
    return tuple(ranked[:best])


def agreement_figures(items: Sequence[tuple[Sample, Examination]]) -> dict[str, Any]:
    """How often the description states the verdict's label; an abstention must not state one."""
    decided = [(s, e) for s, e in items if e.verdict.label is not None]
    open_ones = [(s, e) for s, e in items if e.verdict.label is None]
    wrong = [s.id for s, e in decided if stated_label(e.description) != e.verdict.label]
    claims = [s.id for s, e in open_ones if stated_label(e.description) not in ("inconclusive", "unstated")]
    stated = Counter(stated_label(e.description) for _, e in items)
    return {
        "decided": len(decided),
        "decided_agree": 1 - len(wrong) / len(decided) if decided else None,
        "abstained": len(open_ones),
        "abstained_state_no_label": 1 - len(claims) / len(open_ones) if open_ones else None,
        "agree": 1 - (len(wrong) + len(claims)) / len(items) if items else None,
        "stated": dict(sorted(stated.items())),
        "disagreeing_ids": sorted(wrong + claims)[:50],
    }


def pair_up(
    samples: Sequence[Sample], examinations: Mapping[str, Examination], references: Mapping[str, Reference]
) -> list[Examined]:
    """The samples that have both an examination and a reference, in order."""
    return [
        Examined(s, examinations[s.id], references[s.id])
        for s in samples
        if s.id in examinations and s.id in references
    ]


def _cached(path: Path) -> Iterator[tuple[str, Examination]]:
    """Earlier results. A line cut off by a kill, or of an older schema, is passed over and examined again."""
    if not path.is_file():
        return
    whole = path.read_bytes()
    if whole and not whole.endswith(b"\n"):  # drop the half line, or the next one would be glued to it
        path.write_bytes(whole[: whole.rfind(b"\n") + 1])
    for _, record in read_jsonl(path):
        try:
            yield str(record["id"]), Examination.model_validate(record["examination"])
        except (KeyError, ValueError):
            continue
