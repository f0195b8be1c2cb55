"""Export a set of instructions: stream it image by image into the files of a format.

    set -> instructions of one image -> image, levelled -> texts made harmless -> writer of the format

Everything goes into a folder beside the target, which takes its place when it is complete. The same set, images and
options give the same bytes. Memory holds the table of images and a few images, never all instructions.
"""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fakescope.errors import DataError
from fakescope.files import sha256_of
from fakescope.instruct.build import SPLITS
from fakescope.instruct.export.clean import neutralised
from fakescope.instruct.export.folder import MARKER, require_free, swap
from fakescope.instruct.export.formats import Format, ImageMode, format_named
from fakescope.instruct.export.place import Place
from fakescope.instruct.export.readme import readme
from fakescope.instruct.export.stream import Group, groups_of, levelled
from fakescope.instruct.export.table import read_table
from fakescope.instruct.export.writer import Conversation, Writer
from fakescope.instruct.pictures import Pictures
from fakescope.instruct.read import read_manifest
from fakescope.records import JsonObject

EXPORT_VERSION = 1
CREDITS = "credits.csv"
NOT_FOUND = "no file of the image"
UNREADABLE = "image cannot be read"


@dataclass
class Exported:
    """What an export holds, and what was left out.

    Attributes:
        instructions: Split -> how many.
        images: Split -> how many; an image to which the set comes back is counted again.
        parts: Part -> instructions.
        left_out: Why -> instructions.
        neutralised: Marks in texts that were broken; see `clean`.
        licences: Licence -> images.
        shards: Split -> files.
        files: Paths in the export, without the images.
    """

    instructions: Counter[str] = field(default_factory=Counter)
    images: Counter[str] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    neutralised: int = 0
    licences: Counter[str] = field(default_factory=Counter)
    shards: Counter[str] = field(default_factory=Counter)
    files: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Options:
    """What is exported, and how; checked."""

    format: Format
    images: ImageMode
    splits: tuple[str, ...]
    only: tuple[str, ...]
    limit: int | None


def export_set(
    folder: Path,
    out: Path,
    format: str,
    images_folder: Path,
    *,
    images: ImageMode | None = None,
    splits: Sequence[str] | None = None,
    parts: Sequence[str] | None = None,
    limit: int | None = None,
    workers: int = 2,
    on_done: Callable[[int], None] = lambda instructions: None,
) -> Exported:
    """Export a set.

    Args:
        folder: The set.
        out: Must not exist, or be empty, or hold an export, which is replaced.
        format: Of `formats.FORMATS`.
        images_folder: The image files, or a release that holds them; see `pictures`.
        images: How images lie in the export; by default as the format does it best.
        splits: Of those in the set; by default all.
        parts: Only these parts, such as `traces`, or forms, such as `traces.choice`.
        limit: At most so many instructions of each split, for a trial.
        workers: Threads that decode and level images; they do not change what comes out.
        on_done: Told how many more instructions were looked at.

    Raises:
        DataError: The set or an option is not as it must be, the folder holds something else, or nothing is left.
    """
    manifest = read_manifest(folder)
    options = _options(manifest, format, images, splits, parts, limit)
    require_free(out, folder, images_folder)
    table = read_table(folder)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror}") from error
    try:
        with Pictures(table, images_folder) as pictures:
            done = _Export(options, made, table, pictures, max(1, workers), on_done).run(folder)
        _describe(made, options, manifest, done)
        made.chmod(0o755)
        swap(made, out)
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return done


def _options(
    manifest: JsonObject,
    format: str,
    images: ImageMode | None,
    splits: Sequence[str] | None,
    parts: Sequence[str] | None,
    limit: int | None,
) -> Options:
    """The options, checked.

    Raises:
        DataError: One of them fits neither set nor format.
    """
    chosen = format_named(format)
    mode = images or chosen.modes[0]
    if mode not in chosen.modes:
        raise DataError(f"{format} cannot hold images as {mode}", f"use {' or '.join(chosen.modes)}")
    held = [split for split in SPLITS if split in (manifest.get("splits") or ())]
    for split in splits or ():
        if split not in held:
            raise DataError(f"the set has no split {split} to export", f"it has {' and '.join(held)}")
    forms = sorted(manifest.get("forms") or {})
    known = sorted({form.split(".")[0] for form in forms})
    for part in parts or ():
        if part not in forms and part not in known:
            raise DataError(f"the set has no part {part}", f"it has {', '.join(known)}, and their forms")
    if limit is not None and limit < 1:
        raise DataError("the limit must be at least 1")
    wanted = tuple(split for split in held if not splits or split in splits)
    return Options(chosen, mode, wanted, tuple(parts or ()), limit)


