"""All checks of a set of instructions, streamed: memory does not grow with the set, only with its number of images."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from fakescope.chain.collect.near import find_near
from fakescope.errors import DataError
from fakescope.files import sha256_of
from fakescope.instruct.build import SPLITS, Plan, blocks_of, facts_of_block
from fakescope.instruct.check.blind import Answerer, Asked, bag_of_words, try_blind
from fakescope.instruct.check.diversity import PUBLISHED, diversity
from fakescope.instruct.check.grounded import ungrounded
from fakescope.instruct.check.texts import check_texts
from fakescope.instruct.facts import Facts
from fakescope.instruct.read import read_images, read_manifest, read_rows
from fakescope.records import JsonObject

TELL = 1_000
HASH = re.compile(r"[0-9a-f]{64}")
SAMPLE = 4_000
"""Answers of a part whose diversity is measured, and instructions whose grounds are looked at for each part."""

T = TypeVar("T")
OnDone = Callable[[int], None]


def run_checks(
    folder: Path,
    *,
    release: Path | None = None,
    blind: bool = True,
    limit: int = 5_000,
    seed: int = 0,
    on_done: OnDone = lambda done: None,
) -> JsonObject:
    """Measure a set.

    Args:
        folder: The set.
        release: What it was made of: proves on a sample that answers rest on their records.
        blind: Train answerers that see no image.
        limit: Questions of a form that they are trained and tried on.
        seed: Settles samples.
        on_done: Told how many more instructions have been read; they are read once for all.

    Returns:
        Counts and figures by name; `faults` is empty for a sound set.

    Raises:
        DataError: It is no finished set, or not made of this release.
    """
    manifest = read_manifest(folder)
    samples = _Samples(limit, seed)
    texts = check_texts(samples.watch(_rows(folder, manifest["splits"], on_done)))
    faults = Counter(texts.faults)
    faults.update(_split_faults(read_images(folder), samples.splits))
    faults.update(_file_faults(folder, manifest, texts.count))
    found: JsonObject = {
        "name": f"{manifest['release']['name']} {manifest['release']['version']}",
        "instructions": texts.count,
        "records": manifest["records"],
        "images": len(samples.splits),
        "parts": dict(samples.parts),
        "forms": dict(sorted(samples.forms.items())),
        "answers": {form: dict(sorted(counts.items())) for form, counts in sorted(samples.answers.items())},
        "coverage": {name: dict(counts) for name, counts in sorted(samples.coverage.items())},
        "words": dict(sorted(texts.words.items())),
        "dropped": manifest["dropped"],
        "named": texts.named,
        "diversity": _diversity(samples.told),
        "published": PUBLISHED,
        "blind": _blind(samples.asked()) if blind else {},
    }
    if release is not None:
        found["grounded"] = grounds = _grounds(samples.rows(), release)
        faults["says what the record does not"] += grounds["ungrounded"]
    for answerer, forms in found["blind"].items():
        faults[f"told by the question ({answerer})"] += sum(not form["at_chance"] for form in forms)
    found["faults"] = {name: count for name, count in faults.most_common() if count}
    return found


class _Samples:
    """What is kept of the rows while they pass: counts, and even samples by part and form."""

    def __init__(self, limit: int, seed: int) -> None:
        self.parts: Counter[str] = Counter()
        self.forms: Counter[str] = Counter()
        self.answers: dict[str, Counter[str]] = defaultdict(Counter)
        self.coverage: dict[str, Counter[str]] = defaultdict(Counter)
        self.splits: dict[str, set[str]] = {}
        self.told: dict[str, list[str]] = {}
        self._limit, self._rng = limit, random.Random(seed)
        self._asked: dict[str, list[Asked]] = {}
        self._rows: dict[str, list[JsonObject]] = {}

    def watch(self, rows: Iterable[JsonObject]) -> Iterator[JsonObject]:
        """Pass rows on."""
        for row in rows:
            part, form, answer = row["part"], row["form"], row["answer"]
            self.parts[part] += 1
            self.forms[form] += 1
            if answer:
                self.answers[form][answer] += 1
                asked = Asked(
                    row["image"], form, row["criterion"] or "", row["messages"][0]["content"], answer
                )
                self._keep(self._asked, form, asked, self.forms[form], self._limit)
            for name in row["rests_on"]:
                if name.startswith("traces."):
                    self.coverage[name.removeprefix("traces.")][part] += 1
            self.splits.setdefault(row["image"], set()).add(row["split"])
            said = self._rng.choice(row["messages"][1::2] or [{"content": ""}])["content"]
            self._keep(self.told, part, said, self.parts[part], SAMPLE)
            self._keep(self._rows, part, row, self.parts[part], SAMPLE)
            yield row

    def asked(self) -> list[Asked]:
        """Closed questions, at most `limit` of a form."""
        return [one for form in sorted(self._asked) for one in self._asked[form]]

    def rows(self) -> list[JsonObject]:
        """Whole rows, at most `SAMPLE` of a part."""
        return [row for part in sorted(self._rows) for row in self._rows[part]]

    def _keep(self, kept: dict[str, list[T]], name: str, one: T, count: int, most: int) -> None:
        """Keep an even sample (reservoir sampling, Vitter 1985)."""
        held = kept.setdefault(name, [])
        if len(held) < most:
            held.append(one)
        elif (place := self._rng.randrange(count)) < most:
            held[place] = one


def _rows(folder: Path, splits: Iterable[str], on_done: OnDone) -> Iterator[JsonObject]:
    """All rows, each with its split."""
    for split in splits:
        number = 0
        for number, row in enumerate(read_rows(folder, split=split), 1):
            yield {**row, "split": split}
            if number % TELL == 0:
                on_done(TELL)
        on_done(number % TELL)


def _file_faults(folder: Path, manifest: JsonObject, count: int) -> Counter[str]:
    """Shards that are missing, or not what the list of contents says, and instructions that are too few or many."""
    faults: Counter[str] = Counter()
    listed = {row["name"]: row["sha256"] for row in manifest["files"]}
    held = {path.name: path for path in (folder / "data").glob("*.parquet")}
    for name, digest in listed.items():
        if name not in held:
            faults["shard is missing"] += 1
        elif sha256_of(held[name]) != digest:
            faults["shard is not what was built"] += 1
    faults["shard that was not built"] += len(held.keys() - listed.keys())
    faults["number of instructions is not what was built"] += count != manifest["instructions"]
    return faults


def _split_faults(images: dict[str, JsonObject], splits: dict[str, set[str]]) -> Counter[str]:
    """Images in two splits, of the test split, in no table; and nearly the same picture in two splits."""
    faults: Counter[str] = Counter()
    for id, found in splits.items():
        held = images.get(id)
        if held is None:
            faults["image is not in the table"] += 1
            continue
        faults["image in two splits"] += len(found) > 1
        faults["image of the test split"] += held["split"] not in SPLITS
        faults["image in another split's shard"] += held["split"] not in found
    hashes = [(id, images[id].get("phash")) for id in splits if id in images]
    pictures = [(id, phash) for id, phash in hashes if phash and HASH.fullmatch(phash)]
    for group in find_near([phash for _, phash in pictures]).groups():
        faults["nearly the same picture in two splits"] += (
            len({images[pictures[n][0]]["split"] for n in group}) > 1
        )
    return faults


def _diversity(told: dict[str, list[str]]) -> JsonObject:
    everything = [text for texts in told.values() for text in texts[: SAMPLE // 4]]
    measured = {name: diversity(texts) for name, texts in [*sorted(told.items()), ("all parts", everything)]}
    return {name: asdict(found) for name, found in measured.items() if found}


def _blind(asked: Sequence[Asked]) -> JsonObject:
    """How each answerer does on each form."""
    answerers: dict[str, Answerer] = {"bag of words": bag_of_words}
    try:
        from fakescope.instruct.check.small_lm import small_lm

        answerers["small language model"] = small_lm
    except ModuleNotFoundError:  # torch comes with the extra `train`; the other answerer needs none
        pass
    return {
        name: [{**asdict(blind), "at_chance": blind.at_chance} for blind in try_blind(asked, answerer)]
        for name, answerer in answerers.items()
    }


def _grounds(rows: Sequence[JsonObject], release: Path) -> JsonObject:
    """Whether the answers of a sample rest on the records.

    Raises:
        DataError: A record is not in the release.
    """
    wanted = {row["image"] for row in rows}
    facts: dict[str, Facts] = {}
    for block in blocks_of(Plan(release, release)):
        facts.update({one.id: one for one in facts_of_block(block) if one.id in wanted})
    if missing := wanted - set(facts):
        raise DataError(
            f"{release} has no record of {min(missing)}", "name the release that the set was made of"
        )
    wrong: list[JsonObject] = []
    for row in rows:
        texts = [message["content"] for message in row["messages"]]
        if faults := ungrounded(texts[1::2], texts[::2], row["rests_on"], facts[row["image"]], row["form"]):
            wrong.append({"id": row["id"], "form": row["form"], "faults": faults})
    return {"looked_at": len(rows), "ungrounded": len(wrong), "named": wrong[:20]}
