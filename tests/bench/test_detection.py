"""From labelled images to figures and tables, with a scripted model."""

import json

import numpy as np
import pytest

from fakescope.bench.data import load_samples
from fakescope.bench.detect import bench_detect, thinned
from fakescope.bench.detection import Scores, by_generator, by_source, detection_figures, scores_of
from fakescope.bench.scoring import read_sample, score_samples
from fakescope.bench.tables import Table
from fakescope.errors import ConfigError, DataError
from fakescope.images.perturb import parse_perturbation


def test_every_image_gets_its_verdict_in_order(model, folder):
    samples = load_samples(folder)
    done = []
    scored = score_samples(model, samples, batch=7, on_done=done.append)
    assert [s.sample for s in scored] == samples
    assert sum(done) == len(samples)
    assert model.batches == [7, 7, 7, 3]
    one_by_one = score_samples(model, samples, batch=1)
    assert [s.verdict for s in one_by_one] == [s.verdict for s in scored]


def test_broken_and_refused_images_are_named_and_nothing_else_is_lost(model, folder):
    samples = load_samples(folder, ["test"])
    samples[1].path.write_bytes(b"not an image")
    samples[2].path.unlink()
    model.refuse = {samples[3].id}
    scored = score_samples(model, samples)
    assert [s.verdict is None for s in scored] == [False, True, True, True] + [False] * 4
    assert all(s.error for s in scored[1:4])
    assert scores_of(scored).unread == 3


def test_no_readable_image_is_an_error(model, folder):
    samples = load_samples(folder, ["test"])
    for sample in samples:
        sample.path.unlink()
    with pytest.raises(DataError, match="Not one of 8"):
        scores_of(score_samples(model, samples))


def test_an_unknown_perturbation_is_refused(model, folder):
    with pytest.raises(ConfigError):
        score_samples(model, load_samples(folder), "melt:3")


def test_a_perturbed_image_cannot_pass_for_the_original(folder):
    sample = load_samples(folder)[0]
    clean, small = read_sample(sample), read_sample(sample, parse_perturbation("resize:0.5"))
    assert small.width_px == small.pixels.width == clean.width_px // 2
    assert small.sha256 != clean.sha256
    assert small.data == b""
    again = read_sample(sample, parse_perturbation("noise:20"))
    twin = read_sample(sample, parse_perturbation("noise:20"))
    assert again.sha256 == twin.sha256
    np.testing.assert_array_equal(np.asarray(again.pixels), np.asarray(twin.pixels))


def scores(p, target, abstained=None, source=None, generator=None):
    p = np.array(p, float)
    n = len(p)
    return Scores(
        p, np.array(target, float), p >= 0.5, np.array(abstained or [False] * n, bool),
        source or ["s"] * n, generator or [""] * n,
    )  # fmt: skip


def test_figures_by_hand():
    got = detection_figures(scores([0.9, 0.6, 0.55, 0.1], [1, 1, 0, 0], [False, False, True, False]), draws=0)
    assert got["auroc"] == 1.0
    assert got["balanced_accuracy"] == 0.75
    assert (got["accuracy_real"], got["accuracy_fake"]) == (0.5, 1.0)
    assert got["abstained"] == 0.25
    assert got["accuracy_of_rest"] == got["balanced_accuracy_of_rest"] == 1.0
    assert got["auroc_interval"] is None


def test_one_class_leaves_figures_unscored_and_says_so():
    got = detection_figures(scores([0.9, 0.2], [1, 1]))
    assert got["auroc"] is None
    assert got["balanced_accuracy"] is None
    assert got["auroc_interval"] is None
    assert got["accuracy_fake"] == 0.5
    table = Table("t", ["a", "b"])
    table.add("x", got["auroc"])
    assert "unscored" in table.markdown()


def test_everything_abstained_leaves_no_rest():
    got = detection_figures(scores([0.5, 0.5], [0, 1], [True, True]), draws=0)
    assert got["abstained"] == 1.0
    assert got["accuracy_of_rest"] is None


def test_groups_come_worst_first():
    s = scores(
        [0.9, 0.8, 0.1, 0.7, 0.2, 0.1],
        [1, 1, 1, 0, 0, 0],
        source=["a", "a", "b", "c", "d", "d"],
        generator=["g1", "g1", "g2", "", "", ""],
    )
    rows = by_generator(s)
    assert [(r["group"], r["accuracy"]) for r in rows] == [("g2", 0.0), ("g1", 1.0)]
    assert rows[1]["auroc_against_all_real"] == 1.0
    assert [r["group"] for r in by_source(s)] == ["b", "c", "a", "d"]


def test_the_report(model, folder, tmp_path):
    report = bench_detect(model, folder, perturbations=["jpeg:70", "resize:0.5"], draws=50)
    as_json, as_markdown = report.write(tmp_path / "out")
    figures = json.loads(as_json.read_text())
    assert set(figures["splits"]) == {"dev", "test"}
    test = figures["splits"]["test"]
    assert set(test["perturbations"]) == {"none", "jpeg:70", "resize:0.5"}
    assert test["perturbations"]["none"]["auroc"] > 0.8
    assert test["perturbations"]["none"]["auroc_lost"] == 0
    assert abs(test["perturbations"]["jpeg:70"]["auroc_lost"]) < 0.1
    assert figures["model"]["name"] == "scripted"
    text = as_markdown.read_text()
    assert "### test: fakes by generator, worst first" in text
    assert str(folder) not in as_json.read_text()


def test_thinning_is_even_and_complete():
    assert thinned(list(range(10)), 3) == [0, 3, 6]
    assert thinned(list(range(3)), 5) == [0, 1, 2]


def test_markdown_cells_are_escaped_and_rows_checked():
    table = Table("t", ["a"])
    table.add("x|y")
    assert "x\\|y" in table.markdown()
    with pytest.raises(ValueError, match="2 cells"):
        table.add(1, 2)
