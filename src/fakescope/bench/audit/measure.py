"""One image measured for the audit: facts and features at every stage, and what finds its duplicates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from fakescope.bench.audit.facts import NONE, FileFacts, jpeg_facts, read_facts
from fakescope.bench.audit.stages import (
    FED_BYTES,
    FORMATS,
    LEVELLED,
    ORIGINAL,
    STORED,
    Features,
    aligned_files,
    stage_features,
)
from fakescope.bench.data import Sample
from fakescope.chain.collect.phash import LEAST_QUALITY, pdq
from fakescope.errors import ImageError
from fakescope.images.load import load_image


@dataclass(frozen=True)
class Measured:
    """What the audit keeps of one image. `phash` is None for flat images, which all look alike."""

    sample: Sample
    facts: dict[str, FileFacts]
    features: Features
    sha256: str
    phash: str | None


@dataclass
class Measurement:
    """All images that could be read, and the others by name with the reason."""

    images: list[Measured] = field(default_factory=list)
    unread: list[tuple[str, str]] = field(default_factory=list)


def measure_all(
    samples: Sequence[Sample],
    *,
    seed: int = 0,
    jobs: int = 1,
    on_image: Callable[[], None] = lambda: None,
) -> Measurement:
    """Measure every image, several at a time; the order stays."""
    result = Measurement()
    with ThreadPoolExecutor(jobs, thread_name_prefix="fakescope-audit") as pool:
        for batch in _batches(samples, 8 * jobs):
            for outcome in pool.map(lambda sample: _measure(sample, seed), batch):
                if isinstance(outcome, Measured):
                    result.images.append(outcome)
                else:
                    result.unread.append(outcome)
                on_image()
    return result


def _measure(sample: Sample, seed: int) -> Measured | tuple[str, str]:
    try:
        image = load_image(sample.path)
    except ImageError as error:
        return sample.id, error.message
    stored = read_facts(image)
    levelled, fed = aligned_files(sample, image, seed)
    features = stage_features(sample, image, levelled, fed)
    features[STORED] = [*features[STORED], *_more(stored)]
    facts = {STORED: stored, LEVELLED: jpeg_facts(levelled), FED_BYTES: jpeg_facts(fed)}
    if ORIGINAL in features:
        facts[ORIGINAL] = _original(sample)
    phash, quality = pdq(image.pixels)
    return Measured(sample, facts, features, image.sha256, phash if quality >= LEAST_QUALITY else None)


def _more(facts: FileFacts) -> list[float]:
    """What an audit looks at beyond size and tables, as features."""
    return [
        *(float(facts.format == name) for name in FORMATS),
        float(facts.quality or 0),
        float(facts.table.startswith("own")),
        *(float(facts.subsampling == name) for name in ("4:4:4", "4:2:2", "4:2:0")),
        float(facts.progressive),
        float(facts.profile != NONE),
        float(facts.exif),
        float(facts.xmp),
    ]


def _original(sample: Sample) -> FileFacts:
    """Facts that the table knows of the original; `stage_features` has checked that they are numbers."""
    width, height, size = (int(sample.row[f"original_{name}"]) for name in ("width", "height", "bytes"))
    return FileFacts(sample.row.get("original_format", "").upper(), width, height, size)


def _batches(samples: Iterable[Sample], size: int) -> Iterator[list[Sample]]:
    rest = iter(samples)
    while batch := list(islice(rest, size)):
        yield batch
