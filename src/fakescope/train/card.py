"""The model card as Markdown, rendered from measured figures:  python -m fakescope.train.card FOLDER RESULTS [PAGE...]

FOLDER is the release (card.json, release.json, sources.csv); RESULTS holds what `fakescope bench` wrote. No number in
the card or in a PAGE, such as README.md, is typed by hand; what was not measured is called so.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from fakescope.errors import DataError
from fakescope.models.card import read_card

_START, _END = "<!-- figures: made by fakescope.train.card -->", "<!-- end of figures -->"
_NOT_STRICTLY_UNSEEN = {
    "nano-banana-pro": "images of it from another gallery were in training",
    "gpt-4o-image": "training held a gallery labelled 'GPT-4o or unspecified'",
}
"""Generators of the test split that training may have met, and how."""

_DETECTION_ROWS = (
    ("AUROC", "auroc"),
    ("balanced accuracy", "balanced_accuracy"),
    ("accuracy on real images", "accuracy_real"),
    ("accuracy on fakes", "accuracy_fake"),
    ("expected calibration error, classes weighed evenly", "ece_balanced"),
    ("expected calibration error, classes as they come", "ece"),
    ("Brier score", "brier"),
    ("share of images on which it abstains", "abstained"),
    ("accuracy of the rest", "accuracy_of_rest"),
    ("balanced accuracy of the rest", "balanced_accuracy_of_rest"),
)


def render(template: str, folder: Path, results: Path) -> str:
    """Fill a template with what is known and measured of a release.

    Args:
        template: File name under `templates`.
        folder: A release.
        results: Folder with detect.json, explain.json, baselines.json, speed.json; those absent are left out.
    """
    environment = Environment(
        loader=PackageLoader("fakescope.train", "templates"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - Markdown, and all input is our own
    )
    environment.filters["figure"] = _figure
    environment.filters["percent"] = _percent
    detect = _read(results / "detect.json")
    return environment.get_template(template).render(
        not_strictly_unseen=_NOT_STRICTLY_UNSEEN,
        strict_auroc=_strict_auroc(detect),
        card=read_card(folder / "card.json"),
        release=_read(folder / "release.json"),
        sources=_sources(folder / "sources.csv"),
        detection_rows=_DETECTION_ROWS,
        detect=detect,
        **{name: _read(results / f"{name}.json") for name in ("explain", "baselines", "speed")},
    )


def _strict_auroc(detect: dict[str, Any]) -> float | None:
    """Test AUROC without the generators that training may have met.

    An AUROC is a mean over pairs of a fake and a real image, so that of several generators together is the mean of
    theirs, weighed by their numbers.
    """
    if not detect:
        return None
    rows = [r for r in detect["splits"]["test"]["by_generator"] if r["group"] not in _NOT_STRICTLY_UNSEEN]
    fakes = sum(row["images"] for row in rows)
    total: float = sum(row["images"] * row["auroc_against_all_real"] for row in rows)
    return total / fakes if fakes else None


def _figure(value: Any) -> str:
    if value is None:
        return "not measured"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values


def _sources(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def put_figures(page: Path, figures: str) -> None:
    """Replace what stands between the marks of a page with `figures`.

    Raises:
        DataError: The page has no marks.
    """
    text = page.read_text(encoding="utf-8")
    before, start, rest = text.partition(_START)
    _, end, after = rest.partition(_END)
    if not end:
        raise DataError(f"{page} lacks the marks {_START} and {_END}", "put them where the figures belong")
    page.write_text(f"{before}{start}\n{figures.strip()}\n{end}{after}", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Write MODEL_CARD.md into the release folder, and the figures into the pages named after RESULTS."""
    folder, results, *pages = map(Path, arguments or sys.argv[1:])
    (folder / "MODEL_CARD.md").write_text(render("model_card.md.j2", folder, results), encoding="utf-8")
    for page in pages:
        put_figures(page, render("readme_figures.md.j2", folder, results))


if __name__ == "__main__":
    main()
