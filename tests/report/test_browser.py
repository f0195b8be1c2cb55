"""The report in a real headless browser: no script runs, the boxes are there, nothing overflows."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from examinations import make_examination, make_hostile
from PIL import Image

from fakescope.images.load import load_image
from fakescope.report.html import HtmlReport

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")]
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def browse(page: Path, profile: Path, *flags: str) -> str:
    command = [str(BROWSER), *FLAGS, f"--user-data-dir={profile}", *flags, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.fixture
def page(image, tmp_path):
    target = tmp_path / "report.html"
    with HtmlReport(str(target)) as report:
        report.add(make_hostile(image), image)
        report.add(make_examination(image), image)
    return target


def test_no_script_runs_and_the_boxes_are_there(page, tmp_path):
    dom = browse(page, tmp_path / "profile", "--dump-dom")
    title = re.search(r"<title>(.*?)</title>", dom)
    assert title
    assert title.group(1) == "2 images examined"
    assert "<script" not in dom
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.jpg" in dom
    assert len(re.findall(r'<rect class="line"', dom)) == 4
    assert len(re.findall(r'class="badge', dom)) == 4


def test_even_a_script_put_into_the_page_would_not_run(page, tmp_path):
    text = page.read_text(encoding="utf-8")
    probe = "<script>document.title='RAN'</script></body>"
    page.write_text(text.replace("</body>", probe), encoding="utf-8")
    assert "<title>RAN" not in browse(page, tmp_path / "profile", "--dump-dom")
    free = page.with_name("free.html")
    free.write_text(re.sub(r"<meta http-equiv[^>]*>", "", page.read_text(encoding="utf-8")), encoding="utf-8")
    assert "<title>RAN" in browse(free, tmp_path / "profile", "--dump-dom"), "the probe itself must work"


@pytest.mark.parametrize(("width", "scheme"), [(390, 0), (390, 1), (1280, 0), (1280, 1)])
def test_it_fits_the_screen_in_both_schemes(page, tmp_path, width, scheme):
    # A headless window has a least width, so the page is put into a frame of the width that is wanted.
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<body style="margin:0;background:#f0f"><iframe src="{page.as_uri()}" '
        f'style="width:{width}px;height:900px;border:0"></iframe>',
        encoding="utf-8",
    )
    shot = tmp_path / "shot.png"
    setting = f"--blink-settings=preferredColorScheme={scheme}"
    browse(frame, tmp_path / "profile", setting, f"--screenshot={shot}", "--window-size=1400,900")
    with Image.open(shot) as picture:
        pixels = picture.convert("RGB")
        background = pixels.getpixel((3, 880))
        right_edge = {pixels.getpixel((width - 2, y)) for y in range(0, 880, 8)}
        assert pixels.getpixel((width + 5, 400)) == (255, 0, 255)
    assert isinstance(background, tuple)
    assert (sum(background) < 150) == (scheme == 0)
    # A card's shadow may tint the margin a little; text, a box or a picture would not be a tint.
    strongest = max(abs(a - b) for pixel in right_edge for a, b in zip(pixel, background, strict=True))
    assert strongest <= 6, "something reaches the edge of the screen"


def test_a_real_photograph(data, tmp_path):
    path = sorted((data / "images").glob("*.jpg"))[0]
    image = load_image(path)
    target = tmp_path / "report.html"
    with HtmlReport(str(target)) as report:
        report.add(make_examination(image), image)
    dom = browse(target, tmp_path / "profile", "--dump-dom")
    assert dom.count("data:image/jpeg") == 5
    assert target.stat().st_size < 1_500_000
