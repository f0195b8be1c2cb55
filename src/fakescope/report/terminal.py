"""The terminal report. Foreign text is never read as markup: it enters as `Text`."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from fakescope.images.text import clean_text
from fakescope.records import Examination
from fakescope.report import words
from fakescope.report.build import CaseView, TraceView, build_case

STYLES = {"fake": "dark_orange3", "real": "dodger_blue1", "inconclusive": "yellow"}
FINDING_STYLES = {"abnormal": "dark_orange3", "natural": "dodger_blue1"}
GAUGE_WIDTH = 48


def terminal_case(examination: Examination) -> RenderableType:
    """Everything about one image."""
    case = build_case(examination)
    return Group(_panel(case), *(Padding(part, (0, 2, 1, 2)) for part in _parts(case)))


def terminal_detection(examination: Examination, *, name_width: int = 0) -> Text:
    """The verdict on one line: probability, outcome, path."""
    verdict = examination.verdict
    style = STYLES[words.tone_of(verdict)]
    outcome = {"fake": "probably AI-generated", "real": "no strong sign", "inconclusive": "inconclusive"}
    line = Text(no_wrap=True, overflow="ignore")
    line.append(f"{verdict.p_fake:6.1%}  ", style="bold")
    line.append(f"{outcome[words.tone_of(verdict)]:<23}", style=style)
    line.append(clean_text(examination.path, 500).ljust(name_width))
    return line


def gauge(p_fake: float, threshold: float, band: tuple[float, float], *, ascii_only: bool = False) -> Text:
    """A bar from 0 to 1 with the inconclusive zone and the threshold marked, and p_fake pointed at."""
    line, zone, mark = ("-", "=", "|") if ascii_only else ("━", "╍", "┃")
    pointer = "v" if ascii_only else "▼"

    def place(value: float) -> int:
        return min(GAUGE_WIDTH - 1, int(value * GAUGE_WIDTH))

    text = Text().append(" " * place(p_fake) + pointer + "\n", style="bold")
    for index in range(GAUGE_WIDTH):
        middle = (index + 0.5) / GAUGE_WIDTH
        inside = band[0] <= middle < band[1]
        style = STYLES["inconclusive" if inside else "real" if middle < threshold else "fake"]
        at_threshold = index == place(threshold)
        character = mark if at_threshold else zone if inside else line
        text.append(character, style="bold" if at_threshold else style)
    text.append("\n" + "unlikely".ljust(GAUGE_WIDTH - 6) + "likely", style="dim")
    return text


class _Gauge:
    """Draws the gauge with characters that the console's encoding has."""

    def __init__(self, case: CaseView) -> None:
        self._case = case

    def __rich_console__(self, console: Console, options: object) -> list[RenderableType]:
        case = self._case
        ascii_only = not console.encoding.lower().startswith("utf")
        return [gauge(case.p_fake, case.threshold, case.band, ascii_only=ascii_only)]


def _panel(case: CaseView) -> Panel:
    style = STYLES[case.tone]
    facts = Text(
        f"p_fake {case.p_fake:.3f}   threshold {case.threshold:.2f}   "
        f"inconclusive {case.band[0]:.2f}-{case.band[1]:.2f}",
        style="dim",
    )
    body = Group(
        Text(case.headline, style=f"bold {style}"),
        Text(),
        _Gauge(case),
        facts,
        Text(),
        Text(case.lead),
        Text(words.QUIET_NOTE, style="dim"),
    )
    title, subtitle = Text(case.path), Text(case.file_line)
    return Panel(body, title=title, subtitle=subtitle, border_style=style, padding=(1, 2))


def _parts(case: CaseView) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if case.conflict:
        parts.append(Group(Text("Verdict and file disagree", style="bold yellow"), Text(case.conflict)))
    if case.description:
        parts.append(Group(_heading("What the model describes"), Text(case.description)))
    if case.traces:
        parts.append(Group(_heading("Visible traces"), _trace_table(case.traces)))
    if case.limits:
        parts.append(Group(_heading("What speaks against this"), *_bullets(case.limits)))
    if case.next_steps:
        parts.append(Group(_heading("What to look at next"), *_bullets(case.next_steps)))
    parts.append(_origin(case))
    method = dict(case.method)
    digest = method["Image SHA-256"][:16]
    footer = f"{method['Model']} · calibration {method['Calibration']} · sha256 {digest}…"
    parts.append(Text(footer, style="dim"))
    return parts


def _heading(text: str) -> Text:
    return Text(text, style="bold")


def _bullets(texts: tuple[str, ...]) -> list[RenderableType]:
    table = Table.grid(padding=(0, 1))
    for text in texts:
        table.add_row(Text("-"), Text(text))
    return [table]


def _trace_table(traces: tuple[TraceView, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(max_width=20)
    table.add_column(ratio=1)
    table.add_column(justify="right", style="dim", no_wrap=True)
    for trace in traces:
        observation = Text(trace.observation)
        if trace.where:
            observation.append(f"\n{trace.where}", style="dim")
        finding = Text(trace.finding, style=FINDING_STYLES[trace.finding])
        table.add_row(str(trace.number), finding, Text(trace.name, style="bold"), observation, trace.sureness)
    return table


def _origin(case: CaseView) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for fact in case.facts:
        table.add_row(Text(fact.kind, style="dim"), Text(fact.name), Text(fact.value))
    notes = [Text(note, style="dim") for note in case.credential_notes]
    facts = [table] if case.facts else []
    return Group(_heading("What the file says of its origin"), Text(case.credential_summary), *facts, *notes)
