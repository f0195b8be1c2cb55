"""What is audited: labelled images of chains and data folders, with what their tables know of the original files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fakescope.bench.data import TABLES, Sample, load_samples
from fakescope.errors import DataError, MissingExtraError
from fakescope.records import ImageRef

CHAIN_FILE = "chain.db"


@dataclass(frozen=True)
class Subjects:
    """Images with labels, and how many were passed over for having none.

    Ids of several folders are told apart by the folder's name in front.
    """

    names: tuple[str, ...]
    samples: tuple[Sample, ...]
    unlabelled: int = 0


def load_subjects(
    places: Sequence[str], *, splits: Sequence[str] | None = None, root: Path | None = None
) -> Subjects:
    """Load the images of all places.

    Args:
        places: Folders or URLs of chains, and data folders (`labels.csv` or `manifest.csv`, and `images/`).
        splits: Only these.
        root: Folder of relative image paths of a chain that is given by URL.

    Raises:
        DataError: A place is neither, or there are no labelled images.
        MissingExtraError: The packages for chains are not installed.
    """
    names, samples, unlabelled = [], [], 0
    for place in places:
        own, without = _load(place, splits, root)
        name = re.sub(r"//[^@/]*@", "//", place) if _is_url(place) else Path(place).resolve().name
        prefix = f"{name}/" if len(places) > 1 else ""
        samples += [replace(sample, id=prefix + sample.id) for sample in own]
        names.append(name)
        unlabelled += without
    if not samples:
        raise DataError("there are no labelled images to audit", "check the path and the splits")
    return Subjects(tuple(names), tuple(samples), unlabelled)


def _load(place: str, splits: Sequence[str] | None, root: Path | None) -> tuple[list[Sample], int]:
    folder = Path(place)
    if _is_url(place) or (folder / CHAIN_FILE).is_file():
        return _of_chain(place, splits, root)
    if any((folder / name).is_file() for name in TABLES):
        return load_samples(folder, splits), 0
    raise DataError(
        f"{place} is neither a chain nor a data folder",
        "a folder of images becomes a chain by `fakescope chain collect`",
    )


def _of_chain(place: str, splits: Sequence[str] | None, root: Path | None) -> tuple[list[Sample], int]:
    try:
        from fakescope.chain.collect.journal import read_originals
        from fakescope.chain.store import open_store
    except ImportError as error:
        raise MissingExtraError("reading a chain", "chain") from error
    with open_store(place, root=root) as store:
        originals = read_originals(store.root)
        refs = [ref for ref in store.images() if splits is None or ref.split in splits]
        samples = []
        for ref in refs:
            if ref.label is None:
                continue
            row = {}
            if about := originals.get(ref.id):
                row = {
                    "original_format": about.format,
                    "original_width": str(about.width_px),
                    "original_height": str(about.height_px),
                    "original_bytes": str(about.size_bytes),
                }
            samples.append(_sample(ref, store.path_of(ref), row))
    return samples, len(refs) - len(samples)


def _sample(ref: ImageRef, path: Path, row: dict[str, str]) -> Sample:
    if ref.label is None:
        raise ValueError("only labelled images are audited")
    return Sample(ref.id, ref.label, ref.split or "", path, ref.source, ref.generator or "", ref.group, row)


def _is_url(place: str) -> bool:
    return bool(re.match(r"[a-z0-9+]+://", place))
