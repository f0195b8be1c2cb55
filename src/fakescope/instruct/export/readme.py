"""The README of an export: what it is, how a trainer is told to load it, what may be done with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import yaml

from fakescope.chain.release.licences import may_ship
from fakescope.instruct.export.formats import Format
from fakescope.instruct.export.writer import Writer
from fakescope.records import JsonObject

_PICTURES = {
    "path": "files, `images/NAME.jpg`",
    "bytes": "embedded as JPEG bytes",
    "store": "files named by the SHA-256 of what is in them, `images/ab/abcdef….jpg`",
}


def readme(about: JsonObject, format: Format, writer: type[Writer]) -> str:
    """Markdown.

    Args:
        about: As in export.json.
        format: Of the export.
        writer: That wrote it.
    """
    release = about["release"]
    title = f"FakeInstruct for {format.reader}"
    parts = [
        _front(writer.front(list(about["splits"]))),
        f"# {title}\n",
        f"Instructions made from {_release(release)}, in the format "
        f"`{format.name}`. FOLDER below is this folder.\n",
        "## Load\n",
        _fitting(writer.how, about["splits"]),
        "## What is in it\n",
        _counts(about),
        f"Images: {_PICTURES[about['images']]}. All went through one path (longer side at most 512 px, one JPEG "
        "quality), so that neither format nor size tells the classes apart; do not mix them with raw files.\n",
        "The test split is not inside, and no image of it.\n",
        _left_out(about),
        _licence(release.get("licence") or "not stated", about["licences"]),
    ]
    return "\n".join(part for part in parts if part)


def _front(front: JsonObject) -> str:
    return f"---\n{yaml.safe_dump(front, sort_keys=False)}---\n" if front else ""


def _fitting(how: str, splits: Mapping[str, JsonObject]) -> str:
    last = splits.get("train", {}).get("files", 1) - 1
    only = f"\nOnly the split `{next(iter(splits))}` is inside; leave out what names another.\n"
    return how.replace("LAST", f"{last:05d}") + (only if len(splits) == 1 else "")


def _counts(about: JsonObject) -> str:
    rows = [
        f"| {split} | {counts['instructions']} | {counts['images']} |"
        for split, counts in about["splits"].items()
    ]
    parts = [f"| {part} | {count} |" for part, count in about["parts"].items()]
    return "\n".join(
        ["| split | instructions | images |", "|---|--:|--:|", *rows, "", *_table("part", parts)]
    )


def _table(name: str, rows: Sequence[str]) -> list[str]:
    return [f"| {name} | instructions |", "|---|--:|", *rows, ""]


def _left_out(about: JsonObject) -> str:
    lines = []
    if about["left_out"]:
        rows = [f"| {_cell(why)} | {count} |" for why, count in about["left_out"].items()]
        lines += ["Left out:\n", *_table("why", rows)]
    if about["neutralised"]:
        lines.append(
            f"{about['neutralised']} marks in texts that trainers or tokenizers could take for special tokens, such "
            "as `<image>`, were broken by a space: `< image>`.\n"
        )
    return "\n".join(lines)


def _licence(words: object, licences: Mapping[str, int]) -> str:
    rows = [
        f"| {_cell(licence or 'not stated')} | {count} | {'yes' if may_ship(licence) else 'no'} |"
        for licence, count in licences.items()
    ]
    return "\n".join(
        [
            "## Licence\n",
            f"The instructions: {_cell(words)}. Every image keeps its own licence; `credits.csv` names it and the "
            "source, image by image. What may not be passed on is here for training on this machine only: do not "
            "publish it.\n",
            "| licence of the images | images | may be passed on |",
            "|---|--:|---|",
            *rows,
            "",
        ]
    )


def _cell(text: object) -> str:
    """Foreign text in Markdown."""
    shown = " ".join(str(text).split())[:120]
    return "".join("\\" + ch if ch in "|\\`*_<>[]#" else ch for ch in shown)


def _release(release: Mapping[str, object]) -> str:
    return f"{_cell(release.get('name') or 'a release')} {_cell(release.get('version') or '')}".strip()
