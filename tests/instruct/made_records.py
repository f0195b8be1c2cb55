"""Made-up chain records, different in every sentence."""

from fakescope.records import ChainRecord, ImageRef, Label, TraceNote
from fakescope.taxonomy import CRITERION_IDS

THINGS = ("sleeve", "window", "hand", "roof", "wheel", "leaf", "eye", "chair", "bottle", "river")


def make_record(number, label=Label.FAKE, split="train", **changes):
    """A record that differs from its neighbours in every sentence."""
    thing = THINGS[number % len(THINGS)]
    traces = {}
    for index, criterion in enumerate(CRITERION_IDS):
        words = " ".join(["very"] * ((number * 7 + index * 3) % 9))
        if (number + index) % 4 == 3:
            traces[criterion] = None
        elif label is Label.FAKE and (number + index) % 4 < 2:
            said = f"The {thing} number {number} fails its {criterion} in a {words} plain way."
            traces[criterion] = TraceNote(finding="abnormal", observation=said, region=(0.1, 0.2, 0.4, 0.6))
        else:
            said = f"The {thing} number {number} keeps its {criterion} in a {words} plain way."
            traces[criterion] = TraceNote(finding="natural", observation=said)
    fields = {
        "image": ImageRef(id=f"{label}{number}", path="x.jpg", label=label, split=split),
        "subject": f"A {thing} number {number} stands by a wall.",
        "kind": "photo",
        "blind_p_fake": 0.97 if label is Label.FAKE else 0.03,
        "traces": traces,
        "description": f"This image is {label} because the {thing} number {number} shows it.",
        "limits": f"The {thing} number {number} is small.",
        "advice": f"Enlarge the {thing} number {number}.",
    }
    return ChainRecord(**(fields | changes))
