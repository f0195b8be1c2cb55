"""Fakes made from real images: pairs of one size and one quality that differ in the process alone."""

import csv

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from fakescope.bench.data import load_samples  # noqa: E402
from fakescope.errors import MissingExtraError  # noqa: E402
from fakescope.records import ImageRef, Label  # noqa: E402
from fakescope.train import aligned_fakes  # noqa: E402
from fakescope.train.aligned_fakes import choose_reals, make_aligned, make_pair  # noqa: E402


def doubled(pixels: Image.Image) -> Image.Image:
    """A "network": twice the size, and inverted."""
    larger = pixels.resize((pixels.width * 2, pixels.height * 2), Image.Resampling.NEAREST)
    return Image.eval(larger, lambda value: 255 - value)


@pytest.fixture
def refs(tmp_path):
    rng = np.random.default_rng(0)
    made = []
    for n in range(6):
        path = tmp_path / f"real{n}.png"
        Image.fromarray(rng.integers(0, 255, (60 + 10 * n, 90, 3), np.uint8)).save(path)
        made.append(
            ImageRef(id=f"real{n}", path=str(path), label=Label.REAL, split="train", source=f"s{n % 2}")
        )
    return made


def test_a_pair_has_one_size_and_shows_one_picture():
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 255, (120, 200, 3), np.uint8))
    fake, real = make_pair(picture, 2, lambda small: small.resize((small.width * 2, small.height * 2)))
    assert fake.size == real.size
    assert max(fake.size) == aligned_fakes.SIDE_PX
    assert np.abs(np.asarray(fake, float) - np.asarray(real, float)).mean() < 2


def test_the_written_folder_is_a_data_folder(refs, tmp_path, monkeypatch):
    monkeypatch.setattr(aligned_fakes, "remakers", lambda threads: {"doubled": (2, doubled)})
    broken = refs[0].model_copy(update={"id": "gone", "path": str(tmp_path / "gone.png")})
    out = tmp_path / "out"
    assert make_aligned([*refs, broken], out, threads=1, seed=0) == 1
    samples = load_samples(out, ["train"])
    assert len(samples) == 12
    assert sum(s.label is Label.FAKE for s in samples) == 6
    with (out / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for fake, real in zip(rows[::2], rows[1::2], strict=True):
        assert fake["path"] == real["path"]
        assert (fake["generator"], real["generator"]) == ("aligned:doubled", "")
        pictures = [Image.open(out / "images" / f"{row['id']}.jpg") for row in (fake, real)]
        assert pictures[0].size == pictures[1].size
        assert pictures[0].quantization == pictures[1].quantization


def test_only_real_training_images_are_taken(refs):
    other = [
        refs[0].model_copy(update={"id": "t", "split": "test"}),
        refs[0].model_copy(update={"id": "f", "label": Label.FAKE, "generator": "g"}),
    ]
    chosen = choose_reals([*refs, *other], 100, seed=0)
    assert {r.id for r in chosen} == {r.id for r in refs}
    assert len(choose_reals([*refs, *other], 2, seed=0)) == 2


def test_a_missing_package_of_weights_is_named(monkeypatch):
    with pytest.raises(MissingExtraError, match="aligned"):
        aligned_fakes._weights("no-such-package-of-weights", "a.bin")
