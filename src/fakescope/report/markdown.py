"""The Markdown report: for a ticket, a wiki or a repository. Foreign text is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fakescope.errors import FakescopeError
from fakescope.images.text import clean_text
from fakescope.records import Examination
from fakescope.report import words
from fakescope.report.build import CaseView, TraceView, build_case, shown_name

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#!$])")


def escape(text: str) -> str:
    """Text that Markdown shows as it is: no emphasis, link, image, HTML or table cell starts in it.

    >>> escape("<b>*x*</b> http://a.b")
    '\\\\<b\\\\>\\\\*x\\\\*\\\\</b\\\\> http&#58;//a.b'
    """
    escaped = _SPECIAL.sub(r"\\\1", text.replace("&", "&amp;"))
    # Bare addresses become links on many sites; foreign text must not make one.
    return escaped.replace("://", "&#58;//").replace("www.", "www&#46;").replace("@", "&#64;")


def markdown_case(examination: Examination) -> str:
    """One examination as a Markdown section that ends in an empty line."""
    return "\n".join(_lines(build_case(examination))) + "\n"


def markdown_detection(examination: Examination) -> str:
    """One verdict as a list item."""
    case = build_case(examination)
    return f"- **{escape(case.headline)}** · p_fake {case.p_fake:.3f} · {escape(case.path)}"


def markdown_error(path: str, error: FakescopeError) -> str:
    """An image that could not be examined, as a list item."""
    return f"- **Not examined** · {escape(shown_name(path))} · {escape(clean_text(error, 400))}"


def _lines(case: CaseView) -> Iterator[str]:
    low, high = case.band
    yield f"## {escape(case.name)}\n"
    yield f"**{escape(case.headline)}**\n"
    yield f"{escape(case.lead)}\n"
    yield (
        f"`{bar(case.p_fake)}` p_fake {case.p_fake:.3f} · threshold {case.threshold:.2f} · inconclusive from "
        f"{low:.2f} to {high:.2f}\n"
    )
    yield f"*{words.QUIET_NOTE}*\n"
    if case.conflict:
        yield f"> **Verdict and file disagree.** {escape(case.conflict)}\n"
    if case.description:
        yield f"### What the model describes\n\n{escape(case.description)}\n"
    if case.traces:
        yield "### Visible traces\n"
        yield "| | Finding | Criterion | Observation | Where | p |\n|--:|---|---|---|---|--:|"
        for trace in case.traces:
            yield _row(trace)
        yield ""
    yield from _list("What speaks against this", case.limits)
    yield from _list("What to look at next", case.next_steps)
    yield f"### What the file says of its origin\n\n{escape(case.credential_summary)}\n"
    for fact in case.facts:
        yield f"- {escape(fact.kind)}: **{escape(fact.name)}** {escape(fact.value)}"
    yield "\n" + "\n\n".join(escape(note) for note in case.credential_notes) + "\n"
    yield f"### How this was computed\n\n{words.method_sentence()}\n"
    for name, value in case.method:
        yield f"- {name}: {escape(value)}"
    yield ""


def _row(trace: TraceView) -> str:
    where = trace.where or "whole image"
    cells = (trace.finding, escape(trace.name), escape(trace.observation), where, trace.sureness or "–")
    return f"| {trace.number} | " + " | ".join(cells) + " |"


def _list(title: str, texts: tuple[str, ...]) -> Iterator[str]:
    if texts:
        yield f"### {title}\n"
        yield from (f"- {escape(text)}" for text in texts)
        yield ""


def bar(p_fake: float, width: int = 20) -> str:
    """A gauge of characters: filled up to p_fake."""
    filled = round(p_fake * width)
    return "█" * filled + "░" * (width - filled)