class _Export:
    """One run."""

    def __init__(
        self,
        options: Options,
        out: Path,
        table: dict[str, JsonObject],
        pictures: Pictures,
        workers: int,
        on_done: Callable[[int], None],
    ) -> None:
        self._options, self._out, self._table, self._pictures = options, out, table, pictures
        self._workers, self._on_done = workers, on_done
        self._place, self._kind = Place(out, options.images), options.format.load()
        self._done = Exported()

    def run(self, folder: Path) -> Exported:
        """All splits.

        Raises:
            DataError: Nothing is left to export.
        """
        done = self._done
        with (self._out / CREDITS).open("w", encoding="utf-8", newline="") as held:
            credits = csv.writer(held, lineterminator="\n")
            credits.writerow(["image", "id", "source", "licence"])
            for split in self._options.splits:
                self._split(folder, split, credits.writerow)
        splits = [split for split in self._options.splits if done.instructions[split]]
        if not splits:
            why = "".join(f"; {count}: {name}" for name, count in done.left_out.most_common())
            raise DataError(f"there is nothing to export{why}", "name the folder that holds the images")
        done.files += [CREDITS, *self._kind.finish(self._out, splits)]
        return done

    def _split(self, folder: Path, split: str, credit: Callable[[Iterable[str]], object]) -> None:
        groups = groups_of(folder, split, self._table, self._options.only)
        writer: Writer | None = None
        before = ""
        try:
            for group, jpeg in levelled(groups, self._pictures.read, self._workers):
                self._on_done(group.seen)
                self._done.left_out += group.left_out
                kept = group.conversations[: self._room(split)]
                if jpeg is None:
                    self._miss(group)
                    continue
                writer = writer or self._kind(self._out, split)
                self._write(writer, group.image, jpeg, kept)
                if group.image != before:
                    self._credit(split, group.image, jpeg, credit)
                before = group.image
                if self._room(split) == 0:
                    break
        finally:
            if writer:
                writer.close()
        if writer:
            self._done.files += writer.files
            self._done.shards[split] = len(writer.files)

    def _room(self, split: str) -> int | None:
        limit = self._options.limit
        return None if limit is None else limit - self._done.instructions[split]

    def _miss(self, group: Group) -> None:
        if group.conversations:
            why = NOT_FOUND if self._pictures.find(group.image) is None else UNREADABLE
            self._done.left_out[why] += len(group.conversations)

    def _write(self, writer: Writer, id: str, jpeg: bytes, kept: Sequence[Conversation]) -> None:
        writer.add(self._place.put(id, jpeg), [self._clean(one) for one in kept])
        self._done.instructions[writer.split] += len(kept)
        self._done.parts.update(one.part for one in kept)

    def _credit(self, split: str, id: str, jpeg: bytes, write: Callable[[Iterable[str]], object]) -> None:
        row = self._table[id]
        self._done.images[split] += 1
        self._done.licences[row["licence"]] += 1
        write([self._place.name(id, jpeg), id, row["source"], row["licence"]])

    def _clean(self, conversation: Conversation) -> Conversation:
        turns = []
        for turn in conversation.turns:
            (question, asked), (answer, answered) = neutralised(turn[0]), neutralised(turn[1])
            turns.append((question, answer))
            self._done.neutralised += asked + answered
        return conversation._replace(turns=tuple(turns))


def _describe(made: Path, options: Options, manifest: JsonObject, done: Exported) -> None:
    """README.md and export.json."""
    release = manifest.get("release")
    about: JsonObject = {
        "schema_version": EXPORT_VERSION,
        "format": options.format.name,
        "images": options.images,
        "release": release if isinstance(release, dict) else {},
        "task": manifest.get("task"),
        "only": list(options.only),
        "limit": options.limit,
        "splits": {
            split: {"instructions": count, "images": done.images[split], "files": done.shards[split]}
            for split, count in done.instructions.items()
            if count
        },
        "parts": dict(sorted(done.parts.items())),
        "left_out": dict(sorted(done.left_out.items())),
        "neutralised": done.neutralised,
        "licences": dict(sorted(done.licences.items())),
    }
    text = readme(about, options.format, options.format.load())
    (made / "README.md").write_text(text, encoding="utf-8")
    about["files"] = [_summed(made, name) for name in sorted([*done.files, "README.md"])]
    (made / MARKER).write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    done.files = sorted([*done.files, "README.md", MARKER])


def _summed(folder: Path, name: str) -> JsonObject:
    path = folder / name
    return {"name": name, "size_bytes": path.stat().st_size, "sha256": sha256_of(path)}
