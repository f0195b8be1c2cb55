"""The labelling interfaces: blind steering, and review of drafts."""

from __future__ import annotations

from enum import StrEnum
from xml.sax.saxutils import quoteattr

from fakescope.taxonomy import CRITERIA


class Task(StrEnum):
    """What people are asked to do."""

    STEER = "steer"
    REVIEW = "review"


VERDICT, CONFIDENCE, CRITERIA_NAME, BOXES = "verdict", "confidence", "criteria", "boxes"
DECISION, REASON = "decision", "reason"
TEXTS = ("description", "limits", "advice")
IMAGE = "image"


def finding_name(criterion: str) -> str:
    """Name of the control for the finding on a criterion."""
    return f"finding_{criterion}"


def observation_name(criterion: str) -> str:
    """Name of the control for the observation on a criterion."""
    return f"observation_{criterion}"


def interface(task: Task) -> str:
    """The interface of a task as Label Studio's XML. Blind steering shows nothing but the picture."""
    boxes = "\n".join(
        f"    <Label value={quoteattr(c.id)} hint={quoteattr(c.definition)}/>" for c in CRITERIA
    )
    parts = [
        "<View>",
        f'  <Image name="{IMAGE}" value="$image" zoom="true" zoomControl="true"/>',
        f'  <RectangleLabels name="{BOXES}" toName="{IMAGE}">\n{boxes}\n  </RectangleLabels>',
        *(_steer() if task is Task.STEER else _review()),
        "</View>",
    ]
    return "\n".join(parts) + "\n"


def _steer() -> list[str]:
    return [
        _choices(VERDICT, ("fake", "real"), required=True),
        f'  <Number name="{CONFIDENCE}" toName="{IMAGE}" min="50" max="100" required="true"/>',
        _choices(CRITERIA_NAME, tuple(c.id for c in CRITERIA), many=True),
    ]


def _review() -> list[str]:
    parts = ['  <Text name="label" value="$label"/>']
    parts += [_text(name) for name in TEXTS]
    for criterion in CRITERIA:
        parts.append(_choices(finding_name(criterion.id), ("abnormal", "natural")))
        parts.append(_text(observation_name(criterion.id)))
    return [*parts, _choices(DECISION, ("accept", "revise", "reject"), required=True), _text(REASON)]


def _choices(name: str, values: tuple[str, ...], *, many: bool = False, required: bool = False) -> str:
    inner = "".join(f"<Choice value={quoteattr(value)}/>" for value in values)
    how = "multiple" if many else "single"
    must = ' required="true"' if required else ""
    tag = f'<Choices name="{name}" toName="{IMAGE}" choice="{how}"{must}>{inner}</Choices>'
    return f"  <Header value={quoteattr(name)}/>{tag}"


def _text(name: str) -> str:
    tag = f'<TextArea name="{name}" toName="{IMAGE}" editable="true" maxSubmissions="1"/>'
    return f"  <Header value={quoteattr(name)}/>{tag}"
