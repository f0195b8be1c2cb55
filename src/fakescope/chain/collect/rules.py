"""The rows of a table of sources: which files of a source are taken, and what they are."""

from __future__ import annotations

import csv
import hashlib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fakescope.chain.collect.repositories import COMMIT, DEBIAN, SOURCE_NAME, Source, SourceFile
from fakescope.errors import DataError
from fakescope.records import Label

Box = tuple[int, int, int, int]
COLUMNS = [
    "source",
    "commit",
    "pattern",
    "label",
    "generator",
    "licence",
    "crop",
    "group",
    "caption_rule",
    "most",
    "exclude",
]
_CROP = re.compile(r"crop:([\d.]+),([\d.]+),([\d.]+),([\d.]+)")
_GRID = re.compile(r"grid([1-8])x([1-8])(?:/(\d+))?(?::(\d+))?")
_MOST_TILES = 16


@dataclass(frozen=True)
class Crop:
    """Which parts of a file are images.

    Attributes:
        box: (x0, y0, x1, y1) in fractions of the upright image, for `crop:x0,y0,x1,y1`.
        columns: Of a sheet of equal tiles, for `gridCxR`; 0 if it is none.
        rows: Of the sheet.
        keep: How many tiles are kept, chosen by the image's id, for `gridCxR/K`.
        inset_px: What is cut off every side of a tile, for `gridCxR:P`.
    """

    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    columns: int = 0
    rows: int = 0
    keep: int = 0
    inset_px: int = 0

    def parts(self, image_id: str, width_px: int, height_px: int) -> list[tuple[str, Box]]:
        """The id and the box in pixels of each part."""
        if not self.columns:
            x0, y0, x1, y1 = self.box
            return [
                (image_id, (int(x0 * width_px), int(y0 * height_px), int(x1 * width_px), int(y1 * height_px)))
            ]
        cells = list(itertools.product(range(self.rows), range(self.columns)))
        choices = list(itertools.combinations(range(len(cells)), self.keep))
        kept = choices[int(image_id[:8], 16) % len(choices)]
        tile_w, tile_h, inset = width_px / self.columns, height_px / self.rows, self.inset_px
        return [
            (
                f"{image_id}-t{number}",
                (
                    round(column * tile_w) + inset,
                    round(row * tile_h) + inset,
                    round((column + 1) * tile_w) - inset,
                    round((row + 1) * tile_h) - inset,
                ),
            )
            for number, (row, column) in enumerate(cells)
            if number in kept
        ]


@dataclass(frozen=True)
class Rule:
    """One row: files of `source` at `commits` whose path `pattern` finds.

    Attributes:
        generator: May refer to groups of the pattern, as `\\1`.
        caption_rule: Empty, `filename`, `folder`, or a text that may refer to groups of the pattern.
        most: Images that are kept, or None for all.
        exclude: Finds paths that are left out, or `id:ID` of files and tiles that were looked at and left out.
    """

    source: str
    commits: tuple[str, ...]
    pattern: re.Pattern[str]
    label: Label
    generator: str
    licence: str
    crop: Crop
    group: str
    caption_rule: str
    most: int | None
    exclude: re.Pattern[str] | None

    def match(self, path: str) -> re.Match[str] | None:
        """The match of a path that is taken by this rule."""
        if self.exclude and self.exclude.search(path):
            return None
        return self.pattern.search(path)

    def excludes(self, image_id: str) -> bool:
        """Whether a file or tile is left out by its id."""
        return bool(self.exclude and self.exclude.search(f"id:{image_id}"))

    def caption(self, match: re.Match[str]) -> str:
        """The caption in at most 600 characters; may be empty."""
        path = PurePosixPath(match.string)
        simple = {"filename": path.stem, "folder": path.parent.name}
        text = simple.get(self.caption_rule)
        if text is None:
            return " ".join(match.expand(self.caption_rule).replace("_", " ").split())[:600]
        return " ".join(re.sub(r"[_+-]+", " ", text).split())[:600]

    @property
    def kind(self) -> str:
        """What sort of picture, coarser than the group."""
        head = self.group.partition("-")[0]
        known = ("photo", "painting", "illustration", "poster", "render", "screenshot", "document")
        return "render" if head == "game" else head if head in known else ""


