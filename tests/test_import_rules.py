"""The import directions of the architecture, read off the syntax trees. Lazy imports count too."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "fakescope"

LEVELS: tuple[frozenset[str], ...] = tuple(
    frozenset(names.split())
    for names in (
        "records taxonomy errors config files",
        "images prompts servers",
        "models",
        "verdict",
        "explain",
        "report",
        "chain",
        "instruct",
        "scan bench train",
        "cli web",
    )
)
"""Lowest first. A room may import itself, rooms of its own level and rooms below; the root package is
anyone's."""

LEVEL_OF = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}

TRAINING_ONLY = {"torch", "torchvision", "transformers", "peft", "trl", "accelerate", "deepspeed"}
TRAINING_HOMES = ("models/hf.py", "models/hf/", "models/mplug_owl2/", "train/", "instruct/check/small_lm.py")


def imported(tree: ast.AST, module: str, is_package: bool) -> Iterator[tuple[str, int]]:
    """Every module that a syntax tree imports, at whatever depth, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")[: len(module.split(".")) - node.level + is_package]
                base = ".".join([*above, *([base] if base else [])])
            for alias in node.names:
                yield f"{base}.{alias.name}", node.lineno
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                yield node.args[0].value, node.lineno


def faults_of(path: str, source: str) -> list[str]:
    """What is wrong with the imports of one file; `path` is relative to the package."""
    parts = path.removesuffix(".py").split("/")
    is_package = parts[-1] == "__init__"
    module = ".".join(["fakescope", *parts[: len(parts) - is_package]])
    room = parts[0]
    faults = []
    for name, line in imported(ast.parse(source), module, is_package):
        top, _, rest = name.partition(".")
        if top in TRAINING_ONLY and not path.startswith(TRAINING_HOMES):
            faults.append(f"{path}:{line} imports {top}")
        other = rest.partition(".")[0]
        if top == "fakescope" and other in LEVEL_OF and LEVEL_OF[other] > LEVEL_OF.get(room, len(LEVELS)):
            faults.append(f"{path}:{line} imports fakescope.{other}, which is above {room}")
    return faults


FILES = sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES)
def test_imports_point_downwards_and_torch_stays_at_home(path):
    assert faults_of(path, (PACKAGE / path).read_text(encoding="utf-8")) == []


def test_every_room_has_a_level():
    rooms = {path.split("/")[0].removesuffix(".py") for path in FILES} - {"__init__", "__main__"}
    assert rooms <= set(LEVEL_OF), "give new rooms a level in LEVELS"


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("verdict/a.py", "from fakescope.explain import ask"),
        ("verdict/a.py", "from fakescope import explain"),
        ("verdict/a.py", "def f():\n    import fakescope.report.build"),
        ("verdict/sub/a.py", "from ...explain import ask"),
        ("verdict/__init__.py", "from ..explain import ask"),
        ("verdict/a.py", "import importlib\nimportlib.import_module('fakescope.cli')"),
        ("records.py", "from fakescope.models.base import Logits"),
        ("bench/a.py", "def f():\n    import torch.nn"),
        ("models/nano.py", "from transformers import AutoModel"),
    ],
)
def test_the_checker_sees(path, source):
    assert len(faults_of(path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("verdict/a.py", "from fakescope.models.base import Logits\nfrom .labels import x"),
        ("bench/a.py", "from fakescope.train import baselines"),
        ("train/a.py", "import torch"),
        ("models/hf.py", "import transformers"),
        ("cli/a.py", "from fakescope import __version__"),
    ],
)
def test_the_checker_lets_pass(path, source):
    assert faults_of(path, source) == []
