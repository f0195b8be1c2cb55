"""Every format, mode and orientation ends as the same upright RGB image."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, features

from fakescope.images.load import LoadedImage, load_image

Encoder = Callable[..., bytes]


def difference(a: Image.Image, b: Image.Image) -> float:
    return float(np.abs(np.asarray(a, np.int16) - np.asarray(b, np.int16)).mean())


@pytest.mark.parametrize(
    ("format", "options", "tolerance"),
    [
        ("PNG", {}, 0), ("BMP", {}, 0), ("TIFF", {}, 0), ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("TIFF", {"compression": "jpeg"}, 12), ("WEBP", {"lossless": True}, 0), ("WEBP", {"quality": 90}, 12),
        ("JPEG", {"quality": 95}, 12), ("JPEG", {"quality": 95, "progressive": True}, 12), ("GIF", {}, 30),
    ],
)  # fmt: skip
def test_formats(
    photo: Image.Image, encoder: Encoder, format: str, options: dict[str, object], tolerance: float
) -> None:
    data = encoder(photo, format, **options)
    loaded = load_image(data)
    assert (loaded.format, loaded.width_px, loaded.height_px, loaded.size_bytes) == (
        format,
        96,
        64,
        len(data),
    )
    assert loaded.pixels.mode == "RGB"
    assert difference(loaded.pixels, photo) <= tolerance


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif(photo: Image.Image, encoder: Encoder) -> None:
    loaded = load_image(encoder(photo, "AVIF", quality=90))
    assert loaded.format == "AVIF"
    assert difference(loaded.pixels, photo) < 12


def test_heif(photo: Image.Image) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    if not pillow_heif.libheif_info()["HEIF"]:
        pytest.skip("no HEIF encoder")
    buffer = io.BytesIO()
    pillow_heif.from_pillow(photo).save(buffer, quality=90)
    loaded = load_image(buffer.getvalue())
    assert loaded.format == "HEIF"
    assert difference(loaded.pixels, photo) < 12


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations(photo: Image.Image, encoder: Encoder, format: str, orientation: int) -> None:
    if format == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoder(photo, format, exif=exif, **({"quality": 95} if format != "PNG" else {}))
    with Image.open(io.BytesIO(data)) as opened:
        wanted = ImageOps.exif_transpose(opened).convert("RGB")
    loaded = load_image(data)
    assert (loaded.width_px, loaded.height_px) == ((96, 64) if orientation < 5 else (64, 96))
    assert difference(loaded.pixels, wanted) == 0


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "I;16", "I", "F"])
def test_opaque_modes(photo: Image.Image, encoder: Encoder, mode: str) -> None:
    grey = photo.convert("L")
    format = {"CMYK": "JPEG", "YCbCr": "JPEG"}.get(mode, "TIFF" if mode in ("I", "F") else "PNG")
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    elif mode in ("I", "F"):
        image = Image.fromarray(np.asarray(grey).astype(np.int32 if mode == "I" else np.float32))
    else:
        image = photo.convert(mode)
    loaded = load_image(encoder(image, format))
    wanted = photo if mode in ("P", "CMYK", "YCbCr") else photo.convert("1" if mode == "1" else "L")
    assert loaded.pixels.mode == "RGB"
    assert difference(loaded.pixels, wanted.convert("RGB")) < (30 if mode == "P" else 12)


def test_deep_grey_keeps_its_range(encoder: Encoder) -> None:
    ramp = np.linspace(0, 65535, 256 * 4).reshape(4, 256)
    for values, format in ((ramp.astype(np.uint16), "PNG"), (ramp.astype(np.float32) / 65535, "TIFF")):
        pixels = np.asarray(load_image(encoder(Image.fromarray(values), format)).pixels)
        assert pixels.min() == 0
        assert pixels.max() == 255
        assert abs(float(pixels.mean()) - 127.5) < 2


def test_float_images_with_nan(encoder: Encoder) -> None:
    values = np.linspace(-3, 3, 64, dtype=np.float32).reshape(8, 8)
    values[0, 0] = np.nan
    loaded = load_image(encoder(Image.fromarray(values), "TIFF"))
    assert loaded.notes
    assert np.asarray(loaded.pixels).max() == 255


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_goes_on_white(encoder: Encoder, mode: str) -> None:
    image = Image.new("RGBA", (20, 10), (200, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 10, 10))
    if mode == "LA":
        image = image.convert("LA")
    options: dict[str, object] = {}
    if mode == "P":
        image = Image.new("P", (20, 10), 1)
        image.putpalette([9, 9, 9, 200, 0, 0])
        image.paste(0, (0, 0, 10, 10))
        options = {"transparency": 0}
    pixels = load_image(encoder(image, "PNG", **options)).pixels
    assert pixels.getpixel((2, 2)) == (255, 255, 255)
    assert np.asarray(pixels)[5, 15, 0] < 210


def test_animated_gif_gives_first_frame(encoder: Encoder) -> None:
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "lime", "blue")]
    data = encoder(frames[0], "GIF", save_all=True, append_images=frames[1:], comment=b"x" * 3000)
    loaded = load_image(data)
    assert loaded.pixels.getpixel((5, 5)) == (255, 0, 0)


def test_colour_profile_is_applied_or_left_out_with_a_note(photo: Image.Image, encoder: Encoder) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert difference(load_image(encoder(photo, "PNG", icc_profile=srgb)).pixels, photo) == 0
    broken = load_image(encoder(photo, "PNG", icc_profile=b"not a profile" * 20))
    assert difference(broken.pixels, photo) == 0
    assert "left out" in broken.notes[0]
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert load_image(encoder(photo, "PNG", icc_profile=lab)).notes


def test_names_identity_and_sources(photo: Image.Image, encoder: Encoder, tmp_path: Path) -> None:
    data = encoder(photo, "PNG")
    path = tmp_path / "mislabelled.jpg"
    path.write_bytes(data)
    by_path, by_stream = load_image(path), load_image(io.BytesIO(data))
    assert (by_path.format, by_path.name, by_path.path) == ("PNG", "mislabelled.jpg", str(path))
    assert by_path == load_image(str(path))
    assert hash(by_path) == hash(load_image(str(path)))
    assert by_path != by_stream
    assert by_path.sha256 == by_stream.sha256 == load_image(data, path="upload.png").sha256
    assert load_image(data, path="upload.png").name == "upload.png"
    assert "\x1b" not in load_image(data, path="a\x1b[31mred\u202egnp.png").name
    assert "data=" not in repr(by_path)
    assert isinstance(by_path, LoadedImage)


def test_real_images_decode_as_pillow_does(real_images: list[str]) -> None:
    for path in real_images:
        with Image.open(path) as opened:
            assert difference(load_image(path).pixels, opened.convert("RGB")) == 0


def test_no_warnings_reach_the_user(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Image.new("1", (9500, 9500)).save(path)
    code = f"from fakescope.images.load import load_image; load_image({str(path)!r})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stderr == ""


def test_a_text_over_the_decoder_s_limit_does_not_spoil_the_image(photo: Image.Image) -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("prompt", "x" * (3 << 20), zip=True)
    buffer = io.BytesIO()
    photo.save(buffer, "PNG", pnginfo=info)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert difference(load_image(buffer.getvalue()).pixels, photo) == 0
