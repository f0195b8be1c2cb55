"""Content Credentials (C2PA): the signed statements inside a file, checked without the network."""

from __future__ import annotations

import io
import json
from typing import Any, Literal

from fakescope.images.container import find_xmp
from fakescope.images.findings import Findings
from fakescope.images.generators import name_generator
from fakescope.images.sniff import MIME_TYPES
from fakescope.images.source_types import add_source_type, short_name
from fakescope.images.text import clean_text
from fakescope.records import JsonObject

State = Literal["valid", "trusted", "invalid", "absent", "unreadable"]
MAX_ACTIONS = 24
MAX_MANIFESTS = 16
# Nothing may be fetched: neither manifests kept elsewhere, nor certificate status, nor identity documents.
SETTINGS: JsonObject = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "core": {"decode_identity_assertions": False},
}
INVALID_NOTE = (
    "The Content Credentials do not fit this file: it was changed after signing, or they were copied from "
    "another file. What they say then proves nothing about this image."
)
UNTRUSTED_NOTE = (
    "The Content Credentials are intact, but the signer was not checked against a list of trusted signers; "
    "anyone can sign with a certificate of their own."
)
UNREADABLE_NOTE = "The file holds Content Credentials that cannot be read."
REMOTE_NOTE = "The file points to Content Credentials kept on a server; they were not fetched."


def read_c2pa(data: bytes, format: str, findings: Findings, *, trust_anchors: str = "") -> State:
    """Add what the file's Content Credentials say, and tell the state of their signature.

    Args:
        data: The file.
        format: As sniffed.
        findings: Added to.
        trust_anchors: PEM certificates of signers to trust. Without them no signature is "trusted".

    Returns:
        "trusted" (intact, known signer), "valid" (intact, unknown signer), "invalid", "absent", "unreadable".
    """
    # Every manifest stands in a JUMBF box; without one the library (23 MB) need not be loaded.
    if b"jumb" not in data or format not in MIME_TYPES:
        if b"dcterms:provenance" in find_xmp(data):
            findings.note(REMOTE_NOTE)
        return "absent"
    try:
        store = _read_store(data, MIME_TYPES[format], trust_anchors)
    except _unreadable_errors():
        findings.note(UNREADABLE_NOTE)
        return "unreadable"
    if store is None:
        return "absent"
    state = _state(store)
    signed = state in ("valid", "trusted")
    for manifest in _lineage(store):
        _add_manifest(manifest, findings, signed)
    findings.note(
        {"invalid": INVALID_NOTE, "valid": UNTRUSTED_NOTE}.get(state, "The signer is on the list given.")
    )
    return state


def _unreadable_errors() -> tuple[type[BaseException], ...]:
    """What means "cannot be read": the library's own error, or a platform for which there is none."""
    common = (ImportError, OSError, RuntimeError, ValueError, RecursionError)
    try:
        from c2pa import C2paError
    except (ImportError, OSError, RuntimeError):
        return common
    return (*common, C2paError)


def _read_store(data: bytes, mime_type: str, trust_anchors: str) -> JsonObject | None:
    import c2pa

    settings = dict(SETTINGS, trust={"trust_anchors": trust_anchors}) if trust_anchors else SETTINGS
    with c2pa.Context(c2pa.Settings.from_dict(settings)) as context:
        reader = c2pa.Reader.try_create(mime_type, io.BytesIO(data), context=context)
        if reader is None:
            return None
        with reader:
            store = json.loads(reader.json())
    return store if isinstance(store, dict) else None


def _state(store: JsonObject) -> State:
    word = str(store.get("validation_state", "")).lower()
    return "valid" if word == "valid" else "trusted" if word == "trusted" else "invalid"


def _lineage(store: JsonObject) -> list[JsonObject]:
    """The active manifest, and those of the images it was made from, nearest first."""
    manifests = _dict(store.get("manifests"))
    queue: list[Any] = [store.get("active_manifest")]
    found: list[JsonObject] = []
    for label in queue:
        manifest = manifests.get(label) if isinstance(label, str) else None
        if isinstance(manifest, dict) and manifest not in found and len(found) < MAX_MANIFESTS:
            found.append(manifest)
            queue += [_dict(item).get("active_manifest") for item in _list(manifest.get("ingredients"))]
    return found


def _add_manifest(manifest: JsonObject, findings: Findings, signed: bool) -> None:
    signature = _dict(manifest.get("signature_info"))
    for tool in _claim_generators(manifest):
        _add_tool(findings, "claim generator", tool)
    signer = " / ".join(str(signature[key]) for key in ("issuer", "common_name") if signature.get(key))
    findings.add("c2pa", "signer", signer)
    findings.add("c2pa", "signed at", signature.get("time") or "")
    findings.add("c2pa", "title", manifest.get("title") or "")
    for assertion in _list(manifest.get("assertions")):
        label, content = str(_dict(assertion).get("label", "")), _dict(_dict(assertion).get("data"))
        if label.startswith("c2pa.actions"):
            for action in _list(content.get("actions"))[:MAX_ACTIONS]:
                _add_action(_dict(action), findings, signed)
        elif content.get("digitalSourceType"):
            _add_type(content["digitalSourceType"], findings, signed)


def _add_action(action: JsonObject, findings: Findings, signed: bool) -> None:
    words = [short_name(action.get("action", "")).removeprefix("c2pa.")]
    agent = _agent(action.get("softwareAgent"))
    description = clean_text(action.get("description") or "", 160)
    words += [f"by {agent}"] if agent else []
    words += [f"({description})"] if description else []
    kind = action.get("digitalSourceType")
    findings.add("c2pa", "action", " ".join(words))
    if agent:
        _add_tool(findings, "software agent", agent)
    if kind:
        _add_type(kind, findings, signed)


def _add_type(value: object, findings: Findings, signed: bool) -> None:
    if add_source_type(findings, "c2pa", value) == "camera" and signed:
        findings.capture_signed = True


def _add_tool(findings: Findings, name: str, tool: str) -> None:
    generator = name_generator(tool)
    findings.add("c2pa", name, tool, "generator" if generator else None)
    if generator:
        findings.generators.append(generator)
    else:
        findings.software.append(clean_text(tool))


def _claim_generators(manifest: JsonObject) -> list[str]:
    infos = [_agent(info) for info in _list(manifest.get("claim_generator_info"))]
    return [info for info in infos if info] or [str(manifest.get("claim_generator") or "")]


def _agent(value: Any) -> str:
    """A software agent's name and version; it is text in old manifests and an object in new ones."""
    if isinstance(value, dict):
        return clean_text(f"{value.get('name') or ''} {value.get('version') or ''}", 160)
    return clean_text(value or "", 160)


def _dict(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
