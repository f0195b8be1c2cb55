"""Markdown and terminal: complete, and deaf to markup in foreign text."""

from __future__ import annotations

import io
import re

import pytest
from examinations import HOSTILE, make_examination, make_hostile
from markdown_it import MarkdownIt
from rich.console import Console

from fakescope.errors import ImageError
from fakescope.report.markdown import escape, markdown_case, markdown_detection, markdown_error
from fakescope.report.terminal import gauge, terminal_case, terminal_detection


def shown(renderable, **options):
    file = io.StringIO()
    Console(file=file, width=100, emoji=False, **options).print(renderable)
    return file.getvalue()


def test_the_terminal_report_says_what_it_must(image):
    text = " ".join(shown(terminal_case(make_examination(image))).split())
    for part in (
        "Probably AI-generated (84%)", "inconclusive 0.40-0.60", "fake because the hem dissolves.",
        "abnormal edges", "natural overall tone", "The face is convincing.", "Search for earlier copies.",
        "proves nothing", "calibration dev-1",
    ):  # fmt: skip
        assert part in text, part


def test_hostile_text_in_a_terminal_is_text(image):
    text = shown(terminal_case(make_hostile(image)))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert "[red]bold[/red]" in text
    coloured = shown(terminal_case(make_hostile(image)), force_terminal=True, color_system="truecolor")
    # Rich's own styles, and nothing but styles.
    assert set(re.findall(r"\x1b\[[\d;]*(.)", coloured)) == {"m"}


def test_the_detection_line_is_one_line(image):
    text = shown(terminal_detection(make_hostile(image)), soft_wrap=False)
    assert text.count("\n") == 1
    assert "inconclusive" in text


def test_the_gauge_points_to_p_fake():
    pointer, bar, _ = gauge(0.9, 0.5, (0.4, 0.6), ascii_only=True).plain.split("\n")
    assert len(pointer) == 44
    assert bar.count("=") + bar.count("-") + bar.count("|") == len(bar) == 48
    assert bar[24] == "|"


@pytest.mark.parametrize("make", [make_examination, make_hostile])
def test_markdown_renders_to_headings_lists_and_one_table_only(make, image):
    html = MarkdownIt("gfm-like", {"linkify": False}).render(markdown_case(make(image)))
    tags = set(re.findall(r"<([a-z0-9]+)", html))
    assert tags <= set("h2 h3 p strong em code table thead tbody tr th td ul li blockquote".split())  # noqa: SIM905
    assert html.count("<table") == 1


def test_hostile_markdown_shows_the_text_as_it_is(image):
    html = MarkdownIt("gfm-like", {"linkify": False}).render(markdown_case(make_hostile(image)))
    assert "&lt;script&gt;document.title" in html
    assert "**y**" in html


def test_markdown_lines_for_verdicts_and_errors(image):
    assert "p_fake 0.840" in markdown_detection(make_examination(image))
    assert "broken" in markdown_error("a.jpg", ImageError("broken"))


def test_escape_leaves_no_link():
    assert "://" not in escape(HOSTILE + " https://evil.example me@evil.example")
