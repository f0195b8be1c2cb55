"""The HTML report: one file, no script, no request to anywhere, everything escaped."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from fakescope import __version__
from fakescope.errors import FakescopeError
from fakescope.images.load import LoadedImage
from fakescope.images.spectra import make_pictures
from fakescope.images.text import clean_text
from fakescope.records import Examination
from fakescope.report import pictures, words
from fakescope.report.build import CaseView, build_case, shown_name
from fakescope.report.gauge import build_gauge
from fakescope.report.marks import place_marks


@dataclass(frozen=True)
class _Entry:
    """A line of the index; `target` is empty for an image that could not be examined."""

    name: str
    headline: str
    percent: str
    p_fake: float
    tone: str
    thumbnail: str
    target: str


class HtmlReport:
    """One page about one or many images, written when it is closed, whatever ended the run.

    The cases are kept in a temporary file, so that a page of many images does not fill the memory:

        with HtmlReport(path) as report:
            report.add(examination, image)

    Raises:
        FakescopeError: The file cannot be written; known before the first image is examined.
    """

    def __init__(self, path: str, *, made_at: datetime | None = None, spectra: bool = True) -> None:
        self.path = Path(path)
        self._made_at = made_at or datetime.now(UTC)
        self._spectra = spectra
        self._index: list[_Entry] = []
        self._check_writable()
        # Closed by __exit__, which all users of this class go through.
        self._cases = tempfile.TemporaryFile("w+", encoding="utf-8", prefix="fakescope-")  # noqa: SIM115

    def __enter__(self) -> HtmlReport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._cases:
            if self._index:
                self.write()

    def add(self, examination: Examination, image: LoadedImage) -> None:
        """Append a case."""
        case = build_case(examination)
        number = len(self._index) + 1
        self._cases.write(render_case(case, image, number, spectra=self._spectra))
        thumbnail = pictures.jpeg_uri(image.pixels, pictures.THUMBNAIL_SIDE_PX, 8_000, quality=74)
        target = f"case-{number}"
        self._index.append(
            _Entry(case.name, case.headline, case.percent, case.p_fake, case.tone, thumbnail, target)
        )

    def add_error(self, path: str, error: FakescopeError) -> None:
        """Name an image that could not be examined."""
        self._index.append(_Entry(shown_name(path), clean_text(error, 400), "", 0.0, "error", "", ""))

    def render(self) -> str:
        """The whole page."""
        self._cases.seek(0)
        return self._head() + self._cases.read() + _template("foot.html.j2").render(version=__version__)

    def write(self) -> None:
        """Write the page in one step: a reader never sees half of it.

        Raises:
            FakescopeError: The file cannot be written.
        """
        try:
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", dir=self.path.parent, prefix=".fakescope-", delete=False
            ) as file:
                file.write(self.render())
            os.chmod(file.name, 0o666 & ~_umask())
            os.replace(file.name, self.path)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def _head(self) -> str:
        return _template("head.html.j2").render(
            title=self._title(),
            made_at=self._made_at.strftime("%d %B %Y, %H:%M UTC").lstrip("0"),
            entries=self._index,
            several=len(self._index) > 1 or any(not entry.target for entry in self._index),
            counts=_counts(self._index),
            style=Markup(_template("style.css.j2").render()),  # noqa: S704 - our own packaged file
        )

    def _title(self) -> str:
        if len(self._index) == 1:
            return f"{self._index[0].name}: {self._index[0].headline}"
        return f"{len(self._index)} images examined"

    def _check_writable(self) -> None:
        try:
            if self.path.is_dir():
                raise IsADirectoryError(21, "is a folder")
            tempfile.TemporaryFile(dir=self.path.parent).close()
        except OSError as error:
            raise _unwritable(self.path, error) from error


def render_case(case: CaseView, image: LoadedImage, number: int, *, spectra: bool = True) -> str:
    """The HTML of one image's section; `number` makes its ids unique within the page."""
    shown = pictures.jpeg_uri(image.pixels, pictures.IMAGE_SIDE_PX, pictures.IMAGE_BYTES)
    return _template("case.html.j2").render(
        case=case,
        number=number,
        gauge=build_gauge(case.p_fake, case.threshold, case.band),
        image_uri=shown,
        image_size=(image.width_px, image.height_px),
        marks=place_marks(case.traces, image.width_px / image.height_px),
        spectra=_spectra(image) if spectra else (),
        words=words,
        method_sentence=words.method_sentence(),
    )


def page_of(
    cases: Sequence[tuple[Examination, LoadedImage]], *, made_at: datetime | None = None, spectra: bool = True
) -> str:
    """A page as text, for callers that serve it instead of keeping it."""
    with tempfile.TemporaryDirectory(prefix="fakescope-") as folder:
        report = HtmlReport(str(Path(folder) / "report.html"), made_at=made_at, spectra=spectra)
        with report._cases:
            for examination, image in cases:
                report.add(examination, image)
            return report.render()


def _spectra(image: LoadedImage) -> list[dict[str, str]]:
    side = pictures.SPECTRUM_SIDE_PX
    return [
        {"title": p.title, "caption": p.caption, "uri": pictures.jpeg_uri(p.image, side, 60_000, quality=78)}
        for p in make_pictures(image)
    ]


def _counts(entries: Sequence[_Entry]) -> list[tuple[str, int]]:
    names = {
        "fake": "probably AI-generated",
        "inconclusive": "inconclusive",
        "real": "without strong signs",
        "error": "not examined",
    }
    counts = ((name, sum(entry.tone == tone for entry in entries)) for tone, name in names.items())
    return [(name, count) for name, count in counts if count]


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("fakescope.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _template(name: str) -> Template:
    return _environment().get_template(name)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _unwritable(path: Path, error: OSError) -> FakescopeError:
    reason = error.strerror or "input/output error"
    return FakescopeError(f"cannot write the report {clean_text(path, 300)}: {reason}", "name another file")
