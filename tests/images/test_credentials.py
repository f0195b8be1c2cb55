"""What files say of their origin, from images signed and labelled on the spot."""

from __future__ import annotations

import http.server
import io
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fakescope.images.credentials import ABSENCE_NOTE, FORGERY_NOTE, read_credentials
from fakescope.images.generators import UNNAMED
from fakescope.images.load import load_image
from fakescope.images.source_types import PARTLY_NOTE
from fakescope.records import Credentials, Label

Encoder = Callable[..., bytes]

A1111 = (
    "a castle on a hill, masterpiece\nNegative prompt: blurry\n"
    "Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 12345, Size: 512x512, Model: dreamshaper_8"
)
COMFY = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 42, "steps": 20, "sampler_name": "euler"}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl_base_1.0.safetensors"}},
}
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:p="http://ns.adobe.com/photoshop/1.0/" xmlns:i="http://iptc.org/std/Iptc4xmpExt/"'
    ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" {}/></rdf:RDF></x:xmpmeta>'
)
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def read(data: bytes) -> Credentials:
    return read_credentials(load_image(data))


def png_with(**texts: str) -> bytes:
    info = PngInfo()
    for key, text in texts.items():
        info.add_text(key, text)
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def facts(credentials: Credentials, name: str) -> list[str]:
    return [fact.value for fact in credentials.facts if fact.name == name]


def test_silence_proves_nothing(photo: Image.Image, encoder: Encoder) -> None:
    for format in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"):
        found = read(encoder(photo, format))
        assert found == Credentials(notes=(ABSENCE_NOTE,))


@pytest.mark.parametrize(
    ("texts", "generator"),
    [
        ({"parameters": A1111}, "Stable Diffusion (web UI)"),
        ({"parameters": A1111 + ", Version: f2.0.1v1.10.1"}, "Stable Diffusion (Forge)"),
        (
            {"prompt": json.dumps(COMFY), "workflow": '{"nodes": [{"type": "KSampler"}], "links": []}'},
            "ComfyUI",
        ),
        ({"invokeai_metadata": '{"app_version": "3.0", "model": {"model_name": "x"}}'}, "InvokeAI"),
        ({"sd-metadata": "{}"}, "InvokeAI"),
        ({"Software": "NovelAI", "Source": "Stable Diffusion XL", "Comment": '{"prompt": "x"}'}, "NovelAI"),
        ({"fooocus_scheme": "fooocus", "parameters": '{"base_model": "j", "seed": "1"}'}, "Fooocus"),
        (
            {"Description": "a fox --ar 3:2 --v 6.1 Job ID: 0a1b2c3d-0000-4000-8000-000000000000"},
            "Midjourney",
        ),
        ({"parameters": '{"sui_image_params": {"prompt": "x", "model": "flux"}}'}, "SwarmUI"),
        ({"Comment": '{"c": "fox", "uc": "", "sampler": "Euler", "seed": 3}'}, "Draw Things"),
        ({"Software": "OpenAI DALL-E 3"}, "DALL-E (OpenAI)"),
        ({"AIGC": '{"Label": "1", "ContentProducer": "x"}'}, UNNAMED),
    ],
)
def test_generation_parameters(texts: dict[str, str], generator: str) -> None:
    found = read(png_with(**texts))
    assert found.generator == generator
    assert found.says is Label.FAKE
    assert FORGERY_NOTE in found.notes
    assert any(fact.points_to == "generator" for fact in found.facts)


@pytest.mark.parametrize(
    "texts",
    [
        {"Description": "A portrait of the founder of Midjourney at a conference"},
        {"Comment": "Steps: how to bake bread. Seed: sunflower"},
        {"Software": "GIMP 2.10"},
        {"prompt": "{ not json"},
        {"workflow": "[]", "parameters": "null", "prompt": "{}"},
        {"Title": "Una imagen de Gemini, la constelación"},
    ],
)
def test_ordinary_texts_name_no_generator(texts: dict[str, str]) -> None:
    found = read(png_with(**texts))
    assert found.generator is None
    assert found.says is None


