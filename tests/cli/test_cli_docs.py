"""The published pages are what the commands and records say."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakescope.cli.docs import cli_page, schema_files
from fakescope.cli.exits import MEANINGS, Exit

DOCS = Path(__file__).parents[2] / "docs"
REMEDY = "run `python -m fakescope.cli.docs docs`"


def test_the_page_about_the_commands_is_current():
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == cli_page(), REMEDY


@pytest.mark.parametrize("name", sorted(schema_files()))
def test_the_schemas_are_current(name):
    assert (DOCS / "schema" / name).read_text(encoding="utf-8") == schema_files()[name], REMEDY


def test_every_exit_code_has_its_meaning():
    assert set(MEANINGS) == set(Exit)
