"""Many images: order kept, faults counted, memory bounded, reading ahead by one batch only."""

from __future__ import annotations

from fakes import ScriptedModel, make_jpeg
from fakescope.errors import ImageError
from fakescope.explain.examine import detect_many
from fakescope.images.load import load_image
from fakescope.scan import pipeline, scan


def test_order_is_kept_and_every_path_has_one_outcome(tmp_path):
    paths = [str(make_jpeg(tmp_path / f"{i}.jpg", seed=i)) for i in range(7)]
    paths.insert(3, str(tmp_path / "missing.jpg"))
    model = ScriptedModel()
    outcomes = list(scan(paths, lambda images: detect_many(images, model), batch_size=3))
    assert [o.path for o in outcomes] == paths
    assert [o.error is None for o in outcomes] == [p != paths[3] for p in paths]
    assert all((o.examination is None) != (o.error is None) for o in outcomes)
    assert all(o.examination.sha256 == o.image.sha256 for o in outcomes if o.examination and o.image)


def test_it_reads_no_more_than_one_batch_ahead(tmp_path):
    path = str(make_jpeg(tmp_path / "a.jpg"))
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield path

    model = ScriptedModel()
    outcomes = scan(endless(), lambda images: detect_many(images, model), batch_size=4)
    for _ in range(10):
        next(outcomes)
    outcomes.close()
    assert taken <= 16


def test_large_images_make_small_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "MAX_BATCH_PIXELS", 10_000)
    paths = [str(make_jpeg(tmp_path / f"{i}.jpg", size=(96, 64))) for i in range(5)]
    model = ScriptedModel()
    assert len(list(scan(paths, lambda images: detect_many(images, model), batch_size=16))) == 5
    assert model.batches == [2, 2, 1]


def test_an_image_that_spoils_a_batch_is_found(tmp_path):
    paths = [str(make_jpeg(tmp_path / f"{i}.jpg")) for i in range(4)]
    model = ScriptedModel()

    def work(images):
        if any(image.path == paths[2] for image in images):
            raise ImageError("too strange")
        return detect_many(images, model)

    outcomes = list(scan(paths, work, batch_size=4))
    assert [o.error is None for o in outcomes] == [True, True, False, True]


def test_another_loader(tmp_path):
    data = make_jpeg(tmp_path / "a.jpg").read_bytes()
    model = ScriptedModel()
    (outcome,) = scan(
        ["x"], lambda images: detect_many(images, model), load=lambda path: load_image(data, path=f"<{path}>")
    )
    assert outcome.examination
    assert outcome.examination.path == "<x>"
