"""All instructions of one record: the quota of each part, as often as its class needs."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fakescope.errors import ConfigError
from fakescope.instruct.deal import Dealer
from fakescope.instruct.discussion import discuss
from fakescope.instruct.facts import Facts
from fakescope.instruct.judgement import judge
from fakescope.instruct.made import Made
from fakescope.instruct.reasoning import cause_to_effect, effect_to_cause
from fakescope.instruct.rows import Row
from fakescope.instruct.survey import Survey
from fakescope.instruct.traces import ask
from fakescope.taxonomy import CRITERION_IDS

TRIES = 4
"""How often a conversation that a record has already is worded anew before it is dropped."""


@dataclass(frozen=True)
class Quota:
    """Instructions an image and part. The paper's sizes fit 1 : 2 : 15 : 25 (47K, 95K, 715K, 1,190K)."""

    judgement: int = 1
    reasoning: int = 2
    traces: int = 15
    discussion: int = 25

    @property
    def total(self) -> int:
        """Of all parts."""
        return self.judgement + self.reasoning + self.traces + self.discussion


PAPERS = Quota()


def parse_quota(text: str) -> Quota:
    """`1:2:15:25`.

    Raises:
        ConfigError: It is not four numbers.
    """
    try:
        judgement, reasoning, traces, discussion = (int(part) for part in text.split(":"))
    except ValueError:
        raise ConfigError(f"the quota {text!r} is not four numbers", "such as 1:2:15:25") from None
    quota = Quota(judgement, reasoning, traces, discussion)
    if min(judgement, reasoning, traces, discussion) < 0 or not quota.total:
        raise ConfigError(f"the quota {text!r} has nothing in it, or less", "such as 1:2:15:25")
    return quota


class Composer:
    """Makes the instructions of records, the same for the same seed whoever else is made.

    Args:
        survey: Of all records.
        quota: For each image.
        seed: Settles all choices.
        even: Give images of the rarer class more rounds, so that both classes come equally often.
    """

    def __init__(self, survey: Survey, quota: Quota, seed: int, even: bool) -> None:
        self._survey, self._quota, self._seed, self._even = survey, quota, seed, even
        self._dealer = Dealer(survey, even)

    def rows(self, facts: Facts, dropped: Counter[str]) -> Iterator[Row]:
        """All instructions of a record; those that cannot be made, or only repeated, are counted in `dropped`."""
        seen: set[str] = set()
        for round in range(self._rounds(facts)):
            rng = random.Random(f"{self._seed}:{facts.id}:{round}")
            for number, made in enumerate(self._round(facts, rng, seen, dropped)):
                yield Row(f"{facts.id}/{round}/{number}", facts.id, made)

    def _rounds(self, facts: Facts) -> int:
        """The whole rounds, and one more for a share of the images."""
        wanted = self._survey.rounds(facts.label, self._even)
        digest = hashlib.blake2b(f"{self._seed}:round:{facts.id}".encode(), digest_size=8).digest()
        return int(wanted) + (int.from_bytes(digest, "big") / 2**64 < wanted % 1)

    def _round(
        self,
        facts: Facts,
        rng: random.Random,
        seen: set[str],
        dropped: Counter[str],
    ) -> Iterator[Made]:
        def new(make: Callable[[], Made | None], part: str) -> Iterator[Made]:
            for _ in range(TRIES):
                made = make()
                if made is None:
                    dropped[f"{part}: nothing to say"] += 1
                    return
                if (bare := made.bare()) not in seen:
                    seen.add(bare)
                    yield made
                    return
            dropped[f"{part}: said before"] += 1

        quota = self._quota
        for _ in range(quota.judgement):
            yield from new(lambda: judge(facts, rng), "judgement")
        for number in range(quota.reasoning):
            way = cause_to_effect if number % 2 == 0 else effect_to_cause
            yield from new(lambda way=way: way(facts, rng), "reasoning")  # type: ignore[misc]
        for number in range(quota.traces):
            name = CRITERION_IDS[number % len(CRITERION_IDS)]
            yield from new(lambda name=name: ask(facts, name, self._dealer, self._survey, rng), "traces")  # type: ignore[misc]
        talks = discuss(facts, quota.discussion, rng)
        dropped["discussion: nothing to say"] += quota.discussion - len(talks)
        for made in talks:
            if (bare := made.bare()) in seen:
                dropped["discussion: said before"] += 1
            else:
                seen.add(bare)
                yield made
