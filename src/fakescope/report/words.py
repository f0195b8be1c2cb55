"""The verdict in plain words: a probability with its limits, never an accusation."""

from __future__ import annotations

from typing import Literal

from fakescope.records import Finding, Label, Region, Verdict

Tone = Literal["fake", "real", "inconclusive"]

QUIET_NOTE = (
    "An estimate by a model, not proof. It can be wrong in both directions, and says nothing about "
    "who made an image or why."
)
ABSENT_CREDENTIALS = (
    "Missing origin data proves nothing: most networks and messengers strip it, and it is easily removed."
)
SPECTRA_NOTE = "Pictures for people, not proof. They play no part in the verdict."


def tone_of(verdict: Verdict) -> Tone:
    """Which of the three outcomes a verdict is."""
    if verdict.label is None:
        return "inconclusive"
    return "fake" if verdict.label is Label.FAKE else "real"


def percent(probability: float) -> str:
    """A probability for people; no more certainty than a model can have.

    >>> percent(0.842), percent(0.9999), percent(0.0)
    ('84%', 'over 99%', 'under 1%')
    """
    if probability > 0.99:
        return "over 99%"
    if probability < 0.01:
        return "under 1%"
    return f"{probability:.0%}"


def headline(verdict: Verdict) -> str:
    """The verdict in a few words."""
    tone = tone_of(verdict)
    if tone == "inconclusive":
        return "Inconclusive"
    if tone == "fake":
        # With a threshold of the user's own, "probably" would be wrong below even odds.
        word = "Probably AI-generated" if verdict.p_fake >= 0.5 else "Over the threshold for AI-generated"
        return f"{word} ({percent(verdict.p_fake)})"
    if verdict.p_fake >= 0.5:
        return f"Under the threshold for AI-generated ({percent(verdict.p_fake)})"
    return "No strong sign of generation"


def lead(verdict: Verdict) -> str:
    """One or two sentences under the headline: what was estimated, and what that means."""
    estimate = f"The model’s estimate that a generator made this image is {percent(verdict.p_fake)}."
    tone = tone_of(verdict)
    if tone == "inconclusive":
        return f"{estimate} It gives no verdict: {verdict.reason or 'it is not sure enough'}."
    if tone == "fake":
        return f"{estimate} Treat this as a reason to look closer and to check the source."
    return f"{estimate} This does not show that the image is authentic: good generators leave few traces."


def finding_word(finding: Finding) -> str:
    """The heading of a group of traces."""
    return "Looks abnormal" if finding == "abnormal" else "Looks natural"


def sureness(finding: Finding, p_finding: float | None) -> str:
    """How sure the model is of a finding. An abnormal sign that is likelier not there is called weak.

    >>> sureness("abnormal", 0.83), sureness("abnormal", 0.31), sureness("natural", 0.4), sureness("natural", None)
    ('83%', 'weak, 31%', '40%', '')
    """
    if p_finding is None:
        return ""
    weak = finding == "abnormal" and p_finding < 0.5
    return f"weak, {percent(p_finding)}" if weak else percent(p_finding)


def region_source_word(region_from: str | None) -> str:
    """Who named a region, in words."""
    if region_from == "model":
        return "area named by the model"
    if region_from == "occlusion":
        return "area measured by hiding it"
    return "area of unstated origin"


def effect_words(llr_drop: float | None) -> str:
    """What hiding a region did to the verdict, measured; empty when it was not.

    >>> effect_words(0.8), effect_words(-1.25), effect_words(0.02), effect_words(None)
    ('hiding it lowers the estimate (-0.8 nats)', 'hiding it raises the estimate (+1.2 nats)', \
'hiding it hardly changes the estimate', '')
    """
    if llr_drop is None:
        return ""
    if abs(llr_drop) < 0.1:
        return "hiding it hardly changes the estimate"
    return f"hiding it {'lowers' if llr_drop > 0 else 'raises'} the estimate ({-llr_drop:+.1f} nats)"


def place_words(region: Region) -> str:
    """Where a region lies, for readers without the picture.

    >>> place_words((0.0, 0.0, 0.3, 0.3)), place_words((0.4, 0.4, 0.6, 0.6)), place_words((0.0, 0.7, 1, 1))
    ('upper left', 'centre', 'bottom')
    """
    x0, y0, x1, y1 = region
    if (x1 - x0) * (y1 - y0) > 0.6:
        return "most of the image"
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    across = "left" if x < 0.37 else "right" if x > 0.63 else ""
    down = "upper" if y < 0.37 else "lower" if y > 0.63 else ""
    if across and down:
        return f"{down} {across}"
    if across:
        return across
    return {"upper": "top", "lower": "bottom", "": "centre"}[down]


def method_sentence(fake_words: str = "fake", real_words: str = "real") -> str:
    """How p_fake is computed, for the method box."""
    return (
        "The model is asked “What is the authenticity of this image?” and begins its answer with "
        f"“This image is …”. At that place its own token logits for “{fake_words}” and “{real_words}” are "
        "compared (the soft score of FakeScope, arXiv 2503.24267) and calibrated on images that it was not "
        "trained on. Origin data and the pictures of spectrum and noise play no part."
    )
