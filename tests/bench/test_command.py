"""The command line of `fakescope bench`, with a scripted model in place of the embedded one."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from fakescope.cli.bench import app


@pytest.fixture
def scripted(model, monkeypatch):
    monkeypatch.setattr("fakescope.models.zoo.load_model", lambda name=None: model)
    return model


def test_detect_writes_and_prints(scripted, folder, tmp_path):
    out = tmp_path / "results"
    result = CliRunner().invoke(
        app, ["detect", "--data", str(folder), "--split", "test", "--perturb", "jpeg:70", "--draws", "20",
              "--out", str(out)],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "AUROC" in result.output
    assert set(json.loads((out / "detect.json").read_text())["splits"]) == {"test"}
    assert (out / "detect.md").read_text().startswith("## Detection")


def test_faulty_data_is_a_clear_error(scripted, tmp_path):
    result = CliRunner().invoke(app, ["detect", "--data", str(tmp_path)])
    assert result.exit_code != 0
    assert "neither labels.csv nor manifest.csv" in str(result.exception)


@pytest.mark.parametrize(
    "module", ["fakescope.cli.bench", "fakescope.bench.detect", "fakescope.bench.baselines"]
)
def test_importing_stays_light(module):
    """Help must be instant, and the benches of finished models need neither torch nor scikit-learn at
    import."""
    code = (
        f"import sys, {module}; print([m for m in ('torch', 'sklearn', 'transformers') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
