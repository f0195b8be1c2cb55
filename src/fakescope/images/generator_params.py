"""Generation parameters: the settings that image generators leave in a file's texts."""

from __future__ import annotations

import json
import re
from typing import Any

from fakescope.images.findings import Findings
from fakescope.images.generators import UNNAMED, name_generator
from fakescope.records import JsonObject

MAX_JSON_CHARS = 1024 * 1024
MAX_NODES = 2000
_A1111 = re.compile(r"\bSteps: \d+.{0,200}?\b(Sampler|CFG scale|Seed): ", re.DOTALL)
_SETTING = re.compile(r"\b(Steps|Sampler|CFG scale|Seed|Size|Model|Version): ([^,\n]{1,120})")
_MIDJOURNEY = re.compile(
    r"\bJob ID: ?[0-9a-f]{8}-|(^|\s)--(v|niji) \d(\.\d)?\b.{0,400}(--(ar|stylize|chaos|s) |Job ID)", re.I
)
_AIGC = re.compile(r"\"?AIGC\"?\s*[:=]\s*\{[^{}]{0,2000}\"?(Label|ContentProducer)\"?", re.DOTALL)
_KEYS = {
    "invokeai_metadata": "InvokeAI",
    "invokeai_graph": "InvokeAI",
    "sd-metadata": "InvokeAI",
    "dream": "InvokeAI",
    "fooocus_scheme": "Fooocus",
    "sui_image_params": "SwarmUI",
    "stealth_pnginfo": "Stable Diffusion",
}
"""Keywords of PNG texts, and keys of JSON texts, that only one program writes."""
_TOOL_KEYWORDS = frozenset({"software", "source", "title", "creator", "creation tool", "exif software"})
_SHOWN = ("model", "base_model", "model_name", "sampler", "scheduler", "steps", "seed", "cfg_scale", "prompt")


def read_parameters(texts: list[tuple[str, str]], findings: Findings) -> None:
    """Add the generation parameters found in texts, and the generators that they show.

    Args:
        texts: Where a text stood (PNG keyword, EXIF tag, XMP property, comment) and the text itself.
        findings: Added to.
    """
    for where, text in texts:
        for reader in (_read_keyword, _read_webui, _read_json, _read_midjourney, _read_aigc):
            generator = reader(where, text, findings)
            if generator:
                findings.generators.append(generator)
                break


def _add(findings: Findings, name: str, value: object) -> None:
    findings.add("generator_parameters", name, value, "generator")


def _read_keyword(where: str, text: str, findings: Findings) -> str | None:
    """A field that names the program, or a keyword that only one program uses."""
    key = where.lower()
    if key in _KEYS:
        _add(findings, where, text)
        return _KEYS[key]
    named = name_generator(text) if key in _TOOL_KEYWORDS and len(text) < 300 else None
    if named:
        _add(findings, where, text)
    elif key in ("software", "creation tool"):
        findings.add("container", "software", text)
        findings.software.append(text[:200])
    return named


def _read_webui(where: str, text: str, findings: Findings) -> str | None:
    """The text of the Stable Diffusion web UIs: prompt, negative prompt, and a line of settings."""
    if not _A1111.search(text[-20_000:]):
        return None
    settings = dict(_SETTING.findall(text[-20_000:]))
    prompt = re.split(r"\nNegative prompt:|\nSteps: \d", text, maxsplit=1)[0]
    _add(findings, "prompt", prompt if not prompt.startswith("Steps: ") else "")
    for name, value in settings.items():
        _add(findings, name.lower(), value)
    named = name_generator(settings.get("Version", "")) or name_generator(settings.get("Model", ""))
    if named in (None, UNNAMED):
        named = "Stable Diffusion"
    forge = settings.get("Version", "").startswith("f")
    return f"{named} ({'Forge' if forge else 'web UI'})" if named == "Stable Diffusion" else named


def _read_json(where: str, text: str, findings: Findings) -> str | None:
    start = text.find("{")
    # ComfyUI's WebP files hold `prompt:{...}` and `workflow:{...}` in EXIF tags.
    if not 0 <= start <= 40 or len(text) > MAX_JSON_CHARS:
        return None
    try:
        content = json.loads(text[start:].rstrip("\x00 \n"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    if _is_comfy(content):
        return _read_comfy(content, findings)
    keyed = next((_KEYS[key] for key in content if key in _KEYS), None)
    generator = keyed or _by_settings(where, content)
    if generator:
        inner = content.get("sui_image_params")
        _add_settings(inner if isinstance(inner, dict) else content, findings)
    return generator


def _by_settings(where: str, content: JsonObject) -> str | None:
    """Programs that are known by their set of keys."""
    keys = {str(key).lower() for key in content}
    if {"prompt", "uc", "sampler"} <= keys or "signed_hash" in keys:
        return "NovelAI"
    if {"c", "uc", "sampler", "seed"} <= keys:
        return "Draw Things"
    if {"base_model", "sampler", "metadata_scheme"} <= keys or "fooocus" in str(
        content.get("version", "")
    ).lower():
        return "Fooocus"
    if (
        "seed" in keys
        and len(keys & {"prompt", "steps", "sampler", "cfg_scale", "guidance_scale", "scheduler"}) >= 2
    ):
        return "Stable Diffusion" if "sampler" in keys or "cfg_scale" in keys else UNNAMED
    return None


def _is_comfy(content: JsonObject) -> bool:
    nodes = content.get("nodes")
    if isinstance(nodes, list) and "links" in content:
        return any(isinstance(node, dict) and "type" in node for node in nodes[:50])
    return any(isinstance(node, dict) and "class_type" in node for node in list(content.values())[:50])


def _read_comfy(content: JsonObject, findings: Findings) -> str:
    """Model, seed and prompts out of a node graph; the workflow form is named only."""
    nodes = [
        node for node in list(content.values())[:MAX_NODES] if isinstance(node, dict) and "class_type" in node
    ]
    _add(findings, "node graph", f"ComfyUI, {len(nodes)} nodes" if nodes else "ComfyUI workflow")
    wanted = {
        "ckpt_name": "model",
        "unet_name": "model",
        "lora_name": "LoRA",
        "seed": "seed",
        "noise_seed": "seed",
        "sampler_name": "sampler",
        "steps": "steps",
        "text": "prompt",
    }
    for node in nodes:
        inputs = node.get("inputs")
        for key, name in wanted.items():
            value = inputs.get(key) if isinstance(inputs, dict) else None
            if isinstance(value, str | int | float):
                _add(findings, name, value)
    return "ComfyUI"


def _add_settings(content: JsonObject, findings: Findings) -> None:
    for name in _SHOWN:
        value: Any = content.get(name)
        if isinstance(value, dict):
            value = value.get("model_name") or value.get("name")
        if isinstance(value, str | int | float):
            _add(findings, name.replace("_", " "), value)


def _read_midjourney(where: str, text: str, findings: Findings) -> str | None:
    if not _MIDJOURNEY.search(text[:4000]):
        return None
    _add(findings, where, text)
    return "Midjourney"


def _read_aigc(where: str, text: str, findings: Findings) -> str | None:
    """The label that Chinese law (GB 45438-2025) asks of generated content."""
    if where.upper() != "AIGC" and not _AIGC.search(text[:8000]):
        return None
    _add(findings, "AIGC label", text)
    return UNNAMED
