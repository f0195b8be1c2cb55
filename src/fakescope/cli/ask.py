"""`fakescope ask`: questions about one image, in one thread."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from fakescope.cli.console import is_terminal, print_error, print_line, print_note, safe_text, silence_stdout
from fakescope.cli.exits import Exit
from fakescope.cli.options import AsJson, ImagePath, ModelName
from fakescope.errors import FakescopeError

if TYPE_CHECKING:
    from fakescope.explain.ask import Dialogue
    from fakescope.images.load import LoadedImage
    from fakescope.models.base import ModelCard

Question = Annotated[
    str | None, typer.Argument(metavar="[QUESTION]", help="A question in plain words.", show_default=False)
]
MoreQuestions = Annotated[
    list[str] | None,
    typer.Option("--question", "-q", metavar="TEXT", help="Another question in the same thread; repeatable."),
]
FAREWELLS = frozenset({"exit", "quit", "bye", ":q"})


def ask(
    image: ImagePath,
    question: Question = None,
    more: MoreQuestions = None,
    as_json: AsJson = False,
    model: ModelName = None,
) -> None:
    """Ask about an image.

    Without a question a dialogue starts that keeps its thread; an empty line or Ctrl-D ends it. Questions can
    also be piped in, one a line.
    """
    from fakescope.cli.model import open_model
    from fakescope.explain.ask import Dialogue

    questions = [text for text in ([question] if question is not None else []) + (more or []) if text.strip()]
    if image == "-" and not questions:
        raise typer.BadParameter("an image on standard input needs a question", param_hint="QUESTION")
    loaded = _load(image, as_json)
    opened = open_model(model)
    dialogue = Dialogue(opened, loaded)
    try:
        for text in questions or _read_questions(loaded, opened.card):
            try:
                _answer(dialogue, text, loaded, opened.card, as_json=as_json, alone=len(questions) == 1)
            except FakescopeError as error:
                if questions or not is_terminal(sys.stdin):
                    raise
                # A question that cannot be asked does not end a dialogue.
                print_error(error)
    except KeyboardInterrupt:
        print_note("")
        raise typer.Exit(Exit.INTERRUPTED) from None
    except BrokenPipeError:
        silence_stdout()
        raise typer.Exit(Exit.CLOSED) from None


def _load(path: str, as_json: bool) -> LoadedImage:
    from fakescope.cli.run import STDIN, make_loader, printable
    from fakescope.errors import ImageError
    from fakescope.report.lines import error_line, to_json

    name = STDIN if path == "-" else path
    try:
        return make_loader([name])(name)
    except ImageError as error:
        if as_json:
            print_line(to_json(error_line(printable(name), error)))
        else:
            print_error(error)
        raise typer.Exit(Exit.SOME_FAILED) from None


def _read_questions(image: LoadedImage, card: ModelCard) -> Iterator[str]:
    """Questions as they are typed, or lines as they are piped, until an empty line or the end."""
    if not is_terminal(sys.stdin):
        yield from (line.strip() for line in sys.stdin if line.strip())
        return
    print_note(f"{image.name} · {card.name} · ask anything about this image, an empty line ends")
    while True:
        sys.stderr.write("\n? ")
        sys.stderr.flush()
        line = sys.stdin.readline().strip()
        if not line or line.lower() in FAREWELLS:
            return
        yield line


def _answer(
    dialogue: Dialogue, question: str, image: LoadedImage, card: ModelCard, *, as_json: bool, alone: bool
) -> None:
    if as_json:
        answer = "".join(dialogue.ask(question)).strip()
        line = {
            "path": image.path,
            "sha256": image.sha256,
            "question": question,
            "answer": answer,
            "model": card.name,
            "model_revision": card.revision,
        }
        print_line(json.dumps(line))
        return
    if not alone and not is_terminal(sys.stdin):
        print_line(f"> {safe_text(question)}")
    for token in dialogue.ask(question):
        sys.stdout.write(safe_text(token))
        sys.stdout.flush()
    print_line("")
