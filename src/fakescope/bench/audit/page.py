"""The audit as one HTML page: no script, nothing from elsewhere, everything escaped."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fakescope import __version__
from fakescope.bench.audit import charts
from fakescope.bench.audit.duplicates import Group
from fakescope.bench.audit.run import ALIGNED, BY_IMAGE, Audit
from fakescope.bench.audit.shares import counts_of, numbers_of
from fakescope.bench.audit.stages import FED_BYTES, LEVELLED, STORED
from fakescope.bench.audit.tables import RULES_SHOWN, STAGE_NAMES, headline
from fakescope.errors import ImageError
from fakescope.images.load import load_image
from fakescope.images.text import clean_text
from fakescope.records import Label
from fakescope.report.pictures import jpeg_uri

GROUPS_SHOWN, MEMBERS_SHOWN = 12, 4
THUMBNAIL_PX = 180


@dataclass(frozen=True)
class Chart:
    """A titled chart with a sentence on what to see in it."""

    title: str
    note: str
    svg: Markup
    tall: bool = False


def render_page(
    audit: Audit, reasons: Sequence[str] | None = None, *, made_at: datetime | None = None
) -> str:
    """The page.

    Args:
        audit: What was found.
        reasons: Why the gate does not let it pass; None if no gate was asked for.
        made_at: Now by default.
    """
    made_at = made_at or datetime.now(UTC)
    environment = _environment()
    return environment.get_template("audit.html.j2").render(
        audit=audit,
        figures=audit.figures,
        title=clean_text(", ".join(audit.names), 120),
        sentences=headline(audit),
        raw=audit.worst_probe([audit.raw]),
        aligned=audit.worst_probe(ALIGNED),
        raw_name=STAGE_NAMES[audit.raw],
        worst=audit.worst_rule([audit.raw]),
        reasons=reasons,
        stages=_stage_chart(audit),
        rules=[(STAGE_NAMES[s], audit.rules[s][:RULES_SHOWN]) for s in _rule_stages(audit)],
        facts=_charts(audit),
        groups=[_shown_group(group, audit) for group in audit.groups[:GROUPS_SHOWN]],
        groups_shown=GROUPS_SHOWN,
        made_at=made_at.strftime("%d %B %Y, %H:%M UTC").lstrip("0"),
        version=__version__,
        style=Markup(environment.get_template("audit.css.j2").render()),  # noqa: S704 - our own packaged file
    )


def _rule_stages(audit: Audit) -> list[str]:
    return [stage for stage in (audit.raw, LEVELLED, FED_BYTES) if stage in audit.rules]


def _stage_chart(audit: Audit) -> Markup:
    rows = []
    for stage in audit.stages:
        own = [probe for probe in audit.probes if probe["stage"] == stage]
        dots = [
            charts.Dot(
                p["auroc"], p["low"], p["high"], f"{p['probe']} {'image' if p['folds'] == BY_IMAGE else 'source'}",
                f"{p['probe']}, folds {p['folds']}: AUROC {p['auroc']:.3f} ({p['low']:.3f}-{p['high']:.3f})",
            )
            for p in own
        ]  # fmt: skip
        rows.append((STAGE_NAMES[stage], dots))
    return charts.interval_rows(rows)


def _charts(audit: Audit) -> list[Chart]:
    images, raw = audit.images, audit.raw
    where = f" ({STAGE_NAMES[raw]})"
    points: dict[Label, list[tuple[float, float]]] = {label: [] for label in Label}
    for image in images:
        facts = image.facts[raw]
        points[image.sample.label].append((max(1, facts.width_px), max(1, facts.height_px)))
    found = [
        Chart("Width and height" + where, "Each dot is an image; squares lie on the diagonal.",
              charts.size_scatter(points), tall=True),
        Chart("File format" + where, "Share among the images of each class.",
              charts.share_bars(counts_of(images, raw, "format"))),
        Chart("Commonest sizes" + where, "Generators have favourite sizes.",
              charts.share_bars(counts_of(images, raw, "exact size"), top=6)),
        Chart("Aspect ratio" + where, "Width over height.", _histogram(audit, raw, "aspect_ratio", "width / height")),
        Chart("Longer side" + where, "", _histogram(audit, raw, "longer_px", "px", log=True)),
        Chart("Bits per pixel" + where, "How hard the file is compressed.",
              _histogram(audit, raw, "bits_per_pixel", "bits / pixel", log=True)),
        Chart("JPEG quality (files as stored)", "The standard table closest to the file's.",
              _histogram(audit, STORED, "jpeg_quality", "quality")),
    ]  # fmt: skip
    for name, title, note in (
        ("quantisation table", "JPEG tables", "Encoders leave their own tables."),
        ("colour subsampling", "Colour subsampling", ""),
        ("colour profile", "Colour profile", "By the profile's own name."),
        ("EXIF", "EXIF", "Cameras write it; generators and converters seldom do."),
    ):
        counts = counts_of(images, STORED, name)
        if len({value for own in counts.values() for value in own}) > 1:
            found.append(Chart(f"{title} (files as stored)", note, charts.share_bars(counts)))
    return [chart for chart in found if chart.svg]


def _histogram(audit: Audit, stage: str, name: str, unit: str, *, log: bool = False) -> Markup:
    return charts.mirror_histogram(numbers_of(audit.images, stage, name), unit=unit, log=log)


def _shown_group(group: Group, audit: Audit) -> dict[str, Any]:
    return {
        "group": group,
        "more": max(0, len(group.members) - MEMBERS_SHOWN),
        "members": [
            {
                "sample": audit.images[place].sample,
                "name": clean_text(audit.images[place].sample.id, 60),
                "thumbnail": _thumbnail(audit, place),
            }
            for place in group.members[:MEMBERS_SHOWN]
        ],
    }


def _thumbnail(audit: Audit, place: int) -> str:
    try:
        return jpeg_uri(load_image(audit.images[place].sample.path).pixels, THUMBNAIL_PX, 12_000, quality=76)
    except ImageError:  # gone since it was measured
        return ""


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("fakescope.bench.audit"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