def read_rules(path: Path) -> dict[str, list[Rule]]:
    """The rules of each source in the order of the table; for a file the first that matches counts.

    Raises:
        DataError: All rows with faults, with their lines.
    """
    rules: dict[str, list[Rule]] = {}
    faults = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if reader.fieldnames != COLUMNS:
                raise DataError(f"{path.name} has other columns", f"needed: {','.join(COLUMNS)}")
            for row in reader:
                try:
                    rule = _rule(row)
                    if rules.setdefault(rule.source, [rule])[0].commits != rule.commits:
                        raise ValueError("another row of the source names other commits")
                except (ValueError, TypeError, re.error) as error:
                    faults.append(f"line {reader.line_num}: {error}")
                    continue
                if rules[rule.source][0] is not rule:
                    rules[rule.source].append(rule)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path.name} cannot be read", str(error)) from error
    if faults:
        raise DataError(f"{path.name} has {len(faults)} faulty rows", "; ".join(faults[:10]))
    return rules


def wanted_files(rules: Sequence[Rule], source: Source) -> list[tuple[Rule, SourceFile]]:
    """Files with their rules, in an order drawn by hash: a limit takes a random sample, always the same."""

    def order(file: SourceFile) -> str:
        return hashlib.sha256((file.path + file.blob).encode("utf-8", "surrogateescape")).hexdigest()

    matched = (
        (next((r for r in rules if r.match(f.path)), None), f) for f in sorted(source.files(), key=order)
    )
    return [(rule, file) for rule, file in matched if rule]


def _rule(row: dict[str, str]) -> Rule:
    commits = tuple(row["commit"].split())
    if not SOURCE_NAME.fullmatch(row["source"]):
        raise ValueError("source is not owner/name")
    if not commits or not (
        row["source"].startswith(DEBIAN) or all(COMMIT.fullmatch(commit) for commit in commits)
    ):
        raise ValueError("commit is not 40 hexadecimal digits")
    pattern = re.compile(row["pattern"])
    for text in (row["generator"], row["caption_rule"]):
        if any(int(number) > pattern.groups for number in re.findall(r"\\(\d+)", text)):
            raise ValueError(f"{text!r} refers to a group that the pattern lacks")
    return Rule(
        row["source"],
        commits,
        pattern,
        Label(row["label"]),
        row["generator"],
        row["licence"],
        parse_crop(row["crop"]),
        row["group"],
        row["caption_rule"],
        int(row["most"]) if row["most"] else None,
        re.compile(row["exclude"]) if row["exclude"] else None,
    )


def parse_crop(text: str) -> Crop:
    """Read a crop hint: empty, `crop:x0,y0,x1,y1` or `gridCxR[/K][:P]`.

    Raises:
        ValueError: It is none of these, or has too many tiles.
    """
    if not text:
        return Crop()
    if box := _CROP.fullmatch(text):
        x0, y0, x1, y1 = (float(number) for number in box.groups())
        if not (0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1):
            raise ValueError(f"crop {text!r} is not within the image")
        return Crop(box=(x0, y0, x1, y1))
    if grid := _GRID.fullmatch(text):
        columns, rows = int(grid[1]), int(grid[2])
        tiles = columns * rows
        keep = int(grid[3] or tiles)
        if tiles > _MOST_TILES or not 1 <= keep <= tiles:
            raise ValueError(f"crop {text!r} has too many tiles; at most {_MOST_TILES}")
        return Crop(columns=columns, rows=rows, keep=keep, inset_px=int(grid[4] or 0))
    raise ValueError(f"crop {text!r} is not known")
