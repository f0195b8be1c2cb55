"""What each part of FakeInstruct, and how much of it, gives nano (the paper's ablation over parts and data scale):

python -m fakescope.train.ablate_parts --data DIR --work DIR OUT

Every variant goes on from the checkpoint of the first stage in the work folder, with the same number of steps, and is
measured on dev images alone; nothing here looks at the test split.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from fakescope.bench.metrics import auroc
from fakescope.bench.run import Report
from fakescope.bench.tables import Table
from fakescope.config import load_config
from fakescope.instruct.compose import Quota
from fakescope.instruct.mixture import build_instructions
from fakescope.prompts import AUTHENTICITY_QUESTION
from fakescope.records import Instruction, Message, Part
from fakescope.train.checkpoint import load_checkpoint
from fakescope.train.features import CLEAN, FeatureStore, encode_views, plan_views
from fakescope.train.nano import Data, NanoConfig, build, load_data, read_off, told_words
from fakescope.train.nano_data import BatchMaker, ConversationPool, Features
from fakescope.train.nano_model import Batch, Images, Nano, collate, pack, segment_mask, segment_positions
from fakescope.train.nano_stages import run_stage
from fakescope.train.readout import Readings

PARTS: tuple[Part, ...] = ("judgement", "reasoning", "traces", "discussion")
QUOTA = {"judgement": 1, "reasoning": 1, "traces": 4, "criterion": 1, "discussion": 2, "description": 1}
"""Conversations drawn for one annotated image and step; what a variant leaves out is left out."""

LABEL_ONLY = {"judgement": 1, "alignment": 1}
DEV_QUOTA = Quota()
MOST_OF_A_PART = 6
"""Conversations of a part that are measured for each dev image."""


@dataclass(frozen=True)
class Variant:
    """What is trained on.

    Attributes:
        parts: Of FakeInstruct; alignment always belongs to it.
        share: Of the annotated images, drawn by a hash of their ids.
        quota: Of FakeInstruct; none leaves the conversations that an examination has.
    """

    name: str
    parts: tuple[Part, ...] = PARTS
    share: float = 1.0
    quota: Quota | None = DEV_QUOTA


VARIANTS: tuple[Variant, ...] = (
    Variant("all parts"),
    *(Variant(f"without {part}", tuple(p for p in PARTS if p != part)) for part in PARTS),
    Variant("examination only", quota=None),
    Variant("all parts, a third of the images", share=1 / 3),
    Variant("all parts, a ninth of the images", share=1 / 9),
)


@dataclass
class Scores:
    """On dev.

    Attributes:
        verdict: AUROC of the logits of fake and real at the answer slot of the authenticity question.
        loss: Part -> nats a token of the answers.
        right: Part -> share of questions that are right in their first word, of those whose answer begins with the
            closed answer itself (findings, yes or no, letters).
    """

    verdict: float
    loss: dict[str, float] = field(default_factory=dict)
    right: dict[str, float] = field(default_factory=dict)


def chosen(ids: Iterable[str], share: float) -> set[str]:
    """A share of the images, by a hash of their ids; a smaller share is part of a larger one."""
    return {id for id in ids if zlib.crc32(f"scale:{id}".encode()) % 10_000 < round(10_000 * share)}


def instructions_of(variant: Variant, data: Data, seed: int) -> list[Instruction]:
    """What a variant trains on of the annotated images."""
    kept = chosen(data.annotated, variant.share)
    records = [r for r in data.seed.records if r.image.id in kept]
    quota = variant.quota or Quota(0, 0, 0, 0)
    parts: tuple[Part, ...] = ("alignment", *variant.parts)
    return list(build_instructions(records, seed=seed, splits=("train",), parts=parts, quota=quota))


def train_variant(
    variant: Variant,
    nano: Nano,
    data: Data,
    sides: tuple[Features, Features],
    tokenizer: Tokenizer,
    config: NanoConfig,
    run: Path,
) -> None:
    """Tune a nano that comes from the first stage; resumes where it was stopped."""
    label_only = build_instructions((), data.label_only.values(), seed=config.seed)
    kept = [i for i in label_only if i.part == "alignment" or "judgement" in variant.parts]
    told = told_words(data, tokenizer, set(nano.readout.word_ids.tolist()))
    annotated = ConversationPool(instructions_of(variant, data, config.seed), QUOTA)
    batches = BatchMaker(
        (sides[0], annotated), (sides[1], ConversationPool(kept, LABEL_ONLY)),
        data.refs, tokenizer, config.seed, told,
    )  # fmt: skip
    run_stage(nano, replace(config.tune, name=variant.name.replace(" ", "-").replace(",", "")), batches, run)


def dev_features(data: Path, work: Path, nano: Nano) -> tuple[dict[str, int], Features]:
    """Clean views of the dev images with what the readers read off them, and the label of each: 1 fake."""
    from fakescope.chain.seed import read_labels

    refs = {r.id: r for r in read_labels(data / "labels.csv").values() if r.split == "dev" and r.label}
    store = FeatureStore(work / "features" / "evaluation")
    encode_views(list(plan_views(list(refs.values()), [(CLEAN, 0)])), work / "encoder.onnx", store)
    keys, grid, stats = store.load()
    rows = [n for n, key in enumerate(keys) if key.image_id in refs]
    grid, stats = grid[rows], stats[rows]
    with torch.inference_mode():
        words, scores = nano.readout(torch.from_numpy(grid).float(), torch.from_numpy(stats).float())
    readings = Readings(words.numpy(), scores.numpy())
    labels = {id: ref.label.target for id, ref in refs.items() if ref.label}
    return labels, Features([keys[n] for n in rows], grid, stats, readings)


@torch.inference_mode()
def measure(
    nano: Nano, tokenizer: Tokenizer, seen: Features, labels: Mapping[str, int], dev: Sequence[Instruction]
) -> Scores:
    """Verdict on all dev images; loss and closed answers on the annotated ones."""
    nano.eval()
    scores = Scores(_verdict(nano, tokenizer, seen, labels))
    by_part: dict[str, dict[str, list[Instruction]]] = defaultdict(lambda: defaultdict(list))
    for one in dev:
        by_part[one.part][one.image].append(one)
    for part in PARTS:
        loss = tokens = right = asked = 0.0
        for rows, drawn in _pages(by_part[part], seen):
            batch = _batch(nano, tokenizer, seen, rows, drawn)
            count = float((batch.targets > 0).sum())
            loss += float(nano(batch).text) * count
            tokens += count
            hits, tries = _closed(nano, tokenizer, batch, drawn)
            right, asked = right + hits, asked + tries
        scores.loss[part] = loss / max(1.0, tokens)
        if asked:
            scores.right[part] = right / asked
    return scores


def _pages(
    talks: Mapping[str, Sequence[Instruction]], seen: Features, size: int = 8
) -> Iterator[tuple[list[int], list[list[Instruction]]]]:
    """Rows of features with the conversations about their image, so many images at a time."""
    images = sorted(image for image in talks if image in seen.views)
    for start in range(0, len(images), size):
        page = images[start : start + size]
        yield (
            [seen.views[image][0] for image in page],
            [list(talks[image][:MOST_OF_A_PART]) for image in page],
        )


def _batch(
    nano: Nano,
    tokenizer: Tokenizer,
    seen: Features,
    rows: Sequence[int],
    drawn: Sequence[Sequence[Instruction]],
) -> Batch:
    packed = [pack([one.messages for one in talk], tokenizer, key_weight=1.0) for talk in drawn]
    shown = Images(
        grid=torch.from_numpy(seen.grid[rows]),
        stats=torch.from_numpy(seen.stats[rows]),
        words=torch.from_numpy(seen.readings.words[rows]),
        scores=torch.from_numpy(seen.readings.scores[rows]),
        fake=torch.full((len(rows),), math.nan),
        hidden_kinds=torch.zeros(len(rows), 2, dtype=torch.bool),
    )
    return collate(packed, shown, nano.pad_id or 0)


def _logits_at(nano: Nano, batch: Batch, rows: Tensor, places: Tensor) -> Tensor:
    """Logits [n, V] of the tokens at `places` of `rows`, each from the token before it; without the copying head, for
    first words of answers are not copied."""
    prefix, _ = nano._prefix(
        batch.words, *nano.abstractor(batch.grid, batch.stats, batch.scores, batch.hidden_kinds)
    )
    count = prefix.shape[1]
    embeds = torch.cat([prefix, nano.decoder.embedding(batch.ids)], dim=1)
    segments = F.pad(batch.segments, (count, 0), value=0)
    hidden, _ = nano.decoder.hidden(embeds, segment_positions(segments, count), segment_mask(segments))
    chosen_hidden = hidden[:, count:][rows, places - 1]
    none = torch.zeros_like(batch.words[rows], dtype=torch.float32)
    return nano.logits(chosen_hidden, batch.words[rows], none, batch.scores[rows])


def _closed(
    nano: Nano, tokenizer: Tokenizer, batch: Batch, drawn: Sequence[Sequence[Instruction]]
) -> tuple[float, float]:
    """How many closed questions begin with the right word, and how many there are."""
    rows: list[int] = []
    places: list[int] = []
    for row, talk in enumerate(drawn):
        for number, one in enumerate(talk, start=1):
            if one.answer and one.messages[1].content.lower().startswith(one.answer.lower()):
                said = torch.logical_and(torch.eq(batch.segments[row], number), batch.targets[row] > 0)
                rows.append(row)
                places.append(int(torch.nonzero(said)[0]))
    if not rows:
        return 0.0, 0.0
    at = torch.tensor(rows), torch.tensor(places)
    best = _logits_at(nano, batch, *at).argmax(1)
    return float((best == batch.ids[at]).sum()), float(len(rows))


def _verdict(nano: Nano, tokenizer: Tokenizer, seen: Features, labels: Mapping[str, int]) -> float:
    fake, real = (int(tokenizer.token_to_id(word) or 0) for word in ("\u0120fake", "\u0120real"))
    question = Instruction(
        image="",
        part="judgement",
        messages=(
            Message(role="user", content=AUTHENTICITY_QUESTION),
            Message(role="assistant", content="This image is fake.", train=True),
        ),
    )
    llr: list[float] = []
    rows = list(range(len(seen.keys)))
    for start in range(0, len(rows), 32):
        page = rows[start : start + 32]
        batch = _batch(nano, tokenizer, seen, page, [[question]] * len(page))
        place = int(torch.nonzero(torch.eq(batch.ids[0], fake))[0])
        logits = _logits_at(nano, batch, torch.arange(len(page)), torch.full((len(page),), place))
        llr += (logits[:, fake] - logits[:, real]).tolist()
    return auroc(np.array(llr), np.array([labels[key.image_id] for key in seen.keys], np.float64))


def ablate(
    data_folder: Path, extra: Sequence[Path], config: NanoConfig, work: Path, names: Sequence[str], out: Path
) -> Report:
    """Every variant, one after another; what is there already is not trained again."""
    data = load_data(data_folder, extra, config)
    tokenizer = Tokenizer.from_file(str(work / "tokenizer.json"))
    readout, (whole, rest) = read_off(config, data, tokenizer, work)
    dev = list(build_instructions(data.seed.records, seed=config.seed, splits=("dev",), quota=DEV_QUOTA))
    found: dict[str, Scores] = {}
    for variant in VARIANTS:
        if names and variant.name not in names:
            continue
        nano = build(config, tokenizer, readout)
        load_checkpoint(work / "run" / config.align.name, nano, None)
        train_variant(variant, nano, data, (whole, rest), tokenizer, config, out / f"run-{_name(config)}")
        labels, seen = dev_features(data_folder, work, nano)
        found[variant.name] = measure(nano, tokenizer, seen, labels, dev)
        print(variant.name, asdict(found[variant.name]), flush=True)
    return _report(found, config)


def _name(config: NanoConfig) -> str:
    """Names what all variants share, so that a run with other settings never goes on from these checkpoints."""
    return hashlib.sha256(repr((config.tune, QUOTA, config.seed)).encode()).hexdigest()[:8]


def _report(found: Mapping[str, Scores], config: NanoConfig) -> Report:
    header = ("trained on", "verdict, AUROC", *(f"{p}: nats a token" for p in PARTS), "closed traces right")
    rows: list[Sequence[Any]] = []
    for name, scores in found.items():
        losses = [scores.loss.get(part, math.nan) for part in PARTS]
        figures = (scores.verdict, *losses, scores.right.get("traces", math.nan))
        rows.append((name, *(f"{figure:.3f}" for figure in figures)))
    title = f"Ablation over parts and data scale, {config.tune.steps} steps each, dev"
    values = {name: asdict(scores) for name, scores in found.items()}
    return Report("ablation-parts", "Parts of FakeInstruct", values, [Table(title, header, rows)])


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m fakescope.train.ablate_parts", description=__doc__)
    parser.add_argument(
        "out", type=Path, help="folder for ablation-parts.json and .md, and for the checkpoints"
    )
    parser.add_argument("--config", type=Path, default=Path("configs/train/nano.yaml"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--extra", type=Path, action="append", default=[])
    parser.add_argument("--work", type=Path, required=True, help="where `nano train` wrote its first stage")
    parser.add_argument("--steps", type=int, help="of each variant; by default the configuration's")
    parser.add_argument(
        "--images", type=int, help="annotated images in a step; by default the configuration's"
    )
    names = [variant.name for variant in VARIANTS]
    parser.add_argument("--only", action="append", default=[], choices=names, help="a variant (repeatable)")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    config = load_config(options.config, NanoConfig)
    steps = options.steps or config.tune.steps
    tune = replace(
        config.tune,
        steps=steps,
        annotated_images=options.images or config.tune.annotated_images,
        warmup=min(config.tune.warmup, steps // 4),
    )
    report = ablate(
        options.data, options.extra, replace(config, tune=tune), options.work, options.only, options.out
    )
    for path in report.write(options.out):
        print(path)


if __name__ == "__main__":
    main()
