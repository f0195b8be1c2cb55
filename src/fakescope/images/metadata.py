"""EXIF, XMP and IPTC: the unsigned statements inside a file about camera, software and origin."""

from __future__ import annotations

import io
from collections.abc import Iterator

from PIL import Image

from fakescope.images import jpeg, png
from fakescope.images.container import find_exif, find_xmp
from fakescope.images.exif import TiffTags
from fakescope.images.findings import Findings, Kind
from fakescope.images.generators import UNNAMED, name_generator
from fakescope.images.source_types import add_source_type
from fakescope.images.text import clean_text

MAX_XML_BYTES = 1024 * 1024
MAX_XML_VALUES = 200
_EXIF_FACTS = {
    "Software": "software",
    "HostComputer": "host computer",
    "DateTimeOriginal": "taken at",
    "DateTime": "changed at",
    "LensModel": "lens",
    "Artist": "artist",
    "Copyright": "copyright",
    "ImageDescription": "description",
}
_TOOL_FIELDS = frozenset({"CreatorTool", "Software", "softwareAgent", "AISystemUsed", "creatorTool"})
_XMP_FIELDS = {
    "CreatorTool": "creator tool",
    "creatorTool": "creator tool",
    "Software": "software",
    "softwareAgent": "software agent",
    "AISystemUsed": "AI system",
    "AISystemVersionUsed": "AI system version",
    "AIPromptInformation": "AI prompt",
    "Credit": "credit",
    "DigitalSourceType": "digital source type",
    "DigitalSourcefileType": "digital source type",
    "Make": "make",
    "Model": "model",
    "AIGC": "AIGC label",
}
_IPTC_FIELDS = {65: "originating program", 80: "by-line", 110: "credit", 115: "source", 116: "copyright"}


def read_metadata(data: bytes, format: str, findings: Findings) -> dict[str, str]:
    """Add what EXIF, XMP and IPTC say.

    Returns:
        Texts in which programs keep generation parameters, by where they stood: for the next reader.
    """
    tags = _read_tags(data, format)
    texts = _add_exif(tags, findings)
    texts.update(_add_xmp(_xmp_of(data, format, tags), findings))
    _add_iptc(_iptc_of(data, format, tags), findings)
    return texts


def _read_tags(data: bytes, format: str) -> dict[str, bytes | int]:
    if format == "TIFF":
        return TiffTags(data).read()
    block = find_exif(data, format) or _exif_of_box_file(data, format)
    return TiffTags(block).read()


def _exif_of_box_file(data: bytes, format: str) -> bytes:
    """HEIF and AVIF keep the block where only their decoder finds it; the image is opened, not decoded."""
    if format == "HEIF":
        from pi_heif import HeifImageFile

        return find_exif(data, format, HeifImageFile(io.BytesIO(data)))
    if format == "AVIF":
        with Image.open(io.BytesIO(data), formats=[format]) as image:
            return find_exif(data, format, image)
    return b""


def _add_exif(tags: dict[str, bytes | int], findings: Findings) -> dict[str, str]:
    values = {name: _exif_text(value) for name, value in tags.items() if isinstance(value, bytes)}
    texts = {
        f"EXIF {name}": values[name]
        for name in ("UserComment", "ImageDescription", "Make", "Model", "Software")
        if values.get(name)
    }
    make, model = values.get("Make", ""), values.get("Model", "")
    # Some programs store their whole workflow in these two tags.
    if "{" not in make + model:
        _add_camera("exif", make, model, findings)
    for name, label in _EXIF_FACTS.items():
        if name == "Software":
            _add_tool("exif", label, values.get(name, ""), findings)
        else:
            findings.add("exif", label, values.get(name, ""))
    return texts


def _add_camera(kind: Kind, make: str, model: str, findings: Findings) -> None:
    make, model = clean_text(make, 80), clean_text(model, 80)
    camera = model if model.lower().startswith(make.lower()) else f"{make} {model}"
    if model:
        findings.cameras.append(findings.add(kind, "camera", camera, "camera"))
    else:
        findings.add(kind, "make", make)


def _add_tool(kind: Kind, label: str, value: str, findings: Findings) -> None:
    generator = name_generator(value)
    tool = findings.add(kind, label, value, "generator" if generator else None)
    if generator:
        findings.generators.append(generator)
    elif tool:
        findings.software.append(tool)


