"""Random, cut and flipped files never raise anything but an image error, and never print."""

from __future__ import annotations

import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, features

from fakescope.errors import ImageError
from fakescope.images.credentials import read_credentials
from fakescope.images.load import Limits, load_image
from fakescope.images.sniff import sniff_format

LIMITS = Limits(max_bytes=1 << 20, max_pixels=1 << 20)
MAGICS = (b"", b"\xff\xd8\xff\xe1", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\x00", b"MM\x00*", b"BM",
          b"II+\x00\x08\x00",
          b"RIFF\x40\x00\x00\x00WEBPVP8 ", b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic",
          b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00mif1avif")  # fmt: skip


def _seeds() -> list[bytes]:
    image = Image.merge("RGB", [Image.effect_noise((48, 40), sigma) for sigma in (20, 40, 60)])
    exif = Image.Exif()
    exif.update({0x010F: "Maker", 0x0110: "Model", 0x0112: 6, 0x0131: "Software"})
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\x00\x00\x00Steps: 20, Sampler: Euler"
    seeds = []
    options: dict[str, dict[str, object]] = {
        "JPEG": {"exif": exif, "comment": b"hello"}, "PNG": {"exif": exif}, "WEBP": {"exif": exif.tobytes()},
        "GIF": {}, "TIFF": {"exif": exif, "compression": "tiff_lzw"}, "BMP": {},
    }  # fmt: skip
    if features.check("avif"):
        options["AVIF"] = {"exif": exif.tobytes(), "speed": 10}
    for format, extra in options.items():
        buffer = io.BytesIO()
        image.save(buffer, format, **extra)
        seeds.append(buffer.getvalue())
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", progressive=True)
    return [*seeds, buffer.getvalue()]


SEEDS = _seeds()
quick = settings(
    max_examples=250,
    deadline=5000,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    print_blob=True,
)


def survive(data: bytes) -> None:
    try:
        image = load_image(data, limits=LIMITS)
    except ImageError:
        return
    assert image.pixels.mode == "RGB"
    assert image.pixels.size == (image.width_px, image.height_px)
    read_credentials(image)


@quick
@given(st.sampled_from(MAGICS), st.binary(max_size=400))
def test_random_bytes(magic: bytes, tail: bytes) -> None:
    survive(magic + tail)


@quick
@given(st.sampled_from(SEEDS), st.data())
def test_truncations(seed: bytes, data: st.DataObject) -> None:
    survive(seed[: data.draw(st.integers(0, len(seed)))])


@settings(quick, max_examples=600)
@given(st.sampled_from(SEEDS), st.data())
def test_flipped_bytes(seed: bytes, data: st.DataObject) -> None:
    broken = bytearray(seed)
    # Headers hold most of what can go wrong, so half of the places are drawn from there.
    for _ in range(data.draw(st.integers(1, 6))):
        last = data.draw(st.sampled_from([min(300, len(seed) - 1), len(seed) - 1]))
        broken[data.draw(st.integers(0, last))] = data.draw(st.integers(0, 255))
    survive(bytes(broken))


@quick
@given(st.binary(max_size=64))
def test_sniffing_is_total(data: bytes) -> None:
    sniff_format(data)


def test_decoders_print_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    for seed in SEEDS:
        for cut in range(20, len(seed), max(1, len(seed) // 12)):
            survive(seed[:cut])
            survive(seed[:cut] + bytes(len(seed) - cut))
            survive(seed[:cut] + b"\xff" * 40 + seed[cut + 40 :])
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""
