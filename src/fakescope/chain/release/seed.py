"""Release 0 of FakeChain, from the seed: texts and references, no images. What is known of its making is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from fakescope.chain.collect.phash import LEAST_QUALITY, pdq
from fakescope.chain.release.write import ALL, Release, Written, write_release
from fakescope.chain.seed import load_seed
from fakescope.errors import DataError, ImageError
from fakescope.images.load import load_image
from fakescope.records import ChainRecord, Judgement, Label, Lineage

MODEL = "a large multimodal model"
BLIND = Lineage(made_by=MODEL, kind="machine", notes="judged the image blind: blind_p_fake")
WROTE = Lineage(
    made_by=MODEL,
    kind="machine",
    notes="told the label, wrote the observations while looking at the image; about a quarter of the fakes were "
    "corrected after a second look at 2-3 times the size; not reviewed by people; regions are approximate",
)
ABOUT = Path(__file__).with_name("seed_about.md")


def release_seed(data: Path, folder: Path, on_record: Callable[[], None] = lambda: None) -> Written:
    """Write release 0.

    Args:
        data: Holds chain.jsonl, labels.csv and images/.
        folder: Where the release goes.
        on_record: Told of each record.

    Raises:
        DataError: The seed cannot be read, or has broken entries.
    """
    seed = load_seed(data / "chain.jsonl", data / "labels.csv")
    if seed.dropped or seed.patched:
        raise DataError(
            f"the seed has faults: {dict(seed.dropped + seed.patched)}", "mend it before it is released"
        )

    def records() -> Iterator[ChainRecord]:
        for record in seed.records:
            yield from_seed(record)
            on_record()

    release = Release("fakechain", "0", about=ABOUT.read_text(encoding="utf-8"))
    return write_release(records(), folder, release, statuses=ALL)


def from_seed(record: ChainRecord) -> ChainRecord:
    """A record of the seed with its lineage, its blind judgement as a row, and the perceptual hash of its image."""
    image = record.image
    try:
        phash, quality = pdq(load_image(image.path).pixels)
    except ImageError:
        phash, quality = "", 0
    return record.model_copy(
        update={
            "image": image.model_copy(update={"phash": phash if quality >= LEAST_QUALITY else None}),
            "lineage": (BLIND, WROTE),
            "judgements": (blind_judgement(record),) if record.blind_p_fake is not None else (),
        }
    )


def blind_judgement(record: ChainRecord) -> Judgement:
    """The blind probability as a machine's judgement; where it was right, its criteria are those found later."""
    p_fake = record.blind_p_fake or 0.0
    said = Label.FAKE if p_fake >= 0.5 else Label.REAL
    right = said is record.image.label
    return Judgement(
        image=record.image.id,
        who=MODEL,
        kind="machine",
        said=said,
        confidence=max(p_fake, 1.0 - p_fake),
        right=right,
        criteria=record.abnormal() if right else (),
    )
