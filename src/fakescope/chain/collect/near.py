"""Which images look nearly alike: pairs of PDQ hashes that differ in few bits, joined to groups.

Comparing all pairs of 100,000 images would be five thousand million comparisons. Of two hashes that differ in at most
31 of 256 bits, at least one of 16 bands of 16 bits differs in at most one bit; so only images that agree that well
in some band are compared (multi-index hashing).

Source: Norouzi, Punjani and Fleet, "Fast search in Hamming space with multi-index hashing", CVPR 2012.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BITS = 256
NEAR_BITS = 31
"""What the authors of PDQ recommend as the limit of the same picture."""

MOST_NEAR_BITS = 31
"""A band may differ in one bit only as long as 16 bands share at most 31 bits."""

_BANDS, _BAND_BITS = 16, 16
_PAIRS_AT_ONCE = 1 << 20
_CROWD = 16

Ints = NDArray[np.int64]
_ONES = np.array([bin(value).count("1") for value in range(1 << 16)], np.uint8)


@dataclass(frozen=True)
class Near:
    """Groups of nearly alike images.

    Attributes:
        group: [n], the number of the group of each image; its smallest member.
        edges: (one, other, differing bits), which join the groups: one edge fewer than a group has members.
    """

    group: Ints
    edges: tuple[tuple[int, int, int], ...]

    def groups(self) -> list[list[int]]:
        """The groups of more than one image, each in order."""
        order = np.argsort(self.group, kind="stable")
        starts = np.flatnonzero(np.diff(self.group[order], prepend=-1))
        parts = np.split(order, starts[1:]) if len(order) else []
        return [part.tolist() for part in parts if len(part) > 1]


def find_near(hashes: Sequence[str | None], most_bits: int = NEAR_BITS) -> Near:
    """Join images whose hashes differ in at most `most_bits`; those without a hash stay alone.

    Args:
        hashes: 64 hex digits each.
        most_bits: 0 to `MOST_NEAR_BITS`.
    """
    if not 0 <= most_bits <= MOST_NEAR_BITS:
        raise ValueError(f"most_bits is 0 to {MOST_NEAR_BITS}")
    places = [place for place, text in enumerate(hashes) if text]
    parent = np.arange(len(hashes), dtype=np.int64)
    edges: list[tuple[int, int, int]] = []
    if places:
        packed = np.frombuffer(bytes.fromhex("".join(hashes[p] or "" for p in places)), np.uint8)
        words = packed.reshape(-1, BITS // 8).view(np.uint16)
        unique, first, inverse = np.unique(words, axis=0, return_index=True, return_inverse=True)
        at = np.array(places, np.int64)
        # Equal hashes are joined outright: thousands of copies would otherwise be millions of pairs.
        same = at[first][inverse.reshape(-1)]
        edges += _join(parent, same, at, np.zeros(len(at), np.int64))
        edges += _join_close(parent, np.ascontiguousarray(unique), at[first], most_bits)
    return Near(_roots(parent), tuple(edges))


def _join_close(
    parent: Ints, words: NDArray[np.uint16], places: Ints, most_bits: int
) -> list[tuple[int, int, int]]:
    """Join all rows that differ in at most so many bits; `places` are their numbers in `parent`."""
    edges: list[tuple[int, int, int]] = []
    wide = words.view(np.uint64)
    for band in range(_BANDS):
        keys, roots = words[:, band].astype(np.int64), _roots(parent)[places]
        order = np.lexsort((roots, keys))
        shelf = _Shelf(keys[order], roots[order], len(parent))
        for mask in [0, *(1 << bit for bit in range(_BAND_BITS))]:
            for row, low, high in shelf.partners(mask):
                for rank, partner in _expand(low, high):
                    one, other = order[row[rank]], order[partner]
                    bits = _count_bits(wide[one] ^ wide[other])
                    near = bits <= most_bits
                    if near.any():
                        edges += _join(parent, places[one[near]], places[other[near]], bits[near])
    return edges


class _Shelf:
    """Rows in the order of their bands, and within a band of the groups that they are in by now.

    Args:
        keys: The bands [n].
        roots: The groups [n].
        most_roots: All groups are below this number.
    """

    def __init__(self, keys: Ints, roots: Ints, most_roots: int) -> None:
        self._keys, self._roots, self._step = keys, roots, most_roots
        self._both = keys * most_roots + roots
        bounds = np.searchsorted(keys, np.arange((1 << _BAND_BITS) + 1))
        self._starts, self._ends = bounds[:-1], bounds[1:]

    def partners(self, mask: int) -> Iterator[tuple[Ints, Ints, Ints]]:
        """Rows, and for each the range of rows whose band is its own but for the bits of `mask`.

        Each pair comes once. In a crowded band those of the row's own group are left out: the thousands of frames
        of a film are one group after a few pairs, and need no further comparing.
        """
        wanted = self._keys ^ mask
        row = np.flatnonzero(wanted > self._keys) if mask else np.arange(len(wanted))
        low, high = self._starts[wanted[row]], self._ends[wanted[row]]
        if mask == 0:
            low = row + 1
        crowded = high - low > _CROWD
        yield row[~crowded], low[~crowded], high[~crowded]
        row, low, high = row[crowded], low[crowded], high[crowded]
        own = wanted[row] * self._step + self._roots[row]
        yield row, np.maximum(low, np.searchsorted(self._both, own, "right")), high
        if mask:
            yield row, low, np.searchsorted(self._both, own, "left")


def _count_bits(words: NDArray[np.uint64]) -> Ints:
    """How many bits are set in each row [n, 4]."""
    if hasattr(np, "bitwise_count"):  # NumPy 2
        return np.asarray(np.bitwise_count(words).sum(axis=1, dtype=np.int64))
    return np.asarray(_ONES[words.view(np.uint16)].sum(axis=1, dtype=np.int64))


def _expand(low: Ints, high: Ints) -> Iterator[tuple[Ints, Ints]]:
    """All (row, place) with low[row] <= place < high[row], in portions of bounded size."""
    counts = np.maximum(high - low, 0)
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    for start in range(0, total, _PAIRS_AT_ONCE):
        flat = np.arange(start, min(start + _PAIRS_AT_ONCE, total), dtype=np.int64)
        row = np.searchsorted(ends, flat, "right")
        yield row, low[row] + flat - (ends[row] - counts[row])


def _join(parent: Ints, one: Ints, other: Ints, bits: Ints) -> list[tuple[int, int, int]]:
    """Join groups in place, closest pairs first; returns the pairs that joined two groups.

    In rounds: each root is hung below a smaller one that some pair joins it to, all at once, until no pair is left
    that lies in two groups. Since roots only ever go below smaller ones, no ring can come about.
    """
    order = np.argsort(bits, kind="stable")
    one, other, bits = one[order], other[order], bits[order]
    edges: list[tuple[int, int, int]] = []
    while True:
        roots = _roots(parent)
        a, b = roots[one], roots[other]
        apart = np.flatnonzero(a != b)
        if not len(apart):
            return edges
        one, other, bits = one[apart], other[apart], bits[apart]
        larger, smaller = np.maximum(a, b)[apart], np.minimum(a, b)[apart]
        hung, first = np.unique(larger, return_index=True)
        parent[hung] = smaller[first]
        edges += zip(one[first].tolist(), other[first].tolist(), bits[first].tolist(), strict=True)


def _roots(parent: Ints) -> Ints:
    while True:
        above = parent[parent]
        if np.array_equal(above, parent):
            return above
        parent = above