def _exif_text(value: bytes) -> str:
    """Text of a tag: ASCII, or a comment led by eight bytes that name its encoding."""
    lead, rest = value[:8], value[8:]
    if lead == b"UNICODE\x00":
        # The order of bytes is not stated; generation parameters are mostly Latin text.
        big = rest[0:1] == b"\x00" or rest[:2] == b"\xfe\xff"
        return rest.decode("utf-16-be" if big else "utf-16-le", "replace").strip("\x00\ufeff ")
    if lead in (b"ASCII\x00\x00\x00", b"JIS\x00\x00\x00\x00\x00", b"\x00" * 8):
        value = rest
    return value.decode("utf-8", "replace").strip("\x00 ")


def _xmp_of(data: bytes, format: str, tags: dict[str, bytes | int]) -> bytes:
    if format == "PNG":
        packed = dict(png.read_texts(data)).get("XML:com.adobe.xmp", "")
        return find_xmp(packed.encode("utf-8", "replace"))
    tagged = tags.get("XMP")
    return find_xmp(tagged if isinstance(tagged, bytes) else data)


def _add_xmp(packet: bytes, findings: Findings) -> dict[str, str]:
    texts: dict[str, str] = {}
    make = model = ""
    for name, value in _xml_values(packet):
        if name in ("DigitalSourceType", "DigitalSourcefileType"):
            add_source_type(findings, "xmp", value)
        elif name in _TOOL_FIELDS or name == "Credit":
            _add_tool("xmp", _XMP_FIELDS[name], value, findings)
        elif name == "AIGC":
            findings.generators.append(UNNAMED)
            findings.add("xmp", _XMP_FIELDS[name], value, "generator")
        elif name == "UserComment" or (name == "description" and value):
            texts.setdefault(f"XMP {name}", value)
        elif name == "Make":
            make = value
        elif name == "Model":
            model = value
        elif name in _XMP_FIELDS:
            findings.add("xmp", _XMP_FIELDS[name], value)
    if model and not findings.cameras:
        _add_camera("xmp", make, model, findings)
    return texts


def _xml_values(packet: bytes) -> Iterator[tuple[str, str]]:
    """Local name and text of attributes and elements; a list's items go under the name of the list."""
    import defusedxml.ElementTree as ElementTree
    from defusedxml.common import DefusedXmlException

    if not packet or len(packet) > MAX_XML_BYTES:
        return
    try:
        root = ElementTree.fromstring(packet, forbid_dtd=True)
    except (ElementTree.ParseError, DefusedXmlException, ValueError, LookupError):
        return
    wanted = {*_XMP_FIELDS, "UserComment", "description"}
    left = MAX_XML_VALUES
    for element in root.iter():
        pairs = [(element.tag, " ".join(element.itertext())), *element.attrib.items()]
        for tag, text in pairs:
            name = str(tag).rsplit("}", 1)[-1]
            if name in wanted and text.strip() and left:
                left -= 1
                yield name, text.strip()


def _iptc_of(data: bytes, format: str, tags: dict[str, bytes | int]) -> bytes:
    """The IPTC-IIM block: inside Photoshop's resources in JPEG, a tag of its own in TIFF."""
    if format == "TIFF":
        tagged = tags.get("IPTC", b"")
        return tagged if isinstance(tagged, bytes) else b""
    resources = jpeg.find_segment(data, jpeg.APP13, jpeg.PHOTOSHOP_PREFIX) if format == "JPEG" else b""
    at = resources.find(b"8BIM\x04\x04")
    if at < 0 or at + 12 > len(resources):
        return b""
    # A resource: 8BIM, its number, a name padded to an even length, a length, the content.
    at += 6 + (resources[at + 6] + 2) // 2 * 2
    size = int.from_bytes(resources[at : at + 4], "big")
    return resources[at + 4 : at + 4 + size]


def _add_iptc(block: bytes, findings: Findings) -> None:
    at = 0
    while at + 5 <= len(block) and block[at] == 0x1C:
        size = int.from_bytes(block[at + 3 : at + 5], "big")
        label = _IPTC_FIELDS.get(block[at + 2]) if block[at + 1] == 2 else None
        value = block[at + 5 : at + 5 + size].decode("utf-8", "replace")
        if label in ("originating program", "credit"):
            _add_tool("iptc", label, value, findings)
        elif label:
            findings.add("iptc", label, value)
        at += 5 + size