def test_comfy_values_are_read() -> None:
    found = read(png_with(prompt=json.dumps(COMFY)))
    assert facts(found, "model") == ["sd_xl_base_1.0.safetensors"]
    assert facts(found, "seed") == ["42"]


def test_parameters_in_a_user_comment(photo: Image.Image, encoder: Encoder) -> None:
    for comment in (b"UNICODE\x00" + A1111.encode("utf-16-be"), b"UNICODE\x00" + A1111.encode("utf-16-le"),
                    b"ASCII\x00\x00\x00" + A1111.encode()):  # fmt: skip
        exif = Image.Exif()
        exif[0x013B] = "someone"
        exif.get_ifd(0x8769)[0x9286] = comment
        for format in ("JPEG", "WEBP", "PNG"):
            found = read(encoder(photo, format, exif=exif))
            assert found.generator == "Stable Diffusion (web UI)", format
            assert facts(found, "seed") == ["12345"]


def test_comfy_in_webp_tags(photo: Image.Image, encoder: Encoder) -> None:
    exif = Image.Exif()
    exif[0x0110] = "prompt:" + json.dumps(COMFY)
    found = read(encoder(photo, "WEBP", exif=exif.tobytes()))
    assert found.generator == "ComfyUI"
    assert found.camera is None


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_camera(photo: Image.Image, encoder: Encoder, format: str) -> None:
    exif = Image.Exif()
    exif.update({0x010F: "Canon", 0x0110: "Canon EOS R5", 0x0131: "Lightroom 7.0"})
    exif.get_ifd(0x8769).update({0x9003: "2024:05:01 10:11:12", 0xA434: "RF 50mm"})
    found = read(encoder(photo, format, exif=exif))
    assert found.camera == "Canon EOS R5"
    assert found.software == "Lightroom 7.0"
    assert found.says is None
    if format == "TIFF":
        return  # Pillow writes no EXIF directory into a TIFF
    assert facts(found, "lens") == ["RF 50mm"]
    assert facts(found, "taken at") == ["2024:05:01 10:11:12"]
    assert {FORGERY_NOTE, ABSENCE_NOTE} <= set(found.notes)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("attributes", "generator", "says"),
    [
        (f'i:DigitalSourceType="{SOURCE_TYPE}trainedAlgorithmicMedia"', UNNAMED, Label.FAKE),
        ('p:Credit="Made with Google AI"', "Google AI", Label.FAKE),
        ('xmp:CreatorTool="Adobe Firefly"', "Adobe Firefly", Label.FAKE),
        ('xmp:CreatorTool="Adobe Photoshop 25.0"', None, None),
        (f'i:DigitalSourceType="{SOURCE_TYPE}digitalCapture"', None, None),
    ],
)
def test_xmp(
    photo: Image.Image,
    encoder: Encoder,
    format: str,
    attributes: str,
    generator: str | None,
    says: Label | None,
) -> None:
    packet = XMP.format(attributes)
    if format == "PNG":
        for packed in (True, False):
            info = PngInfo()
            info.add_itxt("XML:com.adobe.xmp", packet, zip=packed)
            found = read(encoder(photo, "PNG", pnginfo=info))
            assert (found.generator, found.says) == (generator, says)
        return
    options: dict[str, Any] = (
        {"tiffinfo": {700: packet.encode()}} if format == "TIFF" else {"xmp": packet.encode()}
    )
    found = read(encoder(photo, format, **options))
    assert (found.generator, found.says) == (generator, says)


def test_iptc_credit(photo: Image.Image, encoder: Encoder) -> None:
    record = b"\x1c\x02\x6e" + len(b"Made with Google AI").to_bytes(2, "big") + b"Made with Google AI"
    resource = b"8BIM\x04\x04\x00\x00" + len(record).to_bytes(4, "big") + record
    content = b"Photoshop 3.0\x00" + resource
    data = encoder(photo, "JPEG")
    data = data[:2] + b"\xff\xed" + (len(content) + 2).to_bytes(2, "big") + content + data[2:]
    found = read(data)
    assert found.generator == "Google AI"
    assert found.facts[0].kind == "iptc"


