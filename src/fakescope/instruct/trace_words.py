"""How each criterion is spoken of: what it is called in a sentence, and short heads for either finding."""

from __future__ import annotations

from dataclasses import dataclass

from fakescope.records import Finding


@dataclass(frozen=True)
class TraceWords:
    """Words for one criterion.

    Attributes:
        names: Noun phrases that fit `Look at NAME.` and `the traces of NAME`.
        abnormal: Clauses that say that something is wrong; no full stop.
        natural: Clauses that say that nothing is wrong; no full stop.
    """

    names: tuple[str, ...]
    abnormal: tuple[str, ...]
    natural: tuple[str, ...]

    def heads(self, finding: Finding) -> tuple[str, ...]:
        """The clauses for a finding."""
        return self.abnormal if finding == "abnormal" else self.natural


WORDS: dict[str, TraceWords] = {
    "texture": TraceWords(
        ("the texture", "the surface detail", "the surfaces"),
        ("The texture looks abnormal", "The surface detail is off", "The surfaces do not look right"),
        ("The texture looks natural", "The surface detail is believable", "The surfaces look right"),
    ),
    "edge": TraceWords(
        ("the edges", "the outlines", "the borders between objects"),
        ("The edges look abnormal", "The outlines are off", "Some borders between things do not hold"),
        ("The edges look natural", "The outlines are clean", "Objects are well separated"),
    ),
    "clarity": TraceWords(
        ("the clarity", "the focus", "the sharpness"),
        ("The clarity is abnormal", "The focus does not fit a lens", "The sharpness is odd"),
        ("The clarity looks natural", "The focus is believable", "The sharpness is as expected"),
    ),
    "distortion": TraceWords(
        ("the distortion", "possible distortion", "warped or garbled parts"),
        ("Some parts are distorted", "There is abnormal distortion", "Something is warped or garbled"),
        (
            "Nothing is distorted in a suspicious way",
            "No odd distortion is visible",
            "The parts keep their form",
        ),
    ),
    "tone": TraceWords(
        ("the overall tone", "the colours", "the tone and grading"),
        ("The overall tone is abnormal", "The colours look too uniform or forced", "The grading is unusual"),
        ("The overall tone looks natural", "The colours are believable", "The grading is nothing unusual"),
    ),
    "light": TraceWords(
        ("the light and shadow", "the lighting", "the shadows"),
        ("The light and shadow do not agree", "The lighting looks abnormal", "The light is off"),
        ("The light and shadow agree", "The lighting looks natural", "The light is consistent"),
    ),
    "shape": TraceWords(
        ("the shape", "the forms", "the shapes of things"),
        ("The shapes look abnormal", "Some forms make no sense", "The form of things is off"),
        ("The shapes look natural", "The forms make sense", "Things have the form they should have"),
    ),
    "deficiency": TraceWords(
        ("content deficiency", "missing or stray parts", "the completeness of things"),
        (
            "Something is missing or out of place",
            "The content has gaps or stray parts",
            "Parts do not add up",
        ),
        ("Nothing important is missing", "The content is complete enough", "The parts add up"),
    ),
    "symmetry": TraceWords(
        ("the symmetry", "pairs and repeated parts", "the left and right sides"),
        (
            "The symmetry is abnormal",
            "Matching parts do not behave as they should",
            "Left and right do not fit",
        ),
        ("The symmetry looks natural", "Matching parts behave as they should", "Left and right fit together"),
    ),
    "reflection": TraceWords(
        ("the reflections", "mirrored light and catchlights", "the reflecting surfaces"),
        (
            "The reflections look wrong",
            "Something is off about the reflections",
            "The mirrored light does not fit",
        ),
        ("The reflections look right", "The reflections fit the scene", "The mirrored light is believable"),
    ),
    "layout": TraceWords(
        ("the layout", "the arrangement", "the composition"),
        ("The layout looks abnormal", "The arrangement seems staged or illogical", "The composition is odd"),
        ("The layout looks natural", "The arrangement is ordinary", "The composition is plausible"),
    ),
    "perspective": TraceWords(
        ("the perspective", "the depth and scale", "the space of the scene"),
        ("The perspective is abnormal", "Depth and scale do not agree", "The space does not hold together"),
        ("The perspective looks natural", "Depth and scale agree", "The space holds together"),
    ),
    "theme": TraceWords(
        ("the theme", "the subject and its setting", "the choice of subject"),
        ("The theme is unusual", "Subject and setting raise doubt", "The subject is a little too contrived"),
        ("The theme is ordinary", "Subject and setting fit together", "The subject makes sense"),
    ),
    "irreality": TraceWords(
        ("the unrealistic aspects", "what could not exist", "the realism of the content"),
        (
            "Something here could hardly exist",
            "There are unrealistic aspects",
            "Part of this is not realistic",
        ),
        (
            "Nothing here is unrealistic",
            "The content stays within what its kind allows",
            "No unrealistic aspect stands out",
        ),
    ),
    "anatomy": TraceWords(
        ("the anatomy", "the bodies and limbs", "the build of the figures"),
        (
            "The anatomy is abnormal",
            "The body has an anatomical fault",
            "Something is wrong with the anatomy",
        ),
        ("The anatomy looks natural", "The body is built correctly", "The anatomy is believable"),
    ),
}

UNCLEAR: tuple[str, ...] = (
    "There is too little here to judge {name}",
    "This cannot be judged here: the image gives no basis for {name}",
    "For {name} this image offers no evidence either way",
    "Nothing in this image lets one judge {name}",
    "I cannot say anything sound about {name} here",
    "No finding can be given for {name} here",
    "A finding on {name} would be a guess here",
    "With this image one cannot decide about {name}",
)
"""Said where a criterion cannot be judged; `{name}` is one of its names."""
