"""What a file says of its own origin: facts beside the verdict, never part of it."""

from __future__ import annotations

from fakescope.images import jpeg, png
from fakescope.images.c2pa import State, read_c2pa
from fakescope.images.findings import Findings
from fakescope.images.generator_params import read_parameters
from fakescope.images.generators import UNNAMED
from fakescope.images.load import DECODE_ERRORS, LoadedImage
from fakescope.images.metadata import read_metadata
from fakescope.records import Credentials, Label

ABSENCE_NOTE = (
    "The file does not say that a generator made it. That proves nothing: such data is easily removed, "
    "and most networks and messengers strip it."
)
FORGERY_NOTE = (
    "These are statements of the file itself. Without an intact signature anyone can forge, copy or remove "
    "them."
)
BROKEN_NOTE = "Some of the metadata is broken and could not be read."


def read_credentials(image: LoadedImage, *, trust_anchors: str = "") -> Credentials:
    """Collect C2PA, EXIF, XMP, IPTC and generation parameters. Never fails and never uses the network.

    Args:
        image: Its `data` is read; its pixels are not.
        trust_anchors: PEM certificates of C2PA signers to trust; none by default.

    Returns:
        Facts and what they amount to. `says` is fake when the file names a generator or a generating
        source type, real when an intact C2PA signature covers a capture by a camera, else None.
    """
    findings = Findings()
    state = read_c2pa(image.data, image.format, findings, trust_anchors=trust_anchors)
    texts: list[tuple[str, str]] = []
    try:
        texts += _container_texts(image)
        texts += read_metadata(image.data, image.format, findings).items()
    except DECODE_ERRORS:
        findings.note(BROKEN_NOTE)
    read_parameters(texts, findings)
    return _conclude(findings, state)


def _container_texts(image: LoadedImage) -> list[tuple[str, str]]:
    if image.format == "PNG":
        return [pair for pair in png.read_texts(image.data) if pair[0] != "XML:com.adobe.xmp"]
    if image.format == "JPEG":
        comment = jpeg.find_segment(image.data, jpeg.COM, b"")
        return [("comment", comment.decode("utf-8", "replace"))] if comment else []
    return []


def _conclude(findings: Findings, state: State) -> Credentials:
    named = [name for name in findings.generators if name and name != UNNAMED]
    generator = named[0] if named else UNNAMED if findings.generators else None
    # Anyone can sign "a camera took this"; only a signer on the user's trust list is believed.
    captured = findings.capture_signed and state == "trusted"
    says = Label.FAKE if generator else Label.REAL if captured else None
    general = ([FORGERY_NOTE] if findings.facts else []) + ([] if generator else [ABSENCE_NOTE])
    return Credentials(
        facts=tuple(findings.facts),
        c2pa_state=state,
        generator=generator,
        camera=findings.cameras[0] if findings.cameras else None,
        software=findings.software[0] if findings.software else None,
        says=says,
        notes=(*findings.notes, *general),
    )
