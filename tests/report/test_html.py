"""The HTML report as text: self-contained, small, escaped, written in one step."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from examinations import HOSTILE_NAME, make_examination, make_hostile, make_verdict
from PIL import Image

from fakescope.errors import FakescopeError, ImageError
from fakescope.images.load import load_image
from fakescope.report.html import HtmlReport, page_of

ALLOWED_TAGS = {
    "html", "head", "meta", "title", "link", "style", "body", "header", "main", "footer", "nav", "article",
    "section", "figure", "figcaption", "div", "span", "p", "b", "i", "em", "h1", "h2", "h3", "h4", "ol", "ul",
    "li", "a", "img", "svg", "path", "line", "text", "circle", "g", "rect", "table", "tbody", "tr", "th",
    "td", "dl", "dt", "dd",
}  # fmt: skip


class Reader(HTMLParser):
    """Collects tags, attributes and ids."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def values(self, name):
        return [value for key, value in self.attributes if key == name]


def test_the_page_is_self_contained(image):
    page = page_of([(make_examination(image), image)])
    reader = Reader(page)
    assert reader.tags <= ALLOWED_TAGS
    assert all(uri.startswith("data:") for uri in reader.values("src"))
    assert all(uri.startswith(("#", "data:,")) for uri in reader.values("href"))
    assert not re.search(r"url\(|@import", page)
    csp = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    assert csp in page


def test_every_link_has_its_target_and_every_id_is_unique(image):
    case = (make_examination(image), image)
    reader = Reader(page_of([case, case]))
    ids = reader.values("id")
    assert len(ids) == len(set(ids))
    assert {uri[1:] for uri in reader.values("href") if uri.startswith("#")} <= set(ids)


def test_the_page_says_what_it_must(image):
    page = page_of([(make_examination(image, conflict="The file names a generator."), image)])
    for text in (
        "Probably AI\u2011generated (84%)", "inconclusive, 40–60%", "threshold 50%", "The hem dissolves",
        "area named by the model", "area measured by hiding it", "The face is convincing.",
        "Search for earlier copies.", "proves nothing", "Verdict and file disagree", "people, not proof",
        "dev-1", "0123456789ab", image.sha256, "revision r1", "soft score",
    ):  # fmt: skip
        assert text in page, text


def test_hostile_text_stays_text(image):
    page = page_of([(make_hostile(image), image)] * 2)
    reader = Reader(page)
    assert reader.tags <= ALLOWED_TAGS
    assert not any(name.startswith("on") for name, _ in reader.attributes)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.jpg" in page
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", page)
    assert HOSTILE_NAME not in page


def test_a_page_of_several_has_an_index_with_its_errors(image, tmp_path):
    target = tmp_path / "report.html"
    with HtmlReport(str(target), made_at=datetime(2026, 1, 2, tzinfo=UTC)) as report:
        report.add(make_examination(image), image)
        report.add(make_examination(image, verdict=make_verdict(0.1)), image)
        report.add_error("a<b>.jpg", ImageError("it is broken", "get it again"))
    page = target.read_text(encoding="utf-8")
    assert "3 images" in page
    assert 'href="#case-2"' in page
    assert "a&lt;b&gt;.jpg" in page
    assert "it is broken (get it again)" in page
    assert "2 January 2026, 00:00 UTC" in page
    assert list(tmp_path.glob(".fakescope-*")) == []


def test_what_is_done_is_kept_when_the_run_ends_early(image, tmp_path):
    target = tmp_path / "report.html"

    def interrupted_run():
        with HtmlReport(str(target)) as report:
            report.add(make_examination(image), image)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_run()
    assert "Probably AI" in target.read_text(encoding="utf-8")


def test_a_large_image_gives_a_small_page_without_the_files_metadata(tmp_path):
    path = tmp_path / "large.jpg"
    exif = Image.Exif()
    exif[0x010E] = "SECRET-DESCRIPTION"
    noise = Image.merge("RGB", [Image.effect_noise((2400, 1800), sigma) for sigma in (40, 60, 80)])
    noise.save(path, quality=95, exif=exif)
    image = load_image(path)
    page = page_of([(make_examination(image), image)])
    assert len(page.encode()) < 1_500_000
    assert "SECRET-DESCRIPTION" not in page


@pytest.mark.parametrize("place", ["missing/report.html", "."])
def test_a_report_that_cannot_be_written_is_known_at_once(place, tmp_path):
    with pytest.raises(FakescopeError, match="cannot write the report"):
        HtmlReport(str(tmp_path / place))
