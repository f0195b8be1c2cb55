"""Files made to break a reader: each ends with one clear error, soon, in little memory."""

from __future__ import annotations

import io
import os
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from fakescope.errors import ImageError, ImageTooLargeError
from fakescope.images.credentials import read_credentials
from fakescope.images.load import Limits, load_image


def encode(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *extra: bytes, rows: bytes | None = None) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    rows = rows if rows is not None else b"\x00" * ((width + 1) * height)
    body = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + body + chunk(b"IEND", b"")


def tiff_bomb(pages: int = 1, tags: int = 4000, size: int = 1 << 20) -> bytes:
    """Pages of tags that all point to the same megabyte."""
    out, page_bytes = b"II*\x00\x08\x00\x00\x00", 2 + 12 * tags + 4
    for page in range(pages):
        entries = b"".join(struct.pack("<HHLL", 1000 + tag, 7, size, 8) for tag in range(tags))
        following = 8 + (page + 1) * page_bytes if page + 1 < pages else 0
        out += struct.pack("<H", tags) + entries + struct.pack("<L", following)
    return out + b"\x00" * size


def webp_header(width: int, height: int) -> bytes:
    extended = b"\x02\x00\x00\x00" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<L", 10) + extended + b"ANIM" + struct.pack("<L", 6) + b"\x00" * 6
    return b"RIFF" + struct.pack("<L", len(body)) + body


def gif_bomb() -> bytes:
    comment = b"\x21\xfe" + (b"\xff" + b"x" * 255) * 60_000 + b"\x00"
    picture = encode(Image.new("L", (8, 8), 128), "GIF")
    start = 13 + 3 * 2 ** ((picture[10] & 7) + 1)
    return picture[:start] + comment + picture[start:]


