"""A model's verdict on each of many labelled images. A broken image ends its own sample and is named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from fakescope.bench.data import Sample
from fakescope.errors import FakescopeError
from fakescope.images.load import LoadedImage, load_image
from fakescope.images.perturb import Step, apply, parse_perturbation
from fakescope.models.base import ForensicModel
from fakescope.records import Verdict
from fakescope.verdict.judge import judge_images
from fakescope.verdict.labels import candidate_sets

CLEAN = "none"
"""The name of no perturbation."""


@dataclass(frozen=True)
class ScoredImage:
    """A sample with its verdict, or with the error that took its place."""

    sample: Sample
    verdict: Verdict | None
    error: str = ""


def score_samples(
    model: ForensicModel,
    samples: Sequence[Sample],
    perturbation: str = CLEAN,
    *,
    batch: int = 16,
    on_done: Callable[[int], None] = lambda count: None,
) -> list[ScoredImage]:
    """Judge every sample, in order.

    Args:
        model: Any forensic model.
        samples: Labelled images.
        perturbation: What happens to each image first, as `images.perturb` writes it: "jpeg:70+resize:0.5".
        batch: Images that the model is given at once.
        on_done: Called with the number of images just finished.

    Raises:
        ConfigError: An unknown perturbation.
        ModelError: Label words that the model cannot be asked for.
    """
    steps = parse_perturbation(perturbation)
    candidate_sets(model)  # label words that the model does not have are told before any image is read
    results: list[ScoredImage] = []
    with ThreadPoolExecutor(
        max_workers=1
    ) as reader:  # decodes the next batch while the model works on this one
        pending = None
        for chunk in [*_chunks(samples, batch), None]:
            following = reader.submit(_read_all, chunk, steps) if chunk else None
            if pending is not None:
                done = _judge_all(model, pending.result())
                results += done
                on_done(len(done))
            pending = following
    return results


def read_sample(sample: Sample, steps: Sequence[Step] = ()) -> LoadedImage:
    """Load a sample's image and perturb it.

    A perturbed image gets an identity of its own and loses the file's bytes, so that neither a cache nor a
    reader of the file can pass off the original in its stead.

    Raises:
        ImageError: It cannot be read.
    """
    return perturbed(load_image(sample.path), steps, sample.id)


def perturbed(image: LoadedImage, steps: Sequence[Step], id: str) -> LoadedImage:
    """`read_sample` for an image that was read; what is drawn at random is drawn by its id."""
    if not steps:
        return image
    seed = int(hashlib.sha256(id.encode()).hexdigest()[:8], 16)
    pixels = apply(image.pixels, steps, seed)
    name = "+".join(map(str, steps))
    return replace(
        image,
        pixels=pixels,
        path=f"{image.path}#{name}",
        sha256=hashlib.sha256(f"{image.sha256} {name}".encode()).hexdigest(),
        width_px=pixels.width,
        height_px=pixels.height,
        size_bytes=0,
        data=b"",
    )


def _chunks(samples: Sequence[Sample], size: int) -> Iterator[Sequence[Sample]]:
    for start in range(0, len(samples), size):
        yield samples[start : start + size]


def _read_all(
    samples: Sequence[Sample], steps: Sequence[Step]
) -> list[tuple[Sample, LoadedImage | FakescopeError]]:
    read: list[tuple[Sample, LoadedImage | FakescopeError]] = []
    for sample in samples:
        try:
            read.append((sample, read_sample(sample, steps)))
        except FakescopeError as error:
            read.append((sample, error))
    return read


def _judge_all(
    model: ForensicModel, read: list[tuple[Sample, LoadedImage | FakescopeError]]
) -> list[ScoredImage]:
    images = [image for _, image in read if isinstance(image, LoadedImage)]
    verdicts = iter(_verdicts(model, images))
    results = []
    for sample, image in read:
        outcome = next(verdicts) if isinstance(image, LoadedImage) else image
        if isinstance(outcome, Verdict):
            results.append(ScoredImage(sample, outcome))
        else:
            results.append(ScoredImage(sample, None, str(outcome)))
    return results


def _verdicts(model: ForensicModel, images: list[LoadedImage]) -> list[Verdict | FakescopeError]:
    """One verdict or error an image. When a batch fails, its images are tried one by one."""
    if not images:
        return []
    try:
        return [*judge_images(model, images)]
    except FakescopeError as error:
        if len(images) == 1:
            return [error]
        return [outcome for image in images for outcome in _verdicts(model, [image])]
