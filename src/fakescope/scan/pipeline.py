"""The local pipeline: one thread loads the next batch while the model works on this one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fakescope.errors import FakescopeError, ImageError
from fakescope.images.load import LoadedImage, load_image
from fakescope.records import Examination

MAX_BATCH_PIXELS = 48_000_000
"""A batch is closed early at this many decoded pixels (144 MB), so that large photographs do not add up.
Two batches are held at a time."""

Work = Callable[[Sequence[LoadedImage]], Sequence[Examination]]


@dataclass(frozen=True)
class Outcome:
    """What became of one path: an examination of its image, or an error. Never both, never neither."""

    path: str
    image: LoadedImage | None = None
    examination: Examination | None = None
    error: FakescopeError | None = None


_Loaded = tuple[str, LoadedImage | FakescopeError]


def scan(
    paths: Iterable[str],
    work: Work,
    *,
    batch_size: int = 16,
    load: Callable[[str], LoadedImage] = load_image,
) -> Iterator[Outcome]:
    """Examine every path, in order.

    Args:
        paths: May be long or endless; it is read one batch ahead.
        work: Gets 1 to `batch_size` images and gives as many examinations in their order.
        batch_size: Most images given to `work` at once.
        load: What makes an image of a path.

    Raises:
        FakescopeError: Whatever `work` raises that is not the fault of one image (a broken model, for one).
    """
    batches = _load_batches(iter(paths), batch_size, load)
    with ThreadPoolExecutor(1, thread_name_prefix="fakescope-load") as loader:
        ahead = loader.submit(next, batches, None)
        try:
            while (batch := ahead.result()) is not None:
                ahead = loader.submit(next, batches, None)
                yield from _work_on(batch, work)
        finally:
            ahead.cancel()


def _load_batches(
    paths: Iterator[str], batch_size: int, load: Callable[[str], LoadedImage]
) -> Iterator[list[_Loaded]]:
    batch: list[_Loaded] = []
    pixels = 0
    for path in paths:
        try:
            image = load(path)
        except FakescopeError as error:
            batch.append((path, error))
        else:
            batch.append((path, image))
            pixels += image.width_px * image.height_px
        if len(batch) >= batch_size or pixels >= MAX_BATCH_PIXELS:
            yield batch
            batch, pixels = [], 0
    if batch:
        yield batch


def _work_on(batch: Sequence[_Loaded], work: Work) -> Iterator[Outcome]:
    results = iter(_results([image for _, image in batch if isinstance(image, LoadedImage)], work))
    for path, image in batch:
        if isinstance(image, FakescopeError):
            yield Outcome(path, error=image)
            continue
        result = next(results)
        if isinstance(result, FakescopeError):
            yield Outcome(path, image=image, error=result)
        else:
            yield Outcome(path, image=image, examination=result)


def _results(images: Sequence[LoadedImage], work: Work) -> list[Examination | FakescopeError]:
    """The examinations of a batch; where an image spoils it, those of its images one by one."""
    if not images:
        return []
    try:
        return list(work(images))
    except ImageError as error:
        if len(images) == 1:
            return [error]
    return [result for image in images for result in _results([image], work)]
