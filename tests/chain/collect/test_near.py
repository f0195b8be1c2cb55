"""Near duplicates: all pairs within the limit are found, none beyond, and flat images match nothing."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from fakescope.chain.collect.near import find_near
from fakescope.chain.collect.phash import LEAST_QUALITY, pdq
from made_repositories import picture


def as_hex(rows: np.ndarray) -> list[str]:
    return [row.tobytes().hex() for row in rows]


def flipped(row: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    bits = np.unpackbits(row)
    bits[rng.choice(256, count, replace=False)] ^= 1
    return np.packbits(bits)


@pytest.mark.parametrize("most_bits", [0, 7, 31])
def test_it_finds_the_same_groups_as_comparing_all_pairs(most_bits):
    rng = np.random.default_rng(most_bits)
    base = rng.integers(0, 256, (150, 32), np.uint8)
    near = [flipped(base[i], int(rng.integers(0, 40)), rng) for i in rng.integers(0, 150, 250)]
    rows = np.array([*base, *near])
    bits = np.unpackbits(rows, axis=1).astype(int)
    distance = (bits[:, None] != bits[None]).sum(axis=2)
    group = np.arange(len(rows))
    while True:  # the smallest number spreads over pairs within the limit
        spread = np.where(distance <= most_bits, group[None, :], len(rows)).min(axis=1)
        if np.array_equal(spread, group):
            break
        group = spread
    found = find_near(as_hex(rows), most_bits)
    assert found.group.tolist() == group.tolist()
    assert all(distance[one, other] == apart <= most_bits for one, other, apart in found.edges)
    assert len(found.edges) == len(rows) - len(set(group.tolist()))


def test_images_without_a_hash_stay_alone():
    same = "ab" * 32
    near = find_near([None, same, None, same, "54" * 32])
    assert near.groups() == [[1, 3]]
    assert find_near([None, None]).groups() == []
    assert find_near([]).groups() == []


def test_thousands_of_copies_are_no_millions_of_pairs():
    rng = np.random.default_rng(0)
    one = rng.integers(0, 256, 32, np.uint8)
    frames = np.array([flipped(one, 5, rng) for _ in range(3000)])
    near = find_near([*as_hex(frames), *["cd" * 32] * 20_000])
    assert [len(group) for group in near.groups()] == [3000, 20_000]
    assert len(near.edges) == 22_998


def test_more_bits_than_the_search_can_promise_are_refused():
    with pytest.raises(ValueError, match="31"):
        find_near([], 32)


def test_a_picture_keeps_its_hash_when_it_is_scaled_and_compressed():
    original = Image.open(io.BytesIO(picture(1, (1600, 1200), grain=24)))
    small = io.BytesIO()
    original.resize((333, 250)).save(small, "JPEG", quality=50)
    hashes = [pdq(image.convert("RGB"))[0] for image in (original, Image.open(small))]
    other = pdq(Image.open(io.BytesIO(picture(2, grain=24))).convert("RGB"))[0]
    assert find_near([*hashes, other]).groups() == [[0, 1]]


@pytest.mark.parametrize("size", [(400, 300), (1, 1), (2000, 1)])
def test_flat_images_are_known_to_be_flat(size):
    hash, quality = pdq(Image.new("RGB", size, "navy"))
    assert len(hash) == 64
    assert quality < LEAST_QUALITY
