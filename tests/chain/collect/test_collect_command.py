"""`chain collect` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from fakescope.chain.store import open_store
from fakescope.cli.chain_collect import collect
from fakescope.cli.exits import Exit
from made_repositories import picture


@pytest.fixture
def command(tmp_path: Path):
    app = typer.Typer()
    app.command()(collect)

    def call(*arguments: object):
        return CliRunner().invoke(app, [str(tmp_path / "chain"), *map(str, arguments)])

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "pictures"
    made.mkdir()
    for number in range(3):
        (made / f"{number}.png").write_bytes(picture(number, grain=24))
    return made


def test_a_folder_with_its_facts(command, folder, tmp_path):
    ended = command(
        folder, "--label", "fake", "--generator", "midjourney-6", "--licence", "CC BY 4.0", "--hold-out", "midjourney-6"
    )  # fmt: skip
    assert ended.exit_code == Exit.OK, ended.output
    with open_store(tmp_path / "chain") as store:
        assert {(ref.split, ref.generator, ref.licence) for ref in store.images()} == {
            ("test", "midjourney-6", "CC BY 4.0")
        }


def test_json_and_exit_code_tell_of_faults(command, folder):
    (folder / "evil\n\x1b[31m.png").write_bytes(b"x")
    ended = command(folder, "--label", "real", "--json")
    assert ended.exit_code == Exit.SOME_FAILED
    value = json.loads(ended.stdout)
    assert value["faults"] == {"broken": 1}
    assert value["settled"]["added"] == 3
    plain = command(folder, "--label", "real")
    assert plain.exit_code == Exit.SOME_FAILED
    assert "evil .png" in plain.output.replace("[31m", "")
    assert "\x1b" not in plain.output


def test_nothing_to_collect(command, tmp_path):
    (tmp_path / "empty").mkdir()
    assert command(tmp_path / "empty", "--label", "real").exit_code == Exit.NOTHING


@pytest.mark.parametrize(
    "options",
    [
        ["--label", "maybe"],
        ["--label", "real", "--generator", "sdxl"],
        ["--column", "label"],
        ["--column", "colour=x"],
        ["--label-map", "1=maybe"],
        ["--near", "away"],
        ["--near-bits", "40"],
        ["--dev", "2"],
    ],
)
def test_wrong_options_are_usage_errors(command, folder, options):
    assert command(folder, *options).exit_code == Exit.USAGE
