from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fakescope.errors import ConfigError
from fakescope.images.perturb import (
    PERTURBATIONS,
    apply,
    blur,
    chain,
    gamma,
    jpeg,
    parse_perturbation,
    resize,
)


def same(a: Image.Image, b: Image.Image) -> bool:
    return a.size == b.size and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_each_is_deterministic_and_leaves_its_input_alone(photo: Image.Image, name: str) -> None:
    before = photo.tobytes()
    first, second = apply(photo, name, seed=3), apply(photo, name, seed=3)
    assert same(first, second)
    assert photo.tobytes() == before
    assert first.mode == "RGB"
    assert not same(first, photo)
    if PERTURBATIONS[name].seeded:
        assert not same(first, apply(photo, name, seed=4))


def test_sizes(photo: Image.Image) -> None:
    assert apply(photo, "resize:0.5").size == (48, 32)
    assert apply(photo, "resize_back:0.5").size == photo.size
    assert apply(photo, "crop:0.5").size == (48, 32)
    assert apply(photo, "jpeg:70+resize:0.25").size == (24, 16)
    assert apply(photo, "screenshot:1").size > photo.size
    assert apply(Image.new("RGB", (3, 900)), "resize:0.05").size == (3, 45)


def test_none_is_the_image_itself(photo: Image.Image) -> None:
    assert same(apply(photo, "none"), photo)
    assert same(apply(photo, ""), photo)
    assert same(apply(photo, "gamma:1+blur:0+noise:0"), photo)


def test_chain_equals_text(photo: Image.Image) -> None:
    by_hand = chain(lambda image: jpeg(image, 70), lambda image: resize(image, 0.5), blur, gamma)(photo)
    assert same(by_hand, apply(photo, "jpeg:70 + resize:0.5 + blur + gamma"))


def test_lower_quality_loses_more(photo: Image.Image) -> None:
    def loss(text: str) -> float:
        return float(
            np.abs(np.asarray(apply(photo, text), np.float32) - np.asarray(photo, np.float32)).mean()
        )

    for name in ("jpeg", "webp"):
        assert loss(f"{name}:90") < loss(f"{name}:50") < loss(f"{name}:10")
    assert loss("noise:2") < loss("noise:20")


@pytest.mark.parametrize(
    "text", ["sharpen", "jpeg:0", "jpeg:101", "jpeg:x", "jpeg:nan", "resize:-1", "jpeg:70+", "blur:inf"]
)
def test_bad_texts_say_what_is_allowed(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_perturbation(text)
    assert caught.value.hint


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(PERTURBATIONS)), st.data(), st.integers(1, 40), st.integers(1, 40))
def test_any_value_in_range_on_any_size(name: str, data: st.DataObject, width: int, height: int) -> None:
    kind = PERTURBATIONS[name]
    value = data.draw(st.floats(kind.low, min(kind.high, 100)))
    result = apply(Image.new("RGB", (width, height), "teal"), f"{name}:{value}")
    assert min(result.size) >= 1


def test_steps_print_as_they_are_read() -> None:
    assert "+".join(map(str, parse_perturbation("jpeg:70+resize:0.5+crop"))) == "jpeg:70+resize:0.5+crop:0.8"
