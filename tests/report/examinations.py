"""Examinations made by hand, plain and hostile."""

from __future__ import annotations

import math
from typing import Any

from fakescope.images.load import LoadedImage
from fakescope.records import CredentialFact, Credentials, Evidence, Examination, Label, Verdict

SCRIPT = "<script>document.title='PWNED'</script>"
IMAGE = "<img src=x onerror=\"document.title='PWNED'\">"
HOSTILE = f"{SCRIPT}{IMAGE} [red]bold[/red] `x` **y** \x1b[31m\u202eevil\x07"
HOSTILE_NAME = "<script>alert(1)</script>.jpg"


def make_verdict(
    p_fake: float = 0.84, band: tuple[float, float] = (0.4, 0.6), threshold: float = 0.5
) -> Verdict:
    inside = band[0] <= p_fake < band[1]
    label = Label.FAKE if p_fake >= threshold else Label.REAL
    return Verdict(
        label=None if inside else label,
        reason="it lies in the inconclusive zone" if inside else None,
        p_fake=p_fake,
        llr=math.log(p_fake / (1 - p_fake)),
        answer_mass=0.98,
        threshold=threshold,
        band=band,
        calibration="dev-1",
        model="scripted",
    )


def make_evidence(text: str = "The hem dissolves into the sofa.") -> tuple[Evidence, ...]:
    return (
        Evidence(
            criterion="tone", finding="natural", observation=text, p_finding=0.7, region=(0.0, 0.0, 0.5, 0.5),
            region_from="occlusion", llr_drop=-0.6,
        ),
        Evidence(
            criterion="edge", finding="abnormal", observation=text, p_finding=0.9,
            region=(0.2, 0.7, 0.4, 1.0), region_from="model", llr_drop=0.9,
        ),
        Evidence(criterion="anatomy", finding="abnormal", observation=text),
    )  # fmt: skip


def make_examination(image: LoadedImage, **changes: Any) -> Examination:
    values: dict[str, Any] = {
        "path": image.path,
        "sha256": image.sha256,
        "format": image.format,
        "width_px": image.width_px,
        "height_px": image.height_px,
        "size_bytes": image.size_bytes,
        "verdict": make_verdict(),
        "description": "This image is fake because the hem dissolves.",
        "evidence": make_evidence(),
        "limits": ("The face is convincing.",),
        "next_steps": ("Search for earlier copies.",),
        "model": "scripted",
        "model_revision": "r1",
        "prompt_hash": "0123456789ab",
        "seconds": 1.5,
    }
    return Examination(**{**values, **changes})


def make_hostile(image: LoadedImage) -> Examination:
    """Every free text of an examination tries to break out of the report."""
    fact = CredentialFact(kind="exif", name=HOSTILE[:60], value=HOSTILE, points_to="generator")
    credentials = Credentials(
        facts=(fact,), generator=HOSTILE, camera=HOSTILE, software=HOSTILE, notes=(HOSTILE,)
    )
    verdict = make_verdict(0.5).model_copy(update={"reason": HOSTILE, "calibration": HOSTILE})
    return make_examination(
        image,
        path=f"/tmp/{HOSTILE_NAME}",
        format=HOSTILE,
        verdict=verdict,
        description=HOSTILE,
        evidence=make_evidence(HOSTILE),
        limits=(HOSTILE,),
        next_steps=(HOSTILE,),
        credentials=credentials,
        conflict=HOSTILE,
        model=HOSTILE,
        model_revision=HOSTILE,
        prompt_hash=HOSTILE,
    )