def jpeg_scan_bomb() -> bytes:
    """A tall progressive JPEG in which one scan is repeated thousands of times."""
    data = encode(Image.new("L", (6000, 6000), 90), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * 3000 + b"\xff\xd9"


TOO_LARGE: dict[str, Callable[[], bytes]] = {
    "png 60000 x 60000": lambda: png(60_000, 60_000, rows=b""),
    "png 2147483647 x 1": lambda: png(2**31 - 1, 1, rows=b""),
    "png bomb": lambda: png(20_000, 20_000, rows=b"\x00" * 1000),
    "tiff tag bomb": tiff_bomb,
    "tiff page bomb": lambda: tiff_bomb(pages=40, tags=40),
    "webp canvas": lambda: webp_header(16_383, 16_383),
    "jpeg scans": jpeg_scan_bomb,
    "gif screen": lambda: b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + b"\x00\x00\x00"
    + b"\x2c" + struct.pack("<HHHH", 0, 0, 65_535, 65_535) + b"\x00\x02\x02\x44\x01\x00\x3b",
    "bmp header": lambda: b"BM" + struct.pack("<LHHLLllHHLLllLL", 54, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0,
                                              0, 0, 0, 0, 0),
}  # fmt: skip

BROKEN: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"<html>Hello</html>" * 20,
    "zip": lambda: b"PK\x03\x04" + b"\x00" * 100,
    "pdf": lambda: b"%PDF-1.7\n%%EOF",
    "svg": lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "postscript behind a jpeg magic": lambda: b"\xff\xd8\xff%!PS-Adobe-3.0 EPSF-3.0\n",
    "magic only": lambda: b"\x89PNG\r\n\x1a\n",
    "riff only": lambda: b"RIFF\x00\x00\x00\x00WEBP",
    "ftyp only": lambda: b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic",
    "avif only": lambda: b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00mif1avif",
    "png without pixels": lambda: png(64, 64, rows=b""),
    "png of size 0": lambda: png(0, 0),
    "png of a million chunks": lambda: png(8, 8, chunk(b"teSt", b"") * 200_000),
    "truncated jpeg": lambda: encode(Image.effect_noise((256, 256), 60), "JPEG")[:6000],
    "truncated png": lambda: encode(Image.effect_noise((256, 256), 60), "PNG")[:6000],
    "truncated webp": lambda: encode(Image.effect_noise((256, 256), 60), "WEBP")[:3000],
    "truncated tiff": lambda: encode(Image.effect_noise((256, 256), 60), "TIFF")[:6000],
    "truncated gif": lambda: encode(Image.effect_noise((256, 256), 60), "GIF")[:6000],
    "tiff directory loop": lambda: b"II*\x00\x08\x00\x00\x00" + struct.pack("<HHHLLL", 1, 256, 3, 1, 9, 8),
    "tiff of too many tags": lambda: tiff_bomb(tags=60_000, size=8),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_too_large(name: str) -> None:
    data = TOO_LARGE[name]()
    start = time.monotonic()
    with pytest.raises(ImageTooLargeError) as caught:
        load_image(data, path="bomb")
    assert time.monotonic() - start < 10
    assert caught.value.hint


@pytest.mark.parametrize("name", BROKEN)
def test_broken(name: str) -> None:
    data = BROKEN[name]()
    start = time.monotonic()
    with pytest.raises(ImageError) as caught:
        load_image(data, path="broken")
    assert time.monotonic() - start < 10
    assert "0x" not in caught.value.message
    assert caught.value.message.startswith("broken")


def test_gif_comment_costs_no_time() -> None:
    data = gif_bomb()
    start = time.monotonic()
    assert load_image(data).width_px == 8
    assert time.monotonic() - start < 10


def test_polyglots_are_what_they_begin_with() -> None:
    data = encode(Image.new("RGB", (16, 16), "red"), "JPEG")
    assert load_image(data + b"PK\x03\x04 a zip behind" * 50).format == "JPEG"
    assert load_image(png(16, 16) + b"<script>alert(1)</script>").format == "PNG"


def test_limits_come_before_reading(tmp_path: Path) -> None:
    path = tmp_path / "sparse.jpg"
    with open(path, "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ImageTooLargeError):
        load_image(path)
    data = png(40, 30)
    for limits in (Limits(max_bytes=10), Limits(max_pixels=100), Limits(max_side_px=39)):
        with pytest.raises(ImageTooLargeError):
            load_image(data, limits=limits)
        with pytest.raises(ImageTooLargeError):
            load_image(io.BytesIO(data), limits=limits)
    assert (
        load_image(data, limits=Limits(max_bytes=len(data), max_pixels=1200, max_side_px=40)).width_px == 40
    )


def test_only_regular_files_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    (tmp_path / "self.jpg").symlink_to(tmp_path / "self.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "empty.jpg").touch()
    os.mkfifo(tmp_path / "pipe.jpg")
    server = socket.socket(socket.AF_UNIX)
    monkeypatch.chdir(tmp_path)
    server.bind("socket.jpg")
    names = [path.name for path in sorted(tmp_path.iterdir())]
    assert len(names) == 7
    for name in [
        *names,
        "missing.jpg",
        "https://example.org/a.jpg",
        "nul\x00.jpg",
        "x" * 5000,
        "/proc/self/maps",
    ]:
        with pytest.raises(ImageError) as caught:
            load_image(name)
        assert caught.value.hint
    server.close()


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(png(8, 8))

    def refuse(*arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ImageError, match="may not be read"):
        load_image(path)


def test_error_text_cannot_write_to_the_terminal() -> None:
    with pytest.raises(ImageError) as caught:
        load_image("\x1b]0;owned\x07\x1b[2J\u202e.jpg")
    assert str(caught.value).isprintable()


def exif_bomb(tags: int = 3000, size: int = 4 << 20) -> bytes:
    block = tiff_bomb(tags=tags, size=size)
    segments = b""
    for at in range(0, len(block), 65_000):
        part = b"Exif\x00\x00" + block[at : at + 65_000]
        segments += b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part
    picture = encode(Image.new("RGB", (16, 16)), "JPEG")
    return picture[:2] + segments + picture[2:]


MEMORY_BOMBS = {
    "exif": exif_bomb,
    "png exif": lambda: png(16, 16, chunk(b"eXIf", tiff_bomb(size=8 << 20))),
    "ztxt": lambda: png(
        16, 16, *[chunk(b"zTXt", b"parameters\x00\x00" + zlib.compress(b"a" * (200 << 20))) for _ in range(3)]
    ),
    "itxt xmp": lambda: png(
        16, 16, chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x01\x00\x00\x00" + zlib.compress(b"<" * (200 << 20)))
    ),
    "icc": lambda: png(16, 16, chunk(b"iCCP", b"p\x00\x00" + zlib.compress(b"a" * (200 << 20)))),
}


@pytest.mark.parametrize("name", MEMORY_BOMBS)
def test_metadata_bombs_stay_small(name: str, tmp_path: Path) -> None:
    """In a process of its own with little memory: metadata of gigabytes must cost neither time nor memory."""
    path = tmp_path / "bomb"
    path.write_bytes(MEMORY_BOMBS[name]())
    code = (
        "import resource, sys\n"
        "from fakescope.errors import ImageError\n"
        "from fakescope.images.load import load_image\n"
        "from fakescope.images.credentials import read_credentials\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n"
        "    read_credentials(load_image(sys.argv[1]))\n"
        "except ImageError as error:\n"
        "    print(error)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    assert done.stderr == ""
    assert int(done.stdout.split()[-1]) < 150


XML_BOMBS = {
    "billion laughs": "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>",
    "external entity": "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>",
}


@pytest.mark.parametrize("name", XML_BOMBS)
def test_xml_entities_are_not_expanded(name: str) -> None:
    packet = f"<x:xmpmeta>{XML_BOMBS[name]}<CreatorTool>&a;</CreatorTool></x:xmpmeta>".encode()
    for text in (packet, XML_BOMBS[name].encode() + b"<x:xmpmeta CreatorTool='&a;'></x:xmpmeta>"):
        image = load_image(png(8, 8, chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + text)))
        assert read_credentials(image).facts == ()


def test_deep_json_and_deep_xml() -> None:
    deep_json = b"prompt\x00" + b'{"a":' * 200_000
    deep_xml = b"XML:com.adobe.xmp\x00\x00\x00\x00\x00<x:xmpmeta>" + b"<a>" * 100_000 + b"</x:xmpmeta>"
    image = load_image(png(8, 8, chunk(b"tEXt", deep_json), chunk(b"iTXt", deep_xml)))
    assert read_credentials(image).says is None
