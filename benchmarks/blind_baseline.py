"""The seed's blind judgements, made by a large multimodal model, beside fakescope-nano on the same images.

    python benchmarks/blind_baseline.py --data DIR [--out bench-results]

DIR holds chain.jsonl, labels.csv and images/. Prints a table and writes blind-baseline.json. The blind judgements are
not of the same kind as a detector's: the model that made them saw galleries of one series side by side, and was
flattered by watermarks and square frames.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from fakescope.bench.data import load_samples
from fakescope.bench.metrics import auroc, balanced_accuracy, bootstrap_interval
from fakescope.bench.scoring import score_samples
from fakescope.chain import load_seed
from fakescope.models.zoo import load_model


def accuracy(said: Any, target: Any) -> float:
    """Share of images whose label was found."""
    return float(np.mean(np.asarray(said) == np.asarray(target)))


def figures(p_fake: list[float], target: list[int], sources: list[str]) -> dict[str, Any]:
    """Accuracy and balanced accuracy at 0.5, and AUROC, with 95% intervals by source."""
    said = (np.array(p_fake) >= 0.5).astype(int)
    found: dict[str, Any] = {"images": len(target)}
    for name, metric, scores in (
        ("accuracy", accuracy, said),
        ("balanced_accuracy", balanced_accuracy, said),
        ("auroc", auroc, np.array(p_fake)),
    ):
        interval = bootstrap_interval(metric, (scores, np.array(target)), sources, target)
        found[name] = float(metric(scores, np.array(target)))
        found[f"{name}_interval"] = [round(interval.low, 4), round(interval.high, 4)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("bench-results"))
    options = parser.parse_args()
    seed = load_seed(options.data / "chain.jsonl", options.data / "labels.csv")
    blind = {r.image.id: r.blind_p_fake for r in seed.records if r.blind_p_fake is not None}
    model, result = load_model(), {}
    for split in ("train", "dev", "test"):
        samples = [s for s in load_samples(options.data, [split]) if s.id in blind]
        scored = [s for s in score_samples(model, samples) if s.verdict is not None]
        target = [s.sample.label.target for s in scored]
        sources = [s.sample.source for s in scored]
        result[split] = {
            "blind judgements": figures([float(blind[s.sample.id] or 0.0) for s in scored], target, sources),
            model.card.name: figures([s.verdict.p_fake for s in scored if s.verdict], target, sources),
        }
    options.out.mkdir(exist_ok=True)
    (options.out / "blind-baseline.json").write_text(json.dumps(result, indent=2) + "\n")
    print("| split | judge | images | accuracy | balanced accuracy | AUROC |\n|---|---|--:|--:|--:|--:|")
    for split, judges in result.items():
        for judge, row in judges.items():
            cells = [
                f"{row[name]:.3f} ({row[f'{name}_interval'][0]:.3f} to {row[f'{name}_interval'][1]:.3f})"
                for name in ("accuracy", "balanced_accuracy", "auroc")
            ]
            print(f"| {split} | {judge} | {row['images']} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
