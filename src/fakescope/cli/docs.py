"""Writes docs/cli.md and docs/schema/*.json: `python -m fakescope.cli.docs docs`."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from fakescope.cli.exits import MEANINGS
from fakescope.cli.main import app
from fakescope.report.lines import SCHEMAS, schema_of

HEAD = """# Command line

Made by `python -m fakescope.cli.docs docs`; a test keeps it equal to the commands.
"""

TAIL = """
## Output

Results go to standard output as they come, one flushed line or block an image; progress (only on a terminal)
and notes go to standard error. Piped output has no colour codes. Foreign text (file names, metadata, model
output) is stripped of control and invisible characters, and escaped for the form it is printed in.

`--json` prints one flat JSON object a line, in ASCII with escapes:

- `detect`: [schema/detection.schema.json](schema/detection.schema.json)
- `examine`: [schema/examination.schema.json](schema/examination.schema.json), which adds description,
  evidence, limits, next steps, credentials and conflict
- an image that could not be examined: [schema/error.schema.json](schema/error.schema.json),
  `{"path": ..., "error": {"code", "message", "hint"}}`, in its place among the results
- `ask`: `{"path", "sha256", "question", "answer", "model", "model_revision"}`

`label` is null when the verdict is inconclusive, and `reason` says why. `p_fake` is a calibrated estimate,
not proof.
"""


def cli_page() -> str:
    """The page about the commands, in Markdown."""
    root = get_command(app)
    parts = [HEAD, *_command(root, "fakescope", 2), "## Exit codes\n", "| code | meaning |", "|--:|---|"]
    parts += [f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items()]
    return "\n".join(parts) + "\n" + TAIL


def schema_files() -> dict[str, str]:
    """File name and text of every published schema."""
    return {
        f"{name}.schema.json": json.dumps(schema_of(line, name), indent=2) + "\n"
        for name, line in SCHEMAS.items()
    }


def _command(command: Any, name: str, level: int) -> Iterator[str]:
    yield f"{'#' * level} `{name}`\n"
    yield inspect.cleandoc(command.help or "") + "\n"
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    subcommands = dict(getattr(command, "commands", {}))
    usage = [name, *(["[OPTIONS]"] if options else []), *(p.metavar or p.name.upper() for p in arguments)]
    yield f"```\n{' '.join(usage + (['COMMAND ...'] if subcommands else []))}\n```\n"
    if arguments or options:
        yield "| | |\n|---|---|"
        yield from (f"| `{p.metavar or p.name.upper()}` | {p.help} |" for p in arguments)
        yield from (_option(p) for p in options)
        yield ""
    for sub, child in subcommands.items():
        yield from _command(child, f"{name} {sub}", 3)


def _option(option: Any) -> str:
    value = "" if option.is_flag else f" {option.metavar or 'VALUE'}"
    default = f" Default: {option.default}." if isinstance(option.default, str | int) and value else ""
    names = ", ".join(f"`{name}{value}`".replace("|", r"\|") for name in option.opts)
    return f"| {names} | {option.help}{default} |"


def main(folder: str) -> None:
    """Write the page and the schemas under `folder`."""
    target = Path(folder)
    (target / "schema").mkdir(parents=True, exist_ok=True)
    (target / "cli.md").write_text(cli_page(), encoding="utf-8")
    for name, text in schema_files().items():
        (target / "schema" / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