def test_values_are_cleaned_and_cut() -> None:
    found = read(
        png_with(Software="DALL-E \x1b[31m\u202e" + "x" * 5000, parameters=A1111.replace("castle", "\x07"))
    )
    for fact in found.facts:
        assert fact.value.isprintable()
        assert len(fact.value) <= 400


class TestContentCredentials:
    @pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "GIF"])
    def test_generated(self, photo: Image.Image, encoder: Encoder, signer: Any, format: str) -> None:
        mime = f"image/{format.lower()}"
        data = signer.sign(encoder(photo, format), mime, "trainedAlgorithmicMedia", agent="DALL-E")
        found = read(data)
        assert found.c2pa_state == "valid"
        assert found.says is Label.FAKE
        assert found.generator == "DALL-E (OpenAI)"
        assert facts(found, "digital source type") == ["trainedAlgorithmicMedia"]
        assert facts(found, "signer") == ["Test Org / Test Signer"]
        assert any("not checked against a list" in note for note in found.notes)

    def test_trusted_with_anchors(self, photo: Image.Image, encoder: Encoder, signer: Any) -> None:
        data = signer.sign(encoder(photo, "JPEG"), "image/jpeg", "digitalCapture")
        found = read_credentials(load_image(data), trust_anchors=signer.root)
        assert (found.c2pa_state, found.says) == ("trusted", Label.REAL)

    def test_capture_counts_only_with_a_trusted_signature(
        self, photo: Image.Image, encoder: Encoder, signer: Any
    ) -> None:
        data = signer.sign(encoder(photo, "JPEG"), "image/jpeg", "digitalCapture")
        found = read(data)
        assert (found.c2pa_state, found.says) == ("valid", None)
        changed = bytearray(data)
        changed[data.index(b"JFIF\0") + 9] ^= (
            1  # the density: whatever stands there, the picture can be decoded
        )
        found = read(bytes(changed))
        assert (found.c2pa_state, found.says) == ("invalid", None)
        assert any("do not fit this file" in note for note in found.notes)

    def test_partly_generated(self, photo: Image.Image, encoder: Encoder, signer: Any) -> None:
        data = signer.sign(encoder(photo, "PNG"), "image/png", "compositeWithTrainedAlgorithmicMedia")
        found = read(data)
        assert found.says is Label.FAKE
        assert PARTLY_NOTE in found.notes

    def test_broken_manifests_never_raise(self, photo: Image.Image, encoder: Encoder, signer: Any) -> None:
        data = signer.sign(encoder(photo, "JPEG"), "image/jpeg", "trainedAlgorithmicMedia")
        states = set()
        start = data.index(b"jumb") - 30
        for at in range(start, len(data) - 400, len(data) // 60):
            changed = bytearray(data)
            changed[at : at + 3] = b"\xff\x00\x7f"
            states.add(read(bytes(changed)).c2pa_state)
        assert states <= {"invalid", "unreadable", "absent", "valid"}
        assert states & {"invalid", "unreadable"}

    def test_nothing_is_fetched(self, photo: Image.Image, encoder: Encoder, signer: Any) -> None:
        import c2pa

        asked: list[str] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_error(404)

            def log_message(self, format: str, *arguments: object) -> None:
                return

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        action = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE + "trainedAlgorithmicMedia"}
        assertion = {"label": "c2pa.actions.v2", "data": {"actions": [action]}}
        builder = c2pa.Builder({"claim_generator_info": [{"name": "x"}], "assertions": [assertion]})
        builder.set_no_embed()
        builder.set_remote_url(f"http://127.0.0.1:{server.server_port}/manifest.c2pa")
        key = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", signer.certificates, signer.key, None))
        out = io.BytesIO()
        builder.sign(key, "image/jpeg", io.BytesIO(encoder(photo, "JPEG")), out)
        plain = read(out.getvalue())
        # The same with a box that makes the reader look.
        read(out.getvalue() + b"jumb")
        server.shutdown()
        assert asked == []
        assert any("not fetched" in note for note in plain.notes)


def test_real_images_do_not_fail(real_images: list[str]) -> None:
    for path in real_images:
        assert read_credentials(load_image(path)).notes
