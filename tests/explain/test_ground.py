"""Hiding a region touches nothing else, and what hiding does is measured, not claimed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image
from scripted import RecordingModel

from fakescope.explain.ground import CELLS, hide, llr_without, measure
from fakescope.images.load import load_image
from fakescope.records import Evidence
from fakescope.verdict.labels import candidate_sets

SIZE = (64, 48)


def noise() -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    return Image.fromarray(values)


@pytest.mark.parametrize(
    "region", [(0.25, 0.25, 0.5, 0.75), (0.0, 0.0, 1.0, 1.0), (0.0, 0.5, 0.1, 1.0), (0.9, 0.9, 1.0, 1.0)]
)
def test_only_the_region_changes(region):
    before = noise()
    untouched = before.copy()
    after = np.asarray(hide(before, region)).astype(int)
    changed = (after != np.asarray(before)).any(axis=2)
    x0, y0, x1, y1 = (round(f * s) for f, s in zip(region, SIZE * 2, strict=True))
    inside = np.zeros_like(changed)
    inside[y0:y1, x0:x1] = True
    assert not changed[~inside].any()
    assert changed[inside].mean() > 0.9
    assert after[inside].std() < 0.6 * np.asarray(before)[inside].std()
    assert np.array_equal(np.asarray(before), np.asarray(untouched))


def test_a_region_thinner_than_a_pixel_changes_nothing():
    assert hide(noise(), (0.5, 0.5, 0.5001, 0.6)).tobytes() == noise().tobytes()


def test_no_regions_no_measurement(jpeg):
    model = RecordingModel()
    assert llr_without(model, load_image(jpeg), candidate_sets(model), []).shape == (0,)


def evidence(finding="abnormal", region=None) -> Evidence:
    return Evidence(criterion="edge", finding=finding, observation="Hem.", region=region)


def run(jpeg, model, found, llr=2.0):
    return measure(model, load_image(jpeg), candidate_sets(model), llr, found)


def test_each_named_region_gets_its_own_drop(jpeg):
    shades = iter([0.6, 0.3])
    model = RecordingModel(p_of_picture=lambda picture: next(shades))
    found = [evidence(region=(0, 0, 0.5, 0.5)), evidence("natural"), evidence(region=(0.5, 0.5, 1, 1))]
    one, none, two = run(jpeg, model, found)
    assert one.llr_drop == pytest.approx(2.0 - math.log(0.6 / 0.4), abs=1e-5)
    assert two.llr_drop == pytest.approx(2.0 - math.log(0.3 / 0.7), abs=1e-5)
    assert none == found[1]


def searching(jpeg, cell, hidden, usual):
    """A model moved by one cell alone: `hidden` when it is hidden, `usual` otherwise."""
    count = iter(range(CELLS**2))
    return RecordingModel(p_of_picture=lambda picture: hidden if next(count) == cell else usual)


def test_without_regions_the_most_telling_part_is_found(jpeg):
    usual = 1 / (1 + math.exp(-2.0))
    (found,) = run(jpeg, searching(jpeg, 6, 0.5, usual), [evidence()])
    assert found.region == (0.5, 0.25, 0.75, 0.5)
    assert found.region_from == "occlusion"
    assert found.llr_drop == pytest.approx(2.0, abs=1e-4)


def test_for_a_real_image_the_part_that_speaks_for_real_is_found(jpeg):
    usual = 1 / (1 + math.exp(2.0))
    (found,) = run(jpeg, searching(jpeg, 0, 0.5, usual), [evidence("natural")], llr=-2.0)
    assert found.region == (0.0, 0.0, 0.25, 0.25)
    assert found.llr_drop == pytest.approx(-2.0, abs=1e-4)


def test_a_part_that_hardly_matters_is_not_reported(jpeg):
    usual = 1 / (1 + math.exp(-2.0))
    assert run(jpeg, searching(jpeg, 6, usual, usual), [evidence()]) == [evidence()]


def test_evidence_for_the_other_side_gets_no_sought_region(jpeg):
    assert run(jpeg, RecordingModel(), [evidence("natural")]) == [evidence("natural")]
    assert run(jpeg, RecordingModel(), []) == []
