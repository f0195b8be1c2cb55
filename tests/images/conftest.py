"""Images made on the spot, and a signer of Content Credentials with a certificate of its own."""

from __future__ import annotations

import datetime
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "images"


def encode(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """A small picture with colour, gradients and noise; its four corners differ."""
    base = Image.merge(
        "RGB",
        [
            Image.linear_gradient("L").resize((96, 64)),
            Image.radial_gradient("L").resize((96, 64)),
            Image.fromarray(np.random.default_rng(0).normal(128, 30, (64, 96)).clip(0, 255).astype(np.uint8)),
        ],
    )
    base.paste((255, 0, 0), (0, 0, 24, 16))
    base.paste((0, 255, 0), (72, 0, 96, 16))
    base.paste((0, 0, 255), (0, 48, 24, 64))
    return base


@pytest.fixture(scope="session")
def real_images() -> list[str]:
    if not DATA.is_dir():
        pytest.skip("the shared images are not here")
    return [str(path) for path in sorted(DATA.glob("*.jpg"))[:24]]


@dataclass(frozen=True)
class TestSigner:
    __test__ = False

    certificates: bytes
    key: bytes
    root: str

    def sign(self, data: bytes, mime_type: str, source_type: str, agent: str = "Test Tool") -> bytes:
        import c2pa

        action = {
            "action": "c2pa.created",
            "softwareAgent": {"name": agent},
            "digitalSourceType": f"http://cv.iptc.org/newscodes/digitalsourcetype/{source_type}",
        }
        manifest = {
            "claim_generator_info": [{"name": "Test Generator", "version": "1.0"}],
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
        }
        signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", self.certificates, self.key, None))
        out = io.BytesIO()
        c2pa.Builder(manifest).sign(signer, mime_type, io.BytesIO(data), out)
        return out.getvalue()


@pytest.fixture(scope="session")
def signer() -> TestSigner:
    pytest.importorskip("c2pa")
    pytest.importorskip("cryptography")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def name(common: str) -> x509.Name:
        parts = ((NameOID.ORGANIZATION_NAME, "Test Org"), (NameOID.COMMON_NAME, common))
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])

    def usage(signs_certificates: bool) -> x509.KeyUsage:
        off = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                             "crl_sign", "encipher_only", "decipher_only"), False)  # fmt: skip
        return x509.KeyUsage(digital_signature=True, key_cert_sign=signs_certificates, **off)

    def build(common: str, public: ec.EllipticCurvePublicKey, is_root: bool) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(name(common)).issuer_name(name("Test Root"))
        builder = builder.public_key(public).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - day).not_valid_after(now + 30 * day)
        builder = builder.add_extension(x509.BasicConstraints(is_root, None), True)
        builder = builder.add_extension(usage(is_root), True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        if not is_root:
            authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
            builder = builder.add_extension(authority, False)
            purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(purposes, False)
        return builder.sign(root_key, hashes.SHA256())

    pem = serialization.Encoding.PEM
    root = build("Test Root", root_key.public_key(), True).public_bytes(pem)
    leaf = build("Test Signer", key.public_key(), False).public_bytes(pem)
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return TestSigner(leaf + root, private, root.decode())


@pytest.fixture(scope="session")
def encoder() -> Callable[..., bytes]:
    return encode
