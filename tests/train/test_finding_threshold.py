"""The threshold of findings: expected F1 without annotations, marks on real images count against it."""

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from fakescope.records import Label  # noqa: E402
from fakescope.train import finding_threshold  # noqa: E402
from fakescope.train.finding_threshold import choose_finding_threshold, expected_f1  # noqa: E402


def test_expected_f1_is_the_f1_where_chances_are_certain():
    marked = np.array([[True, True, False], [False, True, False]])
    truth = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    assert expected_f1(marked, truth, np.ones(2)) == pytest.approx(2 * 2 / (3 + 3))


def test_an_image_that_weighs_nothing_changes_nothing():
    marked = np.array([[True, False], [True, True]])
    chance = np.array([[0.9, 0.2], [0.0, 0.0]])
    alone = expected_f1(marked[:1], chance[:1], np.ones(1))
    assert expected_f1(marked, chance, np.array([1.0, 0.0])) == pytest.approx(alone)


@pytest.fixture
def samples(monkeypatch, tmp_path):
    """Forty fakes, on which a model would call the first five criteria abnormal, and forty real images."""
    if_fake = np.array([[0.9, 0.05, 0.05]] * 5 + [[0.1, 0.85, 0.05]] * 10)
    if_real = np.array([[0.02, 0.93, 0.05]] * 15)
    monkeypatch.setattr(finding_threshold, "load_image", lambda path: path)
    monkeypatch.setattr(finding_threshold, "given_chances", lambda model, image: (if_fake, if_real))
    labels = [Label.FAKE] * 40 + [Label.REAL] * 40
    return [SimpleNamespace(path=tmp_path, label=label) for label in labels]


def test_a_sure_verdict_marks_what_fakes_show_and_spares_real_images(samples):
    p_fake = np.array([0.95] * 40 + [0.05] * 40)
    threshold, report = choose_finding_threshold(None, samples, p_fake, np.ones(80))
    assert 0.05 < threshold < 0.9
    assert report["marks_per_fake"] == 5
    assert report["marks_per_real"] == 0


def test_where_real_images_pass_for_fakes_fewer_are_marked(samples):
    sure = choose_finding_threshold(None, samples, np.array([0.95] * 40 + [0.05] * 40), np.ones(80))
    muddled = np.concatenate([np.linspace(0.3, 0.9, 40), np.linspace(0.1, 0.7, 40)])
    threshold, report = choose_finding_threshold(None, samples, muddled, np.ones(80))
    assert threshold > sure[0]
    assert 0 < report["marks_per_real"] < report["marks_per_fake"] <= 5
