"""Is a draft about its image? A draft made of phrases that stand under many other images is about none of them.

Runs of words are counted over all drafts by the number of images they occur with, in a table of fixed size (a count
sketch with one row), so memory does not grow with the chain. Collisions can only make a phrase look more common, and
with 4 million places they are rare up to some hundred thousand drafts.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from fakescope.chain.check.faults import draft_text, shingles
from fakescope.records import Check, Draft

PLACES = 1 << 22
LENGTH = 3
COMMON = 3
"""Images besides its own under which a phrase must stand to count as common."""

MOST_COMMON = 0.5


class Crowd:
    """Counts of phrases over the drafts that were added; drafts of one image must come one after another."""

    def __init__(self) -> None:
        self._counts: NDArray[np.uint32] = np.zeros(PLACES, np.uint32)
        self._image = ""
        self._seen: set[int] = set()

    def add(self, draft: Draft) -> None:
        """Count the phrases of a draft, each once an image."""
        if draft.image != self._image:
            self._image, self._seen = draft.image, set()
        new = _places(draft) - self._seen
        self._counts[list(new)] += 1
        self._seen |= new

    def check(self, draft: Draft) -> Check:
        """What share of a draft's phrases stands under at least `COMMON` other images."""
        places = list(_places(draft))
        share = float((self._counts[places] > COMMON).mean()) if places else 0.0
        passed = share <= MOST_COMMON
        detail = "" if passed else f"{share:.0%} of its phrases stand under other images too"
        return Check(draft=draft.id, name="about_image", passed=passed, value=round(share, 4), detail=detail)


def _places(draft: Draft) -> set[int]:
    def place(phrase: tuple[str, ...]) -> int:
        digest = hashlib.blake2b(" ".join(phrase).encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % PLACES

    return {place(phrase) for phrase in shingles(draft_text(draft), LENGTH)}
