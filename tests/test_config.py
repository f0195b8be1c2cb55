"""Configuration files: what fits is built, and what does not is said, all of it at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest

from fakescope.config import load_config, parse_config
from fakescope.errors import ConfigError

CONFIGS = Path(__file__).parents[1] / "configs"


@dataclass(frozen=True)
class Inner:
    rate: float
    steps: int = 3


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner
    layers: tuple[int, ...] = ()
    names: list[str] = field(default_factory=list)
    quota: dict[str, int] = field(default_factory=dict)
    stages: tuple[Inner, ...] = ()
    folder: Path | None = None
    deep: bool = False


WHOLE = {
    "name": "n",
    "inner": {"rate": 1},
    "layers": [0, 5],
    "names": ["a"],
    "quota": {"x": 2},
    "stages": [{"rate": 0.5, "steps": 1}],
    "folder": "some/where",
    "deep": True,
}


def faults(values: object) -> str:
    with pytest.raises(ConfigError) as raised:
        parse_config(values, Outer, "test.yaml")
    return str(raised.value)


def test_everything_that_fits():
    assert parse_config(WHOLE, Outer) == Outer(
        "n", Inner(1.0), (0, 5), ["a"], {"x": 2}, (Inner(0.5, 1),), Path("some/where"), True
    )


def test_defaults_fill_what_is_absent():
    assert parse_config({"name": "n", "inner": {"rate": 0.1}}, Outer) == Outer("n", Inner(0.1))


def test_a_whole_number_is_a_float_where_one_is_wanted():
    rate = parse_config({"rate": 2}, Inner).rate
    assert (rate, type(rate)) == (2.0, float)


def test_null_where_it_is_allowed():
    assert parse_config({**WHOLE, "folder": None}, Outer).folder is None


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"surprise": 1}, "surprise is not a known key (known: name, inner,"),
        ({7: 1}, "7 is not a known key"),
        ({"inner": {"rate": 1, "stepz": 2}}, "inner.stepz is not a known key"),
        ({"inner": {}}, "inner.rate is missing"),
        ({"inner": [1]}, "inner must be a mapping"),
        ({"name": 3}, "name must be str, not 3"),
        ({"name": None}, "name must be str, not None"),
        ({"inner": {"rate": "6e-4"}}, "inner.rate must be float, not '6e-4'"),
        ({"inner": {"rate": True}}, "inner.rate must be float, not True"),
        ({"inner": {"rate": 1, "steps": 2.0}}, "inner.steps must be int, not 2.0"),
        ({"inner": {"rate": 1, "steps": True}}, "inner.steps must be int, not True"),
        ({"deep": 1}, "deep must be bool, not 1"),
        ({"layers": 3}, "layers must be a list"),
        ({"layers": "01"}, "layers must be a list"),
        ({"layers": [0, "x"]}, "layers[1] must be int, not 'x'"),
        ({"quota": [1]}, "quota must be a mapping"),
        ({"quota": {"x": "many"}}, "quota.x must be int, not 'many'"),
        ({"stages": [{"rate": 1}, {}]}, "stages[1].rate is missing"),
        ({"folder": 3}, "folder must be Path, not 3"),
    ],
)
def test_each_fault_is_named_by_its_place(change, fault):
    said = faults({**WHOLE, **change})
    assert fault in said
    assert "test.yaml has 1 fault(s)" in said


def test_all_faults_are_said_at_once():
    said = faults({"inner": {"rate": "fast", "x": 1}, "layers": ["a"], "other": 1, "deep": "yes"})
    assert "has 6 fault(s)" in said
    for fault in ("name is missing", "inner.rate", "inner.x", "layers[0]", "other is not", "deep must"):
        assert fault in said


def test_the_order_of_the_faults_is_that_of_the_file():
    values = {**WHOLE, **dict.fromkeys(("zeta", "alpha", "mu", "beta"), 1)}
    said = faults(values)
    assert said.index("zeta") < said.index("alpha") < said.index("mu") < said.index("beta")


@pytest.mark.parametrize("values", [None, [], 3, "text"])
def test_a_file_that_is_no_mapping(values):
    assert "the file must be a mapping" in faults(values)


@pytest.mark.parametrize(
    "content", [b"", b"- 1", b"name: [", b"\xff\xfe\x00", b"!!python/object/apply:os.getcwd []", b"a: 1\nb"]
)
def test_a_file_that_cannot_be_used(tmp_path, content):
    path = tmp_path / "test.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"test\.yaml"):
        load_config(path, Outer)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "nothing.yaml", Outer)


def test_a_file_is_read(tmp_path):
    path = tmp_path / "test.yaml"
    path.write_text("rate: 6.0e-4  # with a reason\nsteps: 2\n")
    assert load_config(path, Inner) == Inner(0.0006, 2)


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.yaml")), ids=lambda path: path.name)
def test_every_configuration_that_ships_loads(path):
    if any(find_spec(name) is None for name in ("torch", "onnx", "gguf", "safetensors")):
        pytest.skip("training packages are not installed")
    from fakescope.train.lmm.recipe import load_recipe
    from fakescope.train.nano import NanoConfig

    if path.parent.name == "lmm":
        assert load_recipe(path).stage in path.stem
        return
    if path.parent.name == "accelerate":  # read by that library, see tests/train/lmm/test_accelerate.py
        return
    assert path.parent.name == "train", "say here which dataclass reads it"
    config = load_config(path, NanoConfig)
    assert config.align.name != config.tune.name
    assert config.held_out_sources
