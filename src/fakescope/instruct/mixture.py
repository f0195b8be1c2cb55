"""What the embedded model reads: the conversations of an examination, FakeInstruct, and captions.

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
from fakescope.instruct.compose import Composer, Quota
from fakescope.instruct.facts import Facts, facts_of
from fakescope.instruct.fixed import examination, verdicts
from fakescope.instruct.made import Made
from fakescope.instruct.phrasing import rng_for
from fakescope.instruct.survey import survey
from fakescope.records import ChainRecord, ImageRef, Instruction, Message, Part

PARTS: tuple[Part, ...] = ("alignment", "judgement", "reasoning", "traces", "discussion")
TRAINING_SPLITS: tuple[str, ...] = ("train", "dev")
ON_TOP = Quota(judgement=0)
"""FakeInstruct beside what an examination asks, which has all forms of judgement."""

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
    quota: Quota = ON_TOP,
) -> Iterator[Instruction]:
    """Every conversation that can be built, image by image, the same for the same seed.

    Args:
        records: FakeChain records.
        label_only: Images of known label without a record: judgements, and alignment from their captions.
            Images that have a record here are passed over.
        seed: Settles all choices of wording.
        parts: Give these parts only; the others do not change by it.
        splits: Use images of these splits only. The test split is never used, even if it is named, and
            neither is an image of unknown split.
        quota: Of FakeInstruct, on top of what an examination asks.
    """
    allowed = set(splits) & set(TRAINING_SPLITS)
    records = list(records)
    kept = [(record, facts_of(record)) for record in records if record.image.split in allowed]
    composer = Composer(survey(facts for _, facts in kept if facts), quota, seed, even=False)
    for record, facts in kept:
        made = [*alignments(record, seed=seed), *(_of_record(facts, composer, seed) if facts else ())]
        yield from (instruction(one, record.image.id, record.image.id) for one in made if one.part in parts)
    seen = {record.image.id for record in records}
    for image in label_only:
        if image.split in allowed and image.id not in seen:
            seen.add(image.id)
            rng = rng_for(seed, "verdicts", image.id)
            made = [*alignments(image, seed=seed), *(verdicts(image.label, rng) if image.label else ())]
            yield from (instruction(one, image.id) for one in made if one.part in parts)


def _of_record(facts: Facts, composer: Composer, seed: int) -> Iterator[Made]:
    """What an examination asks, then FakeInstruct; what was said before is left out."""
    rng = rng_for(seed, "fixed", facts.id)
    said: set[tuple[tuple[str, str], ...]] = set()
    fixed = [*verdicts(facts.label, rng), *examination(facts, rng)]
    for made in (*fixed, *(row.made for row in composer.rows(facts, Counter()))):
        if made.turns not in said:
            said.add(made.turns)
            yield made


def instruction(made: Made, image: str, record: str = "") -> Instruction:
    """What was made as an instruction; the model learns every answer."""
    messages = []
    for question, answer in made.turns:
        messages.append(Message(role="user", content=question))
        messages.append(Message(role="assistant", content=answer, train=True))
    return Instruction(
        image=image,
        messages=tuple(messages),
        part=made.part,
        form=made.form,
        criterion=made.criterion,
        answer=made.answer,
        rests_on=made.rests_on,
        writer="grammar",
        source_record=record,
    )


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
