"""No augmentation can tell the label: neither the shape of an image nor its size decides what comes out."""

from __future__ import annotations

import inspect
from random import Random

import numpy as np
import pytest
from PIL import Image

from fakescope.train.augment import HARD, KINDS, PLAIN, WHOLE, augment


def picture(width: int, height: int) -> Image.Image:
    return Image.radial_gradient("L").resize((width, height)).convert("RGB")


def aspect(image: Image.Image) -> float:
    return float(np.log2(image.width / image.height))


@pytest.mark.parametrize("kind", [PLAIN, HARD])
def test_the_shape_of_the_crop_does_not_depend_on_the_shape_of_the_image(kind):
    for seed in range(12):
        shapes = [
            aspect(augment(picture(*size), kind, Random(seed)))
            for size in ((600, 600), (900, 500), (420, 700))
        ]
        assert max(shapes) - min(shapes) < 0.03


def test_shapes_are_drawn_from_the_whole_range():
    shapes = [aspect(augment(picture(300, 300), PLAIN, Random(seed))) for seed in range(60)]
    assert min(shapes) < -0.6
    assert max(shapes) > 0.6
    assert abs(float(np.mean(shapes))) < 0.25


def test_whole_keeps_the_frame():
    for seed in range(4):
        assert augment(picture(120, 70), WHOLE, Random(seed)).size == (120, 70)


def test_nothing_but_pixels_kind_and_chance_goes_in():
    assert list(inspect.signature(augment).parameters) == ["pixels", "kind", "rng"]


@pytest.mark.parametrize("kind", KINDS)
def test_same_chance_same_variant(kind):
    one, two, other = (np.asarray(augment(picture(90, 80), kind, Random(seed))) for seed in (3, 3, 4))
    assert np.array_equal(one, two)
    assert one.shape != other.shape or not np.array_equal(one, other)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (1, 400), (700, 3), (31, 33)])
def test_tiny_and_narrow_images_pass(kind, size):
    for seed in range(6):
        assert augment(picture(*size), kind, Random(seed)).mode == "RGB"


def test_an_image_too_long_for_webp_passes():
    long = Image.new("RGB", (17_000, 8))
    assert {augment(long, WHOLE, Random(seed)).size for seed in range(8)} == {(17_000, 8)}
