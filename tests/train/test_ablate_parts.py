"""The ablation over parts and data scale: what its variants hold."""

from fakescope.train.ablate_parts import PARTS, QUOTA, VARIANTS, chosen


def test_each_part_is_left_out_once_and_scales_grow():
    left_out = [set(PARTS) - set(v.parts) for v in VARIANTS if v.name.startswith("without")]
    assert left_out == [{part} for part in PARTS]
    assert VARIANTS[0].parts == PARTS
    assert sorted({v.share for v in VARIANTS}) == [1 / 9, 1 / 3, 1.0]
    assert set(PARTS) <= set(QUOTA)


def test_a_smaller_share_is_part_of_a_larger_one():
    ids = [f"image{number}" for number in range(2000)]
    ninth, third, all_of_them = (chosen(ids, share) for share in (1 / 9, 1 / 3, 1.0))
    assert ninth < third < all_of_them == set(ids)
    assert 150 < len(ninth) < 300
    assert 580 < len(third) < 760
