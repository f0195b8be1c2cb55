"""The whole audit: measure every file, tell what the files alone give away, before and after the aligned path."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from fakescope import __version__
from fakescope.bench.audit.duplicates import Counts, Group, count_groups, find_duplicates, group_figures
from fakescope.bench.audit.measure import Measured, measure_all
from fakescope.bench.audit.probe import probe_stages
from fakescope.bench.audit.rules import Rule, best_rules
from fakescope.bench.audit.shares import label_tables
from fakescope.bench.audit.stages import FED, FED_BYTES, LEVELLED, ORIGINAL, STAGES, STORED
from fakescope.bench.audit.subjects import Subjects
from fakescope.bench.detect import thinned
from fakescope.errors import DataError
from fakescope.records import SCHEMA_VERSION, Label

ALIGNED = (FED, FED_BYTES)
BY_IMAGE = "by image"


@dataclass
class Audit:
    """What an audit found.

    Attributes:
        figures: Everything, for programs.
        images: What the charts are drawn of.
        stages: Those that all images have, in order.
        probes: AUROC with its interval by stage, probe and way of folding.
        rules: Stage -> the best rule on each fact, best first.
    """

    names: tuple[str, ...]
    images: list[Measured]
    stages: list[str]
    probes: list[dict[str, Any]]
    rules: dict[str, list[Rule]]
    groups: list[Group]
    counts: Counts
    figures: dict[str, Any] = field(default_factory=dict)

    def worst_probe(self, stages: Sequence[str]) -> dict[str, Any]:
        """The highest AUROC of those stages, folds by image."""
        own = [p for p in self.probes if p["stage"] in stages and p["folds"] == BY_IMAGE]
        return max(own, key=lambda probe: float(probe["auroc"]))

    def worst_rule(self, stages: Sequence[str]) -> Rule | None:
        """The best single rule of those stages, judged where it was not chosen."""
        own = [rule for stage in stages for rule in self.rules.get(stage, ())]
        return max(own, key=lambda rule: rule.held_out, default=None)

    @property
    def raw(self) -> str:
        """The stage at which the files are as they were found: the originals, where the tables know them."""
        return ORIGINAL if ORIGINAL in self.stages else STORED


def run_audit(
    subjects: Subjects,
    *,
    draws: int = 1000,
    seed: int = 0,
    limit: int | None = None,
    jobs: int = 2,
    on_image: Callable[[], None] = lambda: None,
) -> Audit:
    """Audit images.

    Args:
        subjects: What `load_subjects` gave.
        draws: Bootstrap resamples of images for the intervals.
        seed: Of folds, drawn qualities and resamples.
        limit: At most so many images, spread evenly.
        jobs: Images decoded at a time.
        on_image: Called for each image, read or not.

    Raises:
        DataError: Too few images of a class can be read.
    """
    started = time.monotonic()
    samples = thinned(list(subjects.samples), limit)
    measured = measure_all(samples, seed=seed, jobs=jobs, on_image=on_image)
    images = measured.images
    if not images:
        raise DataError("none of the images can be read", measured.unread[0][1])
    stages = [stage for stage in STAGES if all(stage in image.features for image in images)]
    rows = [(image.sample, {stage: image.features[stage] for stage in stages}) for image in images]
    probes = probe_stages(rows, draws=draws, seed=seed)
    groups = find_duplicates(images)
    counts = count_groups(groups)
    audit = Audit(subjects.names, images, stages, probes, _all_rules(images, stages), groups, counts)
    audit.figures = {
        **_figures(audit, subjects.unlabelled, measured.unread),
        "seed": seed,
        "seconds": round(time.monotonic() - started, 1),
    }
    return audit


def _all_rules(images: Sequence[Measured], stages: Sequence[str]) -> dict[str, list[Rule]]:
    """What is fed is one file, so it has rules once, those on bytes among them."""
    fake = np.array([image.sample.label is Label.FAKE for image in images])
    ids = [image.sample.id for image in images]
    return {
        stage: best_rules([image.facts[stage] for image in images], fake, ids)
        for stage in stages
        if stage != FED
    }


def _figures(audit: Audit, unlabelled: int, unread: Sequence[tuple[str, str]]) -> dict[str, Any]:
    labels = [image.sample.label for image in audit.images]
    return {
        "schema_version": SCHEMA_VERSION,
        "audit": "data",
        "fakescope": __version__,
        "data": list(audit.names),
        "images": len(audit.images),
        "labels": {label: labels.count(label) for label in Label},
        "unlabelled": unlabelled,
        "unread": [{"id": id, "reason": reason} for id, reason in unread],
        "originals_known": ORIGINAL in audit.stages,
        "tables": label_tables(audit.images),
        "probes": audit.probes,
        "rules": {stage: [_rule_figures(rule) for rule in own] for stage, own in audit.rules.items()},
        "worst_rule": _worst_figures(audit, [audit.raw]),
        "worst_rule_levelled": _worst_figures(audit, [LEVELLED]),
        "worst_rule_aligned": _worst_figures(audit, ALIGNED),
        "worst_auroc": audit.worst_probe([audit.raw]),
        "worst_auroc_aligned": audit.worst_probe(ALIGNED),
        "duplicates": {**asdict(audit.counts), "groups": group_figures(audit.groups, audit.images)},
    }


def gate(audit: Audit, fail_over: float, *, paired: bool = False) -> list[str]:
    """Why a data set does not pass, in sentences; empty when it does.

    Args:
        fail_over: Most AUROC of what is fed to a model, by the lower end of the interval.
        paired: Near duplicates of the other label are meant, such as reconstructions of real images.
    """
    reasons = []
    for probe in audit.probes:
        if probe["stage"] in ALIGNED and probe["folds"] == BY_IMAGE and probe["low"] > fail_over:
            reasons.append(
                f"{probe['stage']}: {probe['probe']} has AUROC {probe['auroc']:.3f}, at least {probe['low']:.3f}, "
                f"over {fail_over:g}"
            )
    counts = audit.counts
    found = {
        "exact duplicates across splits": counts.exact_across_splits,
        "exact duplicates across labels": counts.exact_across_labels,
        "near duplicates across splits": counts.near_across_splits,
        "near duplicates across labels": 0 if paired else counts.near_across_labels,
    }
    return reasons + [
        f"{count} {'group' if count == 1 else 'groups'} of {name}" for name, count in found.items() if count
    ]


def _rule_figures(rule: Rule) -> dict[str, Any]:
    return {
        "rule": rule.words,
        "says": "fake",
        "feature": rule.feature,
        "balanced_accuracy": round(rule.balanced_accuracy, 4),
        "held_out": round(rule.held_out, 4),
    }


def _worst_figures(audit: Audit, stages: Sequence[str]) -> dict[str, Any] | None:
    rule = audit.worst_rule(stages)
    return None if rule is None else _rule_figures(rule)
