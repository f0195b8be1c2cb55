"""Runs the command inside the test's process, with a scripted model in place of the embedded one."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from fakes import ScriptedModel
from fakescope.cli.main import main
from fakescope.models import zoo


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ScriptedModel:
    """The model that commands get; a test may change its script."""
    scripted = ScriptedModel()
    monkeypatch.setattr(zoo, "load_model", lambda name=None: scripted)
    monkeypatch.setattr(zoo, "list_models", lambda: [scripted.card])
    monkeypatch.setattr(zoo, "card_text", lambda name: f"# {name}\n\nKnown failures: \x1b[31mall\x1b[0m.\n")
    return scripted


@pytest.fixture
def fakescope(
    model: ScriptedModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """Run `fakescope ARGUMENTS...`, with bytes on standard input if given."""

    def run(*arguments: object, stdin: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "argv", ["fakescope", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Ended(int(ended.value.code or 0), captured.out, captured.err)

    return run
