"""Names by which generators sign their files."""

from __future__ import annotations

import re

UNNAMED = "an AI generator (not named)"
_PATTERNS = (
    ("Midjourney", r"midjourney"),
    ("DALL-E (OpenAI)", r"dall[·\-. ]?e\b"),
    ("OpenAI", r"\bopenai\b|\bchatgpt\b|\bgpt-?4o\b|\bgpt-image|\bsora\b"),
    ("Adobe Firefly", r"\bfirefly\b"),
    ("Adobe generative AI", r"generative (fill|expand)"),
    ("NovelAI", r"\bnovelai\b"),
    ("InvokeAI", r"\binvoke ?ai\b"),
    ("ComfyUI", r"\bcomfyui\b"),
    ("Fooocus", r"\bfooocus\b"),
    ("Draw Things", r"\bdraw things\b"),
    ("SwarmUI", r"\bswarmui\b"),
    ("Stable Diffusion", r"stable[ -]?diffusion|\bsdxl\b|\bstability ai\b|\bdreamstudio\b"),
    ("FLUX", r"\bflux\.?[12]\b|black forest labs"),
    ("Google AI", r"google ai\b|google generative|\bimagen [2-9]\b|google (imagen|gemini)|\bnano banana\b"),
    ("Microsoft AI", r"bing image creator|microsoft designer|microsoft responsible ai|image creator from"),
    ("Meta AI", r"\bmeta ai\b|imagine with meta"),
    ("Ideogram", r"\bideogram\b"),
    ("Leonardo AI", r"\bleonardo\.?ai\b"),
    ("Recraft", r"\brecraft\b"),
    ("Grok (xAI)", r"\bxai grok\b|\bgrok imagine\b"),
)
_COMPILED = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _PATTERNS)
_AI_CREDIT = re.compile(
    r"\b(made|created|generated|edited) (with|by|using) [\w .]{0,40}\bAI\b|\bAI[- ]generated\b", re.I
)


def name_generator(text: str) -> str | None:
    """The generator that a short field (software, creator tool, credit line) names, or None.

    Only for fields that say what made the file: in a caption the same words may be the subject.
    """
    text = text[:1000].replace("_", " ")
    for name, pattern in _COMPILED:
        if pattern.search(text):
            return name
    return UNNAMED if _AI_CREDIT.search(text) else None
