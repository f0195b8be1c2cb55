"""What a data set holds: by label, split, generator, criterion and person; words and regions; the blind judgements."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import quantiles

from fakescope.chain.steer import settle
from fakescope.records import ChainRecord, JsonObject, Label
from fakescope.taxonomy import CRITERION_IDS

NONE = "none"


@dataclass
class _Person:
    """One person's judgements and reviews."""

    judged: int = 0
    right: int = 0
    reviewed: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


@dataclass
class Stats:
    """Counts over records; add them one by one, then `told`."""

    records: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    splits: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    statuses: Counter[str] = field(default_factory=Counter)
    generators: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    criteria: dict[str, dict[str, Counter[str]]] = field(
        default_factory=lambda: {c: {label.value: Counter() for label in Label} for c in CRITERION_IDS}
    )
    regions: Counter[str] = field(default_factory=Counter)
    area: float = 0.0
    words: list[int] = field(default_factory=list)
    blind: list[tuple[float, int]] = field(default_factory=list)
    people: dict[str, _Person] = field(default_factory=lambda: defaultdict(_Person))
    teachers: Counter[str] = field(default_factory=Counter)

    def add(self, record: ChainRecord) -> None:
        """Count one record."""
        image = record.image
        label = image.label.value if image.label else NONE
        self.records += 1
        self.labels[label] += 1
        self.splits[image.split or NONE][label] += 1
        self.statuses[record.status] += 1
        self.generators[image.generator or (NONE if label != "fake" else "not stated")] += 1
        self.sources[image.source or "not stated"] += 1
        self.licences[image.licence or "not stated"] += 1
        self.words.append(len(record.description.split()))
        if record.blind_p_fake is not None and image.label:
            self.blind.append((record.blind_p_fake, image.label.target))
        if image.label:
            self._add_traces(record, label)
        self._add_people(record)

    def told(self) -> JsonObject:
        """Everything as plain values."""
        regions = sum(self.regions.values())
        return {
            "records": self.records,
            "labels": dict(self.labels),
            "splits": {split: dict(counts) for split, counts in self.splits.items()},
            "statuses": dict(self.statuses),
            "generators": dict(self.generators.most_common()),
            "sources": dict(self.sources.most_common()),
            "licences": dict(self.licences.most_common()),
            "criteria": {
                criterion: {label: dict(counts) for label, counts in by_label.items()}
                for criterion, by_label in self.criteria.items()
            },
            "regions": {
                "count": regions,
                "mean_area": self.area / regions if regions else None,
                "by_criterion": dict(self.regions),
            },
            "words": _spread(self.words),
            "blind": blind_figures(self.blind),
            "people": {
                name: {
                    "judged": p.judged,
                    "right": p.right,
                    "accuracy": p.right / p.judged if p.judged else None,
                    "reviews": dict(p.reviewed),
                    "seconds": round(p.seconds, 1),
                }
                for name, p in sorted(self.people.items())
            },
            "teachers": dict(self.teachers.most_common()),
        }

    def _add_traces(self, record: ChainRecord, label: str) -> None:
        for criterion, by_label in self.criteria.items():
            note = record.traces.get(criterion)
            by_label[label][note.finding if note else NONE] += 1
            if note and note.region:
                x0, y0, x1, y1 = note.region
                self.regions[criterion] += 1
                self.area += (x1 - x0) * (y1 - y0)

    def _add_people(self, record: ChainRecord) -> None:
        for row in settle(record.judgements):
            person = self.people[row.who]
            person.judged += 1
            person.right += row.right
        for row in record.judgements:
            self.people[row.who].seconds += row.seconds
        for review in record.reviews:
            self.people[review.who].reviewed[review.decision] += 1
            self.people[review.who].seconds += review.seconds
        for line in record.lineage:
            if line.kind == "machine":
                self.teachers[line.made_by] += 1


def stats_of(records: Iterable[ChainRecord]) -> JsonObject:
    """Everything counted over some records."""
    stats = Stats()
    for record in records:
        stats.add(record)
    return stats.told()


def blind_figures(blind: list[tuple[float, int]]) -> JsonObject:
    """Accuracy (at 0.5), balanced accuracy and AUROC of blind probabilities of fake; fake is positive.

    A figure that one class alone cannot have is None.
    """
    figures: JsonObject = {"images": len(blind), "accuracy": None, "balanced_accuracy": None, "auroc": None}
    if not blind:
        return figures
    fakes = [p for p, target in blind if target]
    reals = [p for p, target in blind if not target]
    found, passed = sum(p >= 0.5 for p in fakes), sum(p < 0.5 for p in reals)
    figures["accuracy"] = (found + passed) / len(blind)
    if fakes and reals:
        figures["balanced_accuracy"] = (found / len(fakes) + passed / len(reals)) / 2
        figures["auroc"] = _auroc(fakes, reals)
    return figures


def _auroc(fakes: list[float], reals: list[float]) -> float:
    """Share of pairs in which the fake has the higher probability, ties as half; by ranks."""
    order = sorted(fakes + reals)
    first: dict[float, int] = {}
    for place, value in enumerate(order):
        first.setdefault(value, place)
    ties = Counter(order)
    rank_sum = sum(first[p] + (ties[p] + 1) / 2 for p in fakes)
    return (rank_sum - len(fakes) * (len(fakes) + 1) / 2) / (len(fakes) * len(reals))


def _spread(values: list[int]) -> JsonObject:
    if not values:
        return {"mean": None, "least": None, "quartiles": None, "most": None}
    middle = quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
    return {"mean": sum(values) / len(values), "least": min(values), "quartiles": middle, "most": max(values)}
