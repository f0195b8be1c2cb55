"""All of FakeInstruct from FakeChain records and labels: what is built, in which shares it is drawn.

python -m fakescope.instruct.mixture CHAIN LABELS OUT.jsonl
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from fakescope.chain.seed import load_seed, read_labels
from fakescope.errors import FakescopeError
from fakescope.instruct.alignment import alignments
from fakescope.instruct.choice import ChoiceMaker
from fakescope.instruct.discussion import discussion
from fakescope.instruct.judgement import judgements
from fakescope.instruct.phrasing import rng_for
from fakescope.instruct.reasoning import reasoning
from fakescope.instruct.traces import traces
from fakescope.records import ChainRecord, ImageRef, Instruction, Part

PARTS: tuple[Part, ...] = ("alignment", "judgement", "reasoning", "traces", "discussion")
TRAINING_SPLITS: tuple[str, ...] = ("train", "dev")
WEIGHTS: Mapping[Part, float] = {"judgement": 0.25, "reasoning": 0.25, "traces": 0.35, "discussion": 0.15}
"""Shares of conversations in instruction tuning; alignment is a stage of its own. Judgements are short and
plenty; traces are asked 15 times an examination, and so weigh most."""


def build_instructions(
    records: Iterable[ChainRecord],
    label_only: Iterable[ImageRef] = (),
    *,
    seed: int,
    parts: Collection[Part] = PARTS,
    splits: Collection[str] = TRAINING_SPLITS,
) -> Iterator[Instruction]:
    """Every conversation that can be built, image by image, the same for the same seed.

    Args:
        records: FakeChain records.
        label_only: Images of known label without a record: judgements, and alignment from their captions.
            Images that have a record here are passed over.
        seed: Settles all choices of wording.
        parts: Build these parts only; the others do not change by it.
        splits: Use images of these splits only. The test split is never used, even if it is named, and
            neither is an image of unknown split.
    """
    allowed = set(splits) & set(TRAINING_SPLITS)
    records = list(records)
    kept = [record for record in records if record.image.split in allowed]
    choices = ChoiceMaker(kept, seed)
    for record in kept:
        if "alignment" in parts:
            yield from alignments(record, seed=seed)
        if "judgement" in parts:
            yield from judgements(record, seed=seed)
        if "reasoning" in parts:
            yield from reasoning(record, seed=seed)
        if "traces" in parts:
            yield from traces(record, choices, seed=seed)
        if "discussion" in parts:
            yield from discussion(record, seed=seed)
    seen = {record.image.id for record in records}
    for image in label_only:
        if image.split in allowed and image.id not in seen:
            seen.add(image.id)
            if "alignment" in parts:
                yield from alignments(image, seed=seed)
            if "judgement" in parts:
                yield from judgements(image, seed=seed)


def draw(
    instructions: Sequence[Instruction], count: int, *, seed: int, weights: Mapping[Part, float] = WEIGHTS
) -> Iterator[Instruction]:
    """Conversations in the given shares; each part is gone through in shuffled rounds, so none is forgotten.

    Classes are not balanced here: that belongs to whoever samples the images.

    Raises:
        FakescopeError: No part with a weight has any conversation.
    """
    by_part: dict[Part, list[Instruction]] = defaultdict(list)
    for instruction in instructions:
        by_part[instruction.part].append(instruction)
    drawn = [part for part in PARTS if weights.get(part, 0.0) > 0.0 and by_part[part]]
    if not drawn:
        raise FakescopeError("no conversations of the wanted parts", f"weights name {', '.join(weights)}")
    rng = rng_for(seed, "draw")
    left: dict[Part, list[Instruction]] = {}
    for part in rng.choices(drawn, [weights[part] for part in drawn], k=count):
        if not left.get(part):
            left[part] = list(by_part[part])
            rng.shuffle(left[part])
        yield left[part].pop()


def iter_training_text(instructions: Iterable[Instruction]) -> Iterator[str]:
    """The text of every message, for fitting a tokenizer. Location tokens are in it as they are written."""
    for instruction in instructions:
        for message in instruction.messages:
            yield message.content


def write_instructions(instructions: Iterable[Instruction], path: Path) -> Counter[str]:
    """Write JSON Lines; the file appears only when it is complete. Returns the number of each part."""
    counts: Counter[str] = Counter()
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as out:
        for instruction in instructions:
            out.write(instruction.model_dump_json() + "\n")
            counts[instruction.part] += 1
    os.replace(part, path)
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    """Build and write all conversations of a seed; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m fakescope.instruct.mixture", description=__doc__)
    parser.add_argument("chain", type=Path, help="chain.jsonl")
    parser.add_argument("labels", type=Path, help="labels.csv, also the label-only images")
    parser.add_argument("out", type=Path, help="JSON Lines to write")
    parser.add_argument("--manifest", type=Path, help="a further table of label-only images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--splits", nargs="+", choices=TRAINING_SPLITS, default=list(TRAINING_SPLITS))
    options = parser.parse_args(arguments)
    try:
        chain = load_seed(options.chain, options.labels)
        images = read_labels(options.labels)
        if options.manifest:
            images = read_labels(options.manifest) | images
        built = build_instructions(chain.records, images.values(), seed=options.seed, splits=options.splits)
        counts = write_instructions(built, options.out)
    except (FakescopeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for name, faults in (("dropped", chain.dropped), ("patched", chain.patched)):
        for reason, count in faults.items():
            print(f"{name}: {reason}: {count}", file=sys.stderr)
    print(" ".join(f"{part}={counts[part]}" for part in PARTS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
