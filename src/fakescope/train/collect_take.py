"""Take from one source what its rules ask for: in an order drawn by hash, without duplicates, up to the limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from fakescope.chain.collect.repositories import Source, SourceFile
from fakescope.chain.collect.rules import Rule, wanted_files
from fakescope.images.text import clean_text
from fakescope.train.collect_images import Hash, Prepared, image_id, is_near, prepare

COLUMNS = [
    "id",
    "split",
    "label",
    "generator",
    "source",
    "commit",
    "path",
    "licence",
    "kind",
    "caption",
    "original_width",
    "original_height",
    "original_format",
    "group",
]
_POINTER = b"version https://git-lfs.github.com/"
Row = dict[str, str]


@dataclass(frozen=True)
class Known:
    """Images that are spoken for: the split of each id, and hashes of dev and test images."""

    split: dict[str, str] = field(default_factory=dict)
    hashes: tuple[Hash, ...] = ()


@dataclass
class Result:
    """What one source gave: rows of the manifest, counts by reason, and broken files with their reasons."""

    rows: list[Row] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[str, str]] = field(default_factory=list)


def take_source(
    rules: Sequence[Rule],
    source: Source,
    write: Callable[[str, bytes], None],
    *,
    taken: set[str],
    known: Known = Known(),
    jobs: int = 1,
    step: Callable[[int, int], None] = lambda done, total: None,
) -> Result:
    """Take what the rules of one source ask for; the same images for any number of jobs.

    Args:
        rules: Of one source; a file belongs to the first that matches its path.
        source: Where the files are.
        write: Stores an image, given its id and JPEG bytes.
        taken: Ids of files of other sources; exact duplicates of them are dropped.
        known: Test images, and near-duplicates of dev and test images, are dropped.
        jobs: Images decoded at a time.
        step: Told how many of how many files have been seen.

    Raises:
        DataError: The source itself is unusable; single bad files only count.
    """
    taker = _Taker(write, set(taken), known)
    wanted = wanted_files(rules, source)
    taker.result.counts["files"] = len(wanted)
    rest = iter(wanted)
    seen = 0
    with ThreadPoolExecutor(jobs) as pool:
        while batch := list(islice((pair for pair in rest if taker.wants(pair[0])), 8 * jobs)):
            data = source.read([file for _, file in batch])
            new = [
                (rule, file, taker.screen(rule, file, d)) for (rule, file), d in zip(batch, data, strict=True)
            ]
            work = [(rule, file, d) for rule, file, d in new if d is not None]
            done = pool.map(lambda item: prepare(item[2], item[0]), work)
            for (rule, file, _), prepared in zip(work, done, strict=True):
                taker.accept(rule, file, prepared)
            seen += len(batch)
            step(seen, len(wanted))
    taker.result.counts["kept"] = len(taker.result.rows)
    return taker.result


class _Taker:
    """What has been taken of one source so far."""

    def __init__(self, write: Callable[[str, bytes], None], taken: set[str], known: Known) -> None:
        self._write, self._taken, self._known = write, taken, known
        self._hashes: list[Hash] = []
        self._kept: Counter[Rule] = Counter()
        self.result = Result()

    def wants(self, rule: Rule) -> bool:
        """Whether the rule's limit is not reached."""
        return rule.most is None or self._kept[rule] < rule.most

    def screen(self, rule: Rule, file: SourceFile, data: bytes | None) -> bytes | None:
        """The bytes if they are worth decoding; otherwise they are counted."""
        reason = self._reason_against(rule, data)
        if reason:
            self.result.counts[reason] += 1
            return None
        return data

    def _reason_against(self, rule: Rule, data: bytes | None) -> str:
        if data is None or data.startswith(_POINTER):
            return "missing"
        name = image_id(data)
        if name in self._taken:
            return "exact_duplicate"
        self._taken.add(name)
        if rule.excludes(name):
            return "excluded"
        return "test" if self._known.split.get(name) == "test" else ""

    def accept(self, rule: Rule, file: SourceFile, prepared: Prepared) -> None:
        """Write the parts that are new, and their rows."""
        if not self.wants(rule):
            return
        if prepared.broken:
            self.result.counts["broken"] += 1
            self.result.broken.append((clean_text(file.path, 300), prepared.broken))
            return
        self.result.counts += prepared.dropped
        split = self._known.split.get(prepared.id, "train")
        for part in prepared.parts:
            if is_near(part.hash, self._hashes):
                self.result.counts["near_duplicate"] += 1
            elif split == "train" and is_near(part.hash, self._known.hashes):
                self.result.counts["near_test"] += 1
            elif self.wants(rule):
                self._hashes.append(part.hash)
                self._kept[rule] += 1
                self._write(part.id, part.jpeg)
                self.result.rows.append(_row(rule, file, prepared, part.id, split))


def _row(rule: Rule, file: SourceFile, prepared: Prepared, part_id: str, split: str) -> Row:
    match = rule.match(file.path)
    if match is None:
        raise ValueError("the rule was chosen because it matches")
    values = (
        part_id,
        split,
        rule.label.value,
        match.expand(rule.generator),
        rule.source,
        file.commit,
        file.path,
        rule.licence,
        rule.kind,
        rule.caption(match),
        str(prepared.width_px),
        str(prepared.height_px),
        prepared.format,
        rule.group,
    )
    return dict(zip(COLUMNS, values, strict=True))
