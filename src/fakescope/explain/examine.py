"""Examine an image: verdict, reasons, limits, and what the file says of itself."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import BinaryIO

from fakescope.explain.describe import OnText, describe, limits_and_next_steps
from fakescope.explain.ground import measure
from fakescope.explain.traces import judge_criteria, observe
from fakescope.images.credentials import read_credentials
from fakescope.images.load import LoadedImage, load_image
from fakescope.models.base import ForensicModel
from fakescope.models.zoo import load_model
from fakescope.prompts.product import prompt_hash
from fakescope.records import Credentials, Examination, Label, Verdict
from fakescope.verdict.judge import judge_image, judge_images
from fakescope.verdict.labels import candidate_sets

Source = str | os.PathLike[str] | bytes | BinaryIO | LoadedImage


def detect(source: Source, model: ForensicModel | None = None) -> Examination:
    """The verdict alone.

    Raises:
        ImageError: The image cannot be read.
    """
    return detect_many([_loaded(source)], model)[0]


def detect_many(images: Sequence[LoadedImage], model: ForensicModel | None = None) -> list[Examination]:
    """Verdicts on many loaded images at once: the same values as one by one, faster."""
    model = model or load_model()
    started = time.perf_counter()
    verdicts = judge_images(model, images)
    seconds = (time.perf_counter() - started) / max(1, len(images))
    return [_examination(i, v, model, seconds=seconds) for i, v in zip(images, verdicts, strict=True)]


def examine(
    source: Source, model: ForensicModel | None = None, *, on_token: OnText | None = None
) -> Examination:
    """Everything that can be found out about one image.

    Args:
        source: A path, bytes, a binary stream, or a loaded image.
        model: By default the embedded fakescope-nano.
        on_token: Called with pieces of the description as they are written.

    Raises:
        ImageError: The image cannot be read.
    """
    image = _loaded(source)
    model = model or load_model()
    started = time.perf_counter()
    sets = candidate_sets(model)
    verdict = judge_image(model, image)
    evidence = observe(model, image, judge_criteria(model, image, verdict.p_fake))
    evidence = measure(model, image, sets, verdict.llr, evidence)
    description = describe(model, image, verdict, evidence, on_token)
    against, following = limits_and_next_steps(model, image, verdict)
    credentials = read_credentials(image)
    return _examination(
        image,
        verdict,
        model,
        description=description,
        evidence=tuple(evidence),
        limits=tuple(t for t in (against, *model.card.limits) if t),
        next_steps=tuple(t for t in (following, *_next_steps(credentials)) if t),
        credentials=credentials,
        conflict=find_conflict(verdict, credentials),
        seconds=time.perf_counter() - started,
    )


def find_conflict(verdict: Verdict, credentials: Credentials) -> str | None:
    """In words, where the model's verdict and the file's own claims disagree; None where they do not."""
    if credentials.says is None or verdict.label is credentials.says:
        return None
    claim = (
        f"names a generator ({credentials.generator})"
        if credentials.generator
        else f"says it is {credentials.says}"
    )
    if verdict.label is None:
        return (
            f"The file {claim}, while the model's verdict is inconclusive. What the file says can be forged."
        )
    return (
        f"The file {claim}, while the model holds the image to be {verdict.label.value} "
        f"(probability of fake {verdict.p_fake:.2f}). Either can be wrong: metadata can be forged or copied, and "
        "the model errs. Look for the original."
    )


def _next_steps(credentials: Credentials) -> tuple[str, ...]:
    steps = ["Search for earlier copies of the image and for who published it first."]
    if credentials.says is Label.FAKE:
        steps.insert(0, "Check the origin that the file names; it is the strongest lead here.")
    elif credentials.camera is None and credentials.c2pa_state == "absent":
        steps.append("Ask for the original file: this copy carries no camera data and no signed origin.")
    return tuple(steps)


def _loaded(source: Source) -> LoadedImage:
    return source if isinstance(source, LoadedImage) else load_image(source)


def _examination(image: LoadedImage, verdict: Verdict, model: ForensicModel, **found: object) -> Examination:
    return Examination(
        path=image.path,
        sha256=image.sha256,
        format=image.format,
        width_px=image.width_px,
        height_px=image.height_px,
        size_bytes=image.size_bytes,
        verdict=verdict,
        model=model.card.name,
        model_revision=model.card.revision,
        prompt_hash=prompt_hash(),
        **found,  # type: ignore[arg-type]
    )
