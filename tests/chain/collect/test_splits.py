"""Splits are fixed by hashes of names, and images that look alike do not end on two sides."""

from __future__ import annotations

import pytest

from fakescope.chain.collect.splits import Entry, Shares, draw, fixed_split, group_splits
from fakescope.records import Label

HALF = Shares(dev=0.5, test=0.0)


def entry(id: str, *, split=None, stored=False, label=Label.FAKE, generator="g", source="s") -> Entry:
    return Entry("key", id, id, label, generator, source, "", split, None, stored)


def test_whole_generators_and_sources_are_held_out():
    shares = Shares(test=0.0, hold_out=frozenset({"flux", "museum"}))
    assert fixed_split(entry("a", generator="flux"), shares) == "test"
    assert fixed_split(entry("a", generator="sdxl", source="museum"), shares) == "test"
    assert fixed_split(entry("a", generator=None, label=Label.REAL, source="museum"), shares) == "test"
    assert fixed_split(entry("a", generator="sdxl"), shares) is None
    assert fixed_split(entry("a", generator="flux", split="train"), shares) == "train", (
        "given splits are kept"
    )


def test_the_share_of_test_is_one_of_generators_and_sources_not_of_images():
    shares = Shares(test=0.3)
    names = [f"generator {number}" for number in range(500)]
    held = {name for name in names if fixed_split(entry("a", generator=name), shares) == "test"}
    assert 100 < len(held) < 200
    for name in names[:50]:
        sides = {fixed_split(entry(f"image {i}", generator=name), shares) for i in range(20)}
        assert sides == ({"test"} if name in held else {None})
    reals = {fixed_split(entry("a", label=Label.REAL, generator=None, source=name), shares) for name in names}
    assert reals == {"test", None}


def test_dev_is_drawn_by_the_id_alone():
    splits = [group_splits([entry(f"{number:012x}")], HALF, "drop")[0] for number in range(400)]
    assert 150 < splits.count("dev") < 250
    assert set(splits) == {"train", "dev"}
    again = [group_splits([entry(f"{number:012x}", source="x")], HALF, "drop")[0] for number in range(400)]
    assert again == splits
    assert draw("unit", "a") != draw("image", "a")


def test_images_that_look_alike_go_together():
    for number in range(50):
        group = [entry(f"{number}-{member}") for member in range(4)]
        assert len(set(group_splits(group, HALF, "drop"))) == 1


@pytest.mark.parametrize("weaker", ["train", "dev"])
def test_the_weaker_side_gives_way_to_test(weaker):
    group = [entry("a", split=weaker), entry("b", split="test")]
    assert group_splits(group, HALF, "drop") == ["drop", "test"]
    assert group_splits(group, HALF, "keep") == [weaker, "test"]
    assert group_splits([entry("a", split="train"), entry("b", split="dev")], HALF, "drop") == ["drop", "dev"]


def test_no_image_goes_to_test_for_looking_like_a_test_image():
    group = [entry("a", generator="sdxl"), entry("b", generator="flux")]
    shares = Shares(test=0.0, dev=0.0, hold_out=frozenset({"flux"}))
    assert group_splits(group, shares, "drop") == ["drop", "test"]
    assert group_splits(group, shares, "keep") == ["train", "test"]


def test_what_is_in_the_store_stays_and_the_new_image_gives_way():
    stored = entry("a", split="train", stored=True)
    assert group_splits([stored, entry("b", split="test")], HALF, "drop") == ["train", "drop"]
    assert group_splits([stored, entry("b")], HALF, "drop") == ["train", "train"], "a drawn one joins it"
    without = entry("a", stored=True)
    assert group_splits([without, entry("b", split="dev")], HALF, "drop") == [None, "dev"]
