from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fakescope.images.blocks import find_grid
from fakescope.images.load import load_image
from fakescope.images.perturb import apply
from fakescope.images.spectra import log_power_spectrum, make_pictures, noise_residual


@pytest.fixture(scope="module")
def scene() -> Image.Image:
    """Smooth shapes with fine grain, never compressed."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:400, 0:520]
    base = 110 + 60 * np.sin(x / 61) * np.cos(y / 47)
    grain = rng.normal(0, 1.0, (400, 520, 3))
    return Image.fromarray(np.clip(base[..., None] + grain, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("size", [(1, 1), (2, 900), (7, 7), (33, 20), (520, 400), (2000, 600)])
def test_any_size_gives_pictures_that_fit(scene: Image.Image, size: tuple[int, int]) -> None:
    for picture in make_pictures(scene.resize(size)):
        assert picture.image.mode == "RGB"
        assert 1 <= max(picture.image.size) <= 512
        assert "Not proof" in picture.caption


def test_names_are_settled(scene: Image.Image) -> None:
    assert [picture.name for picture in make_pictures(scene)] == ["spectrum", "noise", "ela", "jpeg_grid"]


def test_pictures_are_deterministic_and_of_good_contrast(scene: Image.Image) -> None:
    for first, second in zip(
        make_pictures(apply(scene, "jpeg:60")), make_pictures(apply(scene, "jpeg:60")), strict=True
    ):
        assert first.image.tobytes() == second.image.tobytes()
        assert np.asarray(first.image.convert("L")).std() > 8, first.name


def test_grid_is_found_where_it_is(scene: Image.Image) -> None:
    compressed = apply(scene, "jpeg:50")
    for left, top in ((0, 0), (3, 5), (7, 1)):
        grid = find_grid(compressed.crop((left, top, 400 + left, 320 + top)))
        assert (grid.x_px, grid.y_px) == (-left % 8, -top % 8)
        assert grid.is_visible
    assert not find_grid(scene).is_visible


def test_grid_on_real_images(real_images: list[str]) -> None:
    found = [find_grid(apply(load_image(path).pixels, "resize:0.75+jpeg:60")) for path in real_images]
    right = [(grid.x_px, grid.y_px) == (0, 0) for grid in found]
    assert np.mean(right) > 0.9
    assert all(ok for ok, grid in zip(right, found, strict=True) if grid.is_visible)
    clean = [find_grid(apply(load_image(path).pixels, "resize:0.75")) for path in real_images]
    assert sum(grid.is_visible for grid in clean) <= 1


def test_a_periodic_pattern_shows_as_dots() -> None:
    y, x = np.mgrid[0:512, 0:512]
    stripes = Image.fromarray((128 + 40 * np.sin(2 * np.pi * x / 4)).astype(np.uint8)).convert("RGB")
    level = np.asarray(log_power_spectrum(stripes).convert("L"), np.float32)
    middle = level.shape[0] // 2
    # A quarter of the sampling rate lies half way between the middle and the rim, on both sides.
    assert level[middle, middle // 2] > level.mean() + 2 * level.std()
    assert level[middle, middle + middle // 2] > level.mean() + 2 * level.std()
    assert y.shape == (512, 512)


def test_noise_residual_is_even_grey_without_noise() -> None:
    flat = np.asarray(noise_residual(Image.new("RGB", (64, 64), (90, 90, 90))))
    assert flat.min() == flat.max() == 128
