"""Features are computed once, and a broken image costs itself alone."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_nano import write_stub_encoder

from fakes import make_jpeg
from fakescope.errors import DataError
from fakescope.records import ImageRef, Label
from fakescope.train import features
from fakescope.train.features import CLEAN, FeatureStore, ViewKey, encode_views, plan_views

KINDS = [("plain", 0), (CLEAN, 0)]


class Killed(BaseException):
    """The run ends here."""


@pytest.fixture
def encoder(tmp_path):
    return write_stub_encoder(tmp_path / "encoder.onnx")


@pytest.fixture
def images(tmp_path):
    return [
        ImageRef(id=f"i{n}", path=str(make_jpeg(tmp_path / f"i{n}.jpg", seed=n)), label=Label.FAKE)
        for n in range(5)
    ]


@pytest.fixture
def loaded(monkeypatch):
    """Paths of the images that are opened, in no certain order."""
    opened: list[str] = []
    real = features.load_image

    def counting(path):
        opened.append(path)
        return real(path)

    monkeypatch.setattr(features, "load_image", counting)
    return opened


def encode(images, encoder, store, **options):
    return encode_views(list(plan_views(images, KINDS)), encoder, store, shard_size=3, **options)


def test_every_view_is_there_with_its_key(tmp_path, images, encoder):
    store = FeatureStore(tmp_path / "store")
    assert encode(images, encoder, store) == 0
    keys, grid, stats = store.load()
    assert keys == [ViewKey(ref.id, kind, index) for kind, index in KINDS for ref in images]
    assert (grid.shape, grid.dtype) == ((10, 49, 768), np.float16)
    assert (stats.shape, stats.dtype) == ((10, 12, 384), np.float16)
    assert len({row.tobytes() for row in stats}) == 10


def test_nothing_is_computed_twice(tmp_path, images, encoder, loaded):
    store = FeatureStore(tmp_path / "store")
    encode(images[:3], encoder, store)
    assert len(loaded) == 6
    encode(images, encoder, FeatureStore(tmp_path / "store"))
    assert len(loaded) == 10
    encode(images, encoder, store)
    assert len(loaded) == 10
    assert len(store.keys()) == len(set(store.keys())) == 10


def test_a_killed_run_goes_on_to_the_same_features(tmp_path, images, encoder, loaded, monkeypatch):
    straight = FeatureStore(tmp_path / "straight")
    encode(images, encoder, straight)
    loaded.clear()
    store = FeatureStore(tmp_path / "store")
    real, calls = np.savez, 0

    def dying(file, **arrays):
        nonlocal calls
        calls += 1
        if calls == 3:
            file.write(b"half a shard")
            raise Killed
        real(file, **arrays)

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", dying)
        with pytest.raises(Killed):
            encode(images, encoder, store)
    assert len(store.keys()) == 6
    loaded.clear()
    encode(images, encoder, store)
    assert len(loaded) == 4
    for one, two in zip(straight.load(), store.load(), strict=True):
        assert np.array_equal(np.array(one, dtype=object), np.array(two, dtype=object))


def test_a_broken_image_is_passed_over_and_counted_once(tmp_path, images, encoder):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff no image")
    missing = ImageRef(id="missing", path=str(tmp_path / "nowhere.jpg"))
    refs = [images[0], ImageRef(id="broken", path=str(broken)), missing, images[1]]
    store = FeatureStore(tmp_path / "store")
    assert encode(refs, encoder, store) == 2
    assert {key.image_id for key in store.load()[0]} == {"i0", "i1"}


def test_both_labels_pass_the_same_path(tmp_path, images, encoder):
    stores = []
    for label in Label:
        store = FeatureStore(tmp_path / label.value)
        encode([ref.model_copy(update={"label": label}) for ref in images], encoder, store)
        stores.append(store.load())
    assert np.array_equal(stores[0][1], stores[1][1])
    assert np.array_equal(stores[0][2], stores[1][2])


def test_another_seed_gives_other_variants_of_the_same_clean_view(tmp_path, images, encoder):
    stores = [FeatureStore(tmp_path / str(seed)) for seed in (0, 1)]
    for seed, store in enumerate(stores):
        encode(images[:1], encoder, store, seed=seed)
    (_, _, one), (_, _, two) = (store.load() for store in stores)
    assert not np.array_equal(one[0], two[0])
    assert np.array_equal(one[1], two[1])


def test_an_empty_store_says_what_to_run(tmp_path):
    with pytest.raises(DataError, match="holds no features"):
        FeatureStore(tmp_path / "none").load()
