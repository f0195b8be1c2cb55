"""The forms of output of `examine` and `detect`: one printer each, all with the same two methods."""

from __future__ import annotations

from typing import Protocol

from fakescope.cli.console import print_error, print_line, stdout_console
from fakescope.cli.options import Format
from fakescope.errors import FakescopeError
from fakescope.records import Examination


class Printer(Protocol):
    """Prints what became of each image, as it becomes known."""

    def result(self, examination: Examination) -> None: ...

    def error(self, path: str, error: FakescopeError) -> None: ...


class JsonPrinter:
    """One JSON object a line on standard output, errors too."""

    def __init__(self, *, full: bool) -> None:
        from fakescope.report import lines

        self._lines = lines
        self._line = lines.examination_line if full else lines.detection_line

    def result(self, examination: Examination) -> None:
        print_line(self._lines.to_json(self._line(examination)))

    def error(self, path: str, error: FakescopeError) -> None:
        print_line(self._lines.to_json(self._lines.error_line(path, error)))


class MarkdownPrinter:
    """Markdown on standard output, errors too."""

    def __init__(self, *, full: bool) -> None:
        from fakescope.report import markdown

        self._markdown = markdown
        self._full = full

    def result(self, examination: Examination) -> None:
        render = self._markdown.markdown_case if self._full else self._markdown.markdown_detection
        print_line(render(examination))

    def error(self, path: str, error: FakescopeError) -> None:
        print_line(self._markdown.markdown_error(path, error))


class TextPrinter:
    """For people: results on standard output, errors on standard error."""

    def __init__(self, *, full: bool) -> None:
        from fakescope.report import terminal

        self._render = terminal.terminal_case if full else terminal.terminal_detection
        self._console = stdout_console()
        self._full = full

    def result(self, examination: Examination) -> None:
        self._console.print(self._render(examination), soft_wrap=not self._full)
        self._console.file.flush()

    def error(self, path: str, error: FakescopeError) -> None:
        print_error(error)


def make_printer(format: Format, *, full: bool) -> Printer:
    """The printer for a format; `full` prints examinations, otherwise verdicts alone."""
    kinds: dict[Format, type[JsonPrinter] | type[MarkdownPrinter] | type[TextPrinter]] = {
        Format.JSON: JsonPrinter,
        Format.MD: MarkdownPrinter,
        Format.TEXT: TextPrinter,
    }
    return kinds[format](full=full)
