"""What helps on images of unknown origin:  python -m fakescope.train.ablate --data DIR --extra DIR --work DIR OUT

The forensic branch is fitted with its auxiliary head on the features that `nano prepare` left in the work folder, once
for each variant of data, balance and views, and measured on dev, on the sources held out of training, and on test.
Dev and held-out sources are for choosing; test is shown beside them and chooses nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fakescope.bench.metrics import auroc
from fakescope.bench.run import Report
from fakescope.bench.tables import Table
from fakescope.chain.seed import read_labels
from fakescope.config import load_config
from fakescope.records import ImageRef
from fakescope.train.abstractor import Abstractor, AbstractorConfig
from fakescope.train.features import CLEAN, FeatureStore, encode_views, plan_views
from fakescope.train.nano import NanoConfig, load_data
from fakescope.train.nano_data import even_weights
from fakescope.train.nano_stages import warm_up_forensics

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Views:
    """Rows of features: whose they are, what kind of view, and statistics float16 [n, 12, 384]."""

    refs: list[ImageRef]
    kinds: list[str]
    stats: NDArray[np.float16]

    def where(self, wanted: Callable[[ImageRef, str], bool]) -> Views:
        rows = [i for i, (r, k) in enumerate(zip(self.refs, self.kinds, strict=True)) if wanted(r, k)]
        return Views([self.refs[i] for i in rows], [self.kinds[i] for i in rows], self.stats[rows])

    @property
    def target(self) -> NDArray[np.float32]:
        return np.array([float(r.label.target) if r.label else np.nan for r in self.refs], np.float32)


@dataclass(frozen=True)
class Variant:
    """One way to train: which rows, and whether classes, groups and generators are drawn evenly."""

    name: str
    wanted: Callable[[ImageRef, str], bool]
    balanced: bool = True


@dataclass(frozen=True)
class Measured:
    """AUROC, and balanced accuracy at 0.5, means over seeds, on one set of images."""

    images: int
    auroc: float
    balanced_accuracy: float


def variants(folders: Sequence[frozenset[str]]) -> list[Variant]:
    """Growing data, then the whole of it without balance and without hard views.

    Args:
        folders: Image ids of each data folder, the first one first.
    """
    grown = [frozenset[str]().union(*folders[: n + 1]) for n in range(len(folders))]
    more = [Variant(f"data of {n + 1} of {len(grown)} folders", _of(ids)) for n, ids in enumerate(grown)]
    return [
        *more[:-1],
        Variant("all data, balanced", _of(grown[-1])),
        Variant("all data, drawn as it comes", _of(grown[-1]), balanced=False),
        Variant("all data, plain views only", lambda ref, kind: kind != "hard"),
    ]


def _of(ids: frozenset[str]) -> Callable[[ImageRef, str], bool]:
    return lambda ref, kind: ref.id in ids


def run_variant(
    variant: Variant, rows: Views, sets: Mapping[str, Views], steps: int, seeds: Sequence[int]
) -> dict[str, Measured]:
    """Fit the variant once a seed and measure the mean of its figures on every set."""
    chosen = rows.where(variant.wanted)
    weights = (
        even_weights(chosen.refs) if variant.balanced else np.full(len(chosen.refs), 1 / len(chosen.refs))
    )
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in sets}
    for seed in seeds:
        torch.manual_seed(seed)
        abstractor = Abstractor(AbstractorConfig())
        warm_up_forensics(
            abstractor,
            torch.from_numpy(chosen.stats),
            torch.from_numpy(chosen.target),
            torch.from_numpy(weights),
            steps=steps,
            seed=seed,
        )
        for name, views in sets.items():
            found[name].append(_measure(abstractor, views))
    means = {name: np.mean(values, axis=0) for name, values in found.items()}
    return {n: Measured(len(sets[n].refs), float(m[0]), float(m[1])) for n, m in means.items()}


@torch.inference_mode()
def _measure(abstractor: Abstractor, views: Views) -> tuple[float, float]:
    abstractor.eval()
    logit = abstractor.head(abstractor.summary(torch.from_numpy(views.stats).float())).squeeze(-1).numpy()
    fake = views.target == 1
    right = (float((logit[fake] > 0).mean()), float((logit[~fake] <= 0).mean()))
    return auroc(logit, views.target), sum(right) / 2


def evaluation_sets(data: Path, extra: Sequence[Path], config: NanoConfig, work: Path) -> dict[str, Views]:
    """Clean views of dev, of the held-out sources, and of test; encoded when the work folder lacks them."""
    labels = list(read_labels(data / "labels.csv").values())
    others = [r for folder in extra for r in read_labels(folder / "manifest.csv").values()]
    wanted = {
        "dev": [r for r in labels if r.split == "dev"],
        "held-out sources": [r for r in others if r.source in config.held_out_sources],
        "test": [r for r in labels if r.split == "test"],
    }
    store = FeatureStore(work / "features" / "evaluation")
    refs = {r.id: r for some in wanted.values() for r in some}
    encode_views(list(plan_views(list(refs.values()), [(CLEAN, 0)])), work / "encoder.onnx", store)
    keys, _, stats = store.load()
    everything = Views([refs[k.image_id] for k in keys], [k.kind for k in keys], stats)
    ids = {name: {r.id for r in some} for name, some in wanted.items()}
    return {name: everything.where(lambda ref, kind, some=some: ref.id in some) for name, some in ids.items()}  # type: ignore[misc]


def ablate(data: Path, extra: Sequence[Path], config: NanoConfig, work: Path, seeds: Sequence[int]) -> Report:
    """Every variant on every set."""
    known = load_data(data, extra, config).refs
    stores = [FeatureStore(work / "features" / name).load() for name in ("annotated", "label-only")]
    keys = [key for store in stores for key in store[0]]
    stats = np.concatenate([store[2] for store in stores])
    rows = Views([known[k.image_id] for k in keys], [k.kind for k in keys], stats)
    folders = [
        frozenset(read_labels(data / "labels.csv")),
        *(frozenset(read_labels(folder / "manifest.csv")) for folder in extra),
    ]
    sets = evaluation_sets(data, extra, config, work)
    found = {v.name: run_variant(v, rows, sets, config.warm_up_steps, seeds) for v in variants(folders)}
    header = ("trained on", *(f"{name}: AUROC (balanced accuracy)" for name in sets))
    table = Table("Ablation of the forensic branch", header, [
        (name, *(f"{m.auroc:.3f} ({m.balanced_accuracy:.3f})" for m in figures.values()))
        for name, figures in found.items()
    ])  # fmt: skip
    plain = {name: {s: asdict(m) for s, m in figures.items()} for name, figures in found.items()}
    return Report("ablation", "Ablation", {"seeds": list(seeds), "variants": plain}, [table])


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m fakescope.train.ablate", description=__doc__)
    parser.add_argument("out", type=Path, help="folder for ablation.json and ablation.md")
    parser.add_argument("--config", type=Path, default=Path("configs/train/nano.yaml"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--extra", type=Path, action="append", default=[])
    parser.add_argument("--work", type=Path, required=True, help="where `nano prepare` wrote")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    options = parser.parse_args(arguments)
    config = load_config(options.config, NanoConfig)
    report = ablate(options.data, options.extra, config, options.work, options.seeds)
    report.write(options.out)
    print((options.out / "ablation.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
