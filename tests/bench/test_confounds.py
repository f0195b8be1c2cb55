"""The metadata probe: it finds a planted confound, and chance where there is none."""

import numpy as np
import pytest

from fakescope.bench.aligned import QUALITIES, align, drawn_quality
from fakescope.bench.confounds import bench_confounds, features_of
from fakescope.bench.data import load_samples
from fakescope.errors import DataError


def test_fed_features_are_constant_but_for_the_drawn_quality(folder):
    samples = load_samples(folder)
    rows = np.array([features_of(s)["fed, without bytes"] for s in samples])
    assert (rows[:, :3].std(axis=0) == 0).all()
    assert rows[:, 3].std() > 0
    assert set(features_of(samples[0])) == {
        "original", "stored", "levelled", "fed, without bytes", "fed, with bytes",
    }  # fmt: skip


def test_the_quality_is_drawn_from_the_id_alone():
    drawn = [drawn_quality(f"image{i}") for i in range(500)]
    assert min(drawn) == QUALITIES[0]
    assert max(drawn) == QUALITIES[1]
    assert drawn_quality("image3") == drawn[3]
    assert drawn_quality("image3", seed=1) != drawn[3]


def test_alignment_makes_one_shape(folder):
    sample = load_samples(folder)[5]
    aligned = align(sample.path, sample.id)
    assert aligned.pixels.shape == (224, 224, 3)
    assert aligned.jpeg.startswith(b"\xff\xd8")
    np.testing.assert_array_equal(align(sample.path, sample.id).pixels, aligned.pixels)


@pytest.mark.slow
def test_a_planted_confound_is_found_and_gone_after_alignment(tmp_path, make_folder):
    folder = make_folder(tmp_path / "data", per_class=60)
    report = bench_confounds(folder, draws=200)
    found = {(r["stage"], r["probe"], r["folds"]): r for r in report.figures["stages"]}
    assert found["original", "logistic", "by image"]["auroc"] > 0.99  # PNG against JPEG
    for probe in ("logistic", "boosting"):
        fed = found["fed, without bytes", probe, "by image"]
        assert 0.3 < fed["auroc"] < 0.7
        assert fed["low"] < fed["high"]


def test_too_few_images_are_refused(tmp_path, make_folder):
    with pytest.raises(DataError, match="10 readable images"):
        bench_confounds(make_folder(tmp_path / "data", per_class=3))
