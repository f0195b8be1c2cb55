"""The audit as tables, for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fakescope.bench.audit.run import ALIGNED, Audit
from fakescope.bench.audit.shares import TOP
from fakescope.bench.audit.stages import FED, FED_BYTES, LEVELLED, ORIGINAL, STORED
from fakescope.bench.tables import Table
from fakescope.records import Label

STAGE_NAMES = {
    ORIGINAL: "original files",
    STORED: "files as stored",
    LEVELLED: "levelled",
    FED: "as fed, without bytes",
    FED_BYTES: "as fed",
}
RULES_SHOWN = 6
WORTH_SAYING = 0.55
_FACTS = (
    "format",
    "shape",
    "exact size",
    "quantisation table",
    "colour subsampling",
    "colour profile",
    "EXIF",
    "XMP",
)


def headline(audit: Audit) -> list[str]:
    """What was found, in sentences."""
    raw, aligned = audit.worst_probe([audit.raw]), audit.worst_probe(ALIGNED)
    lines = [
        f"Without a look at any pixel, {raw['probe']} on the facts of the {STAGE_NAMES[audit.raw]} tells the classes "
        f"apart with AUROC {_interval(raw)}."
    ]
    if rule := audit.worst_rule([audit.raw]):
        lines.append(f"The worst single rule: {rule.words} → fake: balanced accuracy {rule.held_out:.2f}.")
    lines.append(f"After the aligned path: AUROC {_interval(aligned)}; 0.5 is chance.")
    if rule := audit.worst_rule(ALIGNED):
        said = f"{rule.words} → fake: balanced accuracy {rule.held_out:.2f}"
        left = rule.held_out > WORTH_SAYING
        lines.append(
            f"{'The worst single rule there' if left else 'No single rule is left; the best'}: {said}."
        )
    return lines


def audit_tables(audit: Audit, reasons: Sequence[str] | None = None) -> list[Table]:
    """All tables; `reasons` are those of the gate, None if there is none."""
    tables = [_probes(audit), _rules(audit), _duplicates(audit), *_facts(audit)]
    if reasons is not None:
        table = Table("Gate", ["outcome"])
        for reason in reasons or ["passed"]:
            table.add(reason)
        tables.insert(0, table)
    return tables


def to_markdown(audit: Audit, reasons: Sequence[str] | None = None) -> str:
    """The whole report as Markdown."""
    labels = ", ".join(f"{count} {label}" for label, count in audit.figures["labels"].items())
    parts = [
        f"## Data audit: {', '.join(audit.names)}",
        f"{len(audit.images)} images: {labels}.",
        *headline(audit),
        *(table.markdown() for table in audit_tables(audit, reasons)),
    ]
    return "\n\n".join(parts)


def _probes(audit: Audit) -> Table:
    table = Table("What classifiers see without pixels", ["stage", "probe", "folds", "AUROC", "95%"])
    for row in audit.probes:
        low_high = f"{row['low']:.3f}-{row['high']:.3f}"
        table.add(STAGE_NAMES[row["stage"]], row["probe"], row["folds"], row["auroc"], low_high)
    table.note = (
        "0.5 is chance. `by source` holds out whole sources, and may fall below 0.5 where sources differ. "
        "Bytes of what is fed reflect content: smooth pictures compress better."
    )
    return table


def _rules(audit: Audit) -> Table:
    table = Table("Single rules that say fake", ["stage", "rule", "balanced accuracy", "where not chosen"])
    for stage, rules in audit.rules.items():
        for rule in rules[:RULES_SHOWN]:
            table.add(STAGE_NAMES[stage], rule.words, rule.balanced_accuracy, rule.held_out)
    table.note = "0.5 is chance. `where not chosen`: chosen on one half of the images, measured on the other."
    return table


def _duplicates(audit: Audit) -> Table:
    counts = audit.counts
    table = Table("Groups of duplicates", ["kind", "groups", "across splits", "across labels"])
    table.add("byte for byte", counts.exact, counts.exact_across_splits, counts.exact_across_labels)
    table.add("nearly alike", counts.near, counts.near_across_splits, counts.near_across_labels)
    return table


def _facts(audit: Audit) -> list[Table]:
    tables = []
    for stage, facts in audit.figures["tables"].items():
        table = Table(
            f"{STAGE_NAMES[stage].capitalize()}: share of each label", ["fact", "value", *map(str, Label)]
        )
        for name in (name for name in _FACTS if name in facts):
            _add_shares(table, name, facts[name], audit.figures["labels"])
        tables.append(table)
        spread = Table(f"{STAGE_NAMES[stage].capitalize()}: 5%, median, 95%", ["number", *map(str, Label)])
        for name, values in facts.items():
            if all(value is None or "median" in value for value in values.values()):
                spread.add(name.replace("_", " "), *(_spread(values[label]) for label in Label))
        tables.append(spread)
    return tables


def _add_shares(table: Table, name: str, counts: dict[str, dict[str, int]], totals: dict[str, int]) -> None:
    values = sorted({value for own in counts.values() for value in own}, key=lambda v: -max(
        counts[label].get(v, 0) / max(1, totals[label]) for label in Label
    ))  # fmt: skip
    for value in values[:TOP]:
        table.add(
            name, value, *(f"{counts[label].get(value, 0) / max(1, totals[label]):.1%}" for label in Label)
        )


def _spread(quantiles: dict[str, Any] | None) -> str:
    if quantiles is None:
        return "none"
    return " / ".join(f"{quantiles[name]:,.4g}" if quantiles[name] < 1000 else f"{quantiles[name]:,.0f}"
                      for name in ("p05", "median", "p95"))  # fmt: skip


def _interval(probe: dict[str, Any]) -> str:
    return f"{probe['auroc']:.3f} (95%: {probe['low']:.3f}-{probe['high']:.3f})"
