"""The data card: README.md of a release, with the front matter that `datasets` reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from fakescope.records import JsonObject
from fakescope.taxonomy import BY_ID

_SPLIT_NAMES = {"dev": "validation"}
"""`datasets` calls it so."""

LOADING = """
```python
from datasets import load_dataset

data = load_dataset("{folder}")        # the folder that holds this card
```
Or without any library: `chain.jsonl` has one record a line. `release.json` has the counts below, `SHA256SUMS` the sums
of all files; `fakescope chain validate` checks everything.
"""

FIELDS = """
| field | what |
|---|---|
| `id`, `sha256`, `phash` | of the original image file: id (start of the SHA-256), SHA-256, perceptual hash (PDQ) |
| `label`, `generator`, `split` | `real` or `fake`; what made it; train, dev or test |
| `source`, `origin`, `licence`, `date` | where the image comes from, its place there, its own licence, its date |
| `width_px`, `height_px`, `size_bytes`, `format` | of the original file: never a feature for a detector |
| `path`, `image` | the copy in this release, if its licence allows one: longer side 512 px, one JPEG quality for all |
| `subject`, `description`, `limits`, `advice` | what is shown; the reasoning; what is uncertain; what to do next |
| `traces` | for each criterion: finding (`abnormal`, `natural` or null), observation, region (x0, y0, x1, y1 in 0-1) |
| `blind_p_fake` | probability of fake that people (or a model) gave before they knew the label |
| `status` | `accepted`, `revised`, `rejected` by people, or `draft`: not reviewed |
| `lineage` | who or what wrote and reviewed the record, when, from which prompt |
| `history` | JSON: all judgements, drafts and reviews |
"""


def data_card(
    name: str, version: str, licence: str, about: str, stats: JsonObject, splits: Sequence[str]
) -> str:
    """The card as Markdown.

    Args:
        name: Of the data set.
        version: Of the release.
        licence: Of the annotations.
        about: How the data came about, in Markdown.
        stats: From `Stats.told`.
        splits: Those that have shards.
    """
    parts = [
        _front(name, licence, stats, splits),
        f"# {name}, release {version}\n",
        "Images with known labels, and for each the reasoning from visible traces to its label (FakeChain, "
        "arXiv 2503.24267).\n",
        about.strip() + "\n" if about.strip() else "",
        "## What it holds\n",
        _labels(stats),
        _criteria(stats),
        _makers(stats),
        "## Load it" + LOADING.format(folder="FOLDER"),
        "## Fields" + FIELDS,
        "## Licences\n",
        f"The annotations: {licence}. Every image has a licence of its own, in `licence`; images whose licence does "
        "not allow copies are only referred to. Look each up before you use it.\n",
        _counted("licence of the images", stats["licences"]),
        "## Limits\n",
        "- The reasoning was written by somebody who knew the label: it says what can be seen, not why a model "
        "decides.",
        "- Regions are approximate. Absence of a trace in the text is not absence in the image.",
        "- Formats, sizes and compression of the original files tell the classes apart: never feed raw files of one "
        "class and re-encoded ones of the other.\n",
    ]
    return "\n".join(part for part in parts if part)


def _front(name: str, licence: str, stats: JsonObject, splits: Sequence[str]) -> str:
    files = [{"split": _SPLIT_NAMES.get(split, split), "path": f"data/{split}-*.parquet"} for split in splits]
    front: dict[str, Any] = {
        "pretty_name": name,
        "license": licence.lower(),
        "language": ["en"],
        "task_categories": ["image-classification", "image-text-to-text"],
        "tags": ["ai-generated images", "image forensics", "explanations"],
        "size_categories": [_size(stats["records"])],
        "configs": [{"config_name": "default", "data_files": files}],
    }
    return "---\n" + yaml.safe_dump(front, sort_keys=False, allow_unicode=True) + "---\n"


def _size(records: int) -> str:
    for below, name in ((1000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (10**6, "100K<n<1M")):
        if records < below:
            return name
    return "n>1M"


def _labels(stats: JsonObject) -> str:
    rows = [
        f"| {split} | {counts.get('fake', 0)} | {counts.get('real', 0)} |"
        for split, counts in sorted(stats["splits"].items())
    ]
    words = stats["words"]
    return "\n".join(
        [
            "| split | fake | real |",
            "|---|--:|--:|",
            *rows,
            "",
            f"{stats['records']} records; descriptions of {words['least']} to {words['most']} words, "
            f"{words['mean']:.0f} on average; {stats['regions']['count']} regions.",
            "Status: "
            + ", ".join(f"{count} {status}" for status, count in stats["statuses"].items())
            + ".\n",
        ]
    )


def _criteria(stats: JsonObject) -> str:
    rows = []
    for criterion, by_label in stats["criteria"].items():
        fake, real = by_label["fake"], by_label["real"]
        rows.append(
            f"| {BY_ID[criterion].name} | {fake.get('abnormal', 0)} | {fake.get('natural', 0)} | "
            f"{real.get('abnormal', 0)} | {real.get('natural', 0)} |"
        )
    head = "| criterion | fake: abnormal | fake: natural | real: abnormal | real: natural |\n|---|--:|--:|--:|--:|"
    return "\n".join([head, *rows, ""])


def _makers(stats: JsonObject) -> str:
    return "\n".join(
        [
            _counted("generator", stats["generators"]),
            _counted("written by", stats["teachers"]),
        ]
    )


def _counted(name: str, counts: dict[str, int]) -> str:
    rows = [f"| {_cell(value)} | {count} |" for value, count in counts.items()]
    return "\n".join([f"| {name} | records |", "|---|--:|", *rows, ""])


def _cell(text: str) -> str:
    """Foreign text in a table of Markdown."""
    shown = " ".join(text.split())[:120]
    return "".join("\\" + ch if ch in "|\\`*_<>[]#" else ch for ch in shown)
