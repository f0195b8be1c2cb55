"""Processes, scratch images, decoding rate; and the two baselines on a handful of images."""

import sys

import numpy as np
import pytest
from PIL import Image

from fakescope.bench.data import load_samples
from fakescope.bench.process import measure, median_wall_s
from fakescope.bench.speed import decode_rate, squares
from fakescope.errors import DataError, FakescopeError
from fakescope.images.load import load_image


def test_a_process_is_measured():
    usage = measure([sys.executable, "-c", "x = bytearray(80_000_000); print(len(x))"])
    assert usage.stdout.strip() == "80000000"
    assert 0 < usage.wall_s < 60
    assert usage.peak_bytes is None or usage.peak_bytes > 80_000_000


def test_a_small_process_is_not_charged_for_a_larger_sibling():
    large = measure([sys.executable, "-c", "bytearray(200_000_000)"])
    small = measure([sys.executable, "-c", "pass"])
    if large.peak_bytes and small.peak_bytes:
        assert small.peak_bytes < large.peak_bytes - 100_000_000


def test_a_failing_process_is_one_clear_error():
    with pytest.raises(FakescopeError, match=r"code 3.*so it is"):
        measure([sys.executable, "-c", "import sys; print('so it is', file=sys.stderr); sys.exit(3)"])
    assert measure([sys.executable, "-c", "raise SystemExit(3)"], accept=[3]).stdout == ""


def test_median_of_runs():
    assert 0 < median_wall_s([sys.executable, "-c", "pass"], times=3) < 10


def test_squares_are_distinct_jpegs_of_one_size(folder, tmp_path):
    sources = [s.path for s in load_samples(folder)][:3]
    sources[1].write_bytes(b"broken")
    paths = squares(sources, tmp_path / "squares", 64, 12)
    assert len({p.read_bytes() for p in paths}) == 12
    assert {Image.open(p).size for p in paths} == {(64, 64)}
    with pytest.raises(DataError):
        squares([sources[1]], tmp_path / "none", 64, 2)


def test_tokens_are_counted(model, folder):
    got = decode_rate(model, load_image(load_samples(folder)[0].path))
    assert got["tokens"] == 5
    assert got["tokens_per_s"] > 0


@pytest.mark.slow
def test_the_baselines_learn_and_report(folder, tmp_path, make_folder):
    pytest.importorskip("torch")
    pytest.importorskip("efficientnet_lite_pytorch")
    from fakescope.bench.baselines import bench_baselines

    load_samples(folder, ["train"])[0].path.write_bytes(b"broken")
    extra = make_folder(tmp_path / "extra", per_class=6)
    report = bench_baselines(folder, extra=[extra], epochs=1, draws=20)
    figures = report.figures
    assert figures["unread"] == ["real000"]
    assert figures["skipped"] == 4  # the same ids were there already
    assert figures["images"] == {"train": 7, "dev": 8, "test": 8}
    probe = figures["methods"]["logistic probe, frozen"]["splits"]["test"]
    assert probe["auroc"] > 0.8
    assert all(np.isfinite(m["splits"]["test"]["ece"]) for m in figures["methods"].values())
