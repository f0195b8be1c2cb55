"""Importing the package is instant: nothing heavy is loaded until it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("numpy", "onnxruntime", "torch", "PIL", "tiktoken", "pydantic", "jinja2", "c2pa", "yaml", "rich")


def loaded_by(code: str) -> list[str]:
    """Which heavy packages are loaded after `code` has run in a new process."""
    code += f"\nimport sys\nprint('loaded:', *[n for n in {HEAVY!r} if n in sys.modules], file=sys.stderr)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("loaded:")
    return last.split()[1:]


def test_the_package_loads_nothing_heavy():
    assert loaded_by("import fakescope; fakescope.__version__; fakescope.__all__") == []


def test_the_commands_themselves_load_no_records():
    # Typer looks at pydantic when it runs a command; what is ours does not need it for help.
    assert loaded_by("import fakescope.cli.main") == []


@pytest.mark.parametrize(
    "command",
    [
        "",
        "examine",
        "detect",
        "ask",
        "models",
        "bench",
        "data audit",
        "chain",
        "chain collect",
        "chain enlighten",
        "instruct export",
        "train run",
        "train plan",
        "train pairs",
        "serve",
        "calibrate",
        "export",
    ],
)
def test_help_loads_nothing_heavy(command):
    code = (
        "import sys, contextlib\n"
        f"sys.argv = ['fakescope', *{command.split()!r}, '--help']\n"
        "from fakescope.cli.main import main\n"
        "with contextlib.suppress(SystemExit): main()"
    )
    assert not {"numpy", "onnxruntime", "torch", "PIL", "tiktoken"} & set(loaded_by(code))


def test_the_public_functions_are_there():
    import fakescope

    for name in fakescope.__all__:
        assert getattr(fakescope, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = fakescope.nothing


def test_an_examination_needs_no_torch():
    assert not {"torch"} & set(loaded_by("import fakescope; fakescope.examine; fakescope.load_model"))
