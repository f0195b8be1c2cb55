"""The 15 trace criteria: what a person or a model looks for in an image.

Fourteen are FakeBench's (arXiv 2404.13306); `anatomy` is added by FakeScope (arXiv 2503.24267).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Criterion:
    """One visible kind of trace.

    Attributes:
        id: Identifier used in records and outputs.
        name: Name for people.
        definition: What is looked at, and what is odd about it in generated images.
        question: The question that asks a model for it.
    """

    id: str
    name: str
    definition: str
    question: str


def _criterion(id: str, name: str, definition: str) -> Criterion:
    return Criterion(id, name, definition, f"What does the {name} say about the authenticity of this image?")


CRITERIA: tuple[Criterion, ...] = (
    _criterion(
        "texture",
        "texture",
        "Surface detail of skin, hair, cloth, foliage, walls: too smooth, waxy, "
        "repeated, or melting into its neighbour.",
    ),
    _criterion(
        "edge", "edges", "Outlines between objects: fused, haloed, broken off, or drawn where none should be."
    ),
    _criterion(
        "clarity",
        "clarity",
        "Sharpness and focus: blur that no lens explains, or sharpness at all distances.",
    ),
    _criterion(
        "distortion",
        "distortion",
        "Warped, bent or garbled parts, above all faces, letters and straight lines.",
    ),
    _criterion(
        "tone",
        "overall tone",
        "Hue, saturation and grading of the whole: an unnatural cast or a uniform gloss.",
    ),
    _criterion(
        "light", "light and shadow", "Direction, softness and agreement of light, shadows and highlights."
    ),
    _criterion(
        "shape", "shape", "Form of objects and their parts: impossible, inconsistent or meaningless forms."
    ),
    _criterion(
        "deficiency",
        "content deficiency",
        "Parts that are missing, cut off, doubled, floating, or without a function.",
    ),
    _criterion("symmetry", "symmetry", "Pairs and patterns that should match and do not, or match too well."),
    _criterion(
        "reflection",
        "reflections",
        "Mirror images in glass, water, metal and eyes: absent, wrong or too perfect.",
    ),
    _criterion(
        "layout", "layout", "Arrangement and proportion of things in the frame: crowded, staged or illogical."
    ),
    _criterion(
        "perspective", "perspective", "Depth, scale, vanishing lines and support of objects in space."
    ),
    _criterion(
        "theme",
        "theme",
        "Whether the subject and its setting make sense together and in their time and place.",
    ),
    _criterion(
        "irreality",
        "unrealistic aspects",
        "What cannot exist or happen in the world the image claims to show.",
    ),
    _criterion(
        "anatomy", "anatomy", "Bodies of people and animals: hands, fingers, teeth, eyes, limbs, joints."
    ),
)

CRITERION_IDS: tuple[str, ...] = tuple(c.id for c in CRITERIA)
BY_ID: dict[str, Criterion] = {c.id: c for c in CRITERIA}
