"""Answerers that see no image: whatever they get right beyond chance, the questions have given away.

Each form of question with a closed answer is tried by itself. What was learned on one half of the images is tried on
the other; wrong options of multiple choice never cross the halves. Chance is what the most frequent answer to the same
form and criterion gets (which criterion is asked about is what the question is for, its wording is not), and never less
than an even guess.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fakescope.instruct.survey import HALVES, half

DRAWS = 5000
LEAST = 100
"""Questions of a form below which nothing is said of it."""


class Asked(NamedTuple):
    """One closed question, without its image."""

    image: str
    form: str
    criterion: str
    question: str
    answer: str


@dataclass(frozen=True)
class Blind:
    """How an answerer does on one form.

    Attributes:
        count: Questions.
        chance: Share that the most frequent answer gets.
        accuracy: Share that the answerer gets.
        gain: accuracy - chance, with the bounds of its interval over images: 95% for all forms together.
    """

    form: str
    count: int
    answers: int
    chance: float
    accuracy: float
    gain: tuple[float, float, float]

    @property
    def at_chance(self) -> bool:
        """Whether the interval of the gain reaches 0."""
        return self.gain[1] <= 0.0


Answerer = Callable[[Sequence[Asked], Sequence[Asked]], list[str]]
"""Learns from the first, answers the second; both hold questions of many forms."""


def try_blind(asked: Iterable[Asked], answerer: Answerer, seed: int = 0) -> list[Blind]:
    """How an answerer does on each form, the worst leak first."""
    counts: Counter[str] = Counter()
    kept: list[Asked] = []
    for one in asked:
        counts[one.form] += 1
        kept.append(one)
    kept = [one for one in kept if counts[one.form] >= LEAST]
    forms = {one.form for one in kept}
    level = 0.05 / max(1, len(forms))  # of many forms, one may look better than chance by chance
    tried = _answered(kept, answerer)
    found = [_measure(form, tried[form], level, seed) for form in sorted(forms)]
    return sorted(found, key=lambda blind: -blind.gain[1])


def bag_of_words(train: Sequence[Asked], test: Sequence[Asked]) -> list[str]:
    """A linear classifier of words and pairs of words for each form.

    Raises:
        ImportError: scikit-learn is not installed.
    """
    said: dict[int, str] = {}
    for form in sorted({one.form for one in test}):
        places = [n for n, one in enumerate(test) if one.form == form]
        answers = _linear([one for one in train if one.form == form], [test[n] for n in places])
        said.update(zip(places, answers, strict=True))
    return [said[n] for n in range(len(test))]


def _linear(train: Sequence[Asked], test: Sequence[Asked]) -> list[str]:
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import LogisticRegression

    answers = {one.answer for one in train}
    if len(answers) < 2:
        return [next(iter(answers), "")] * len(test)
    words = HashingVectorizer(n_features=1 << 16, alternate_sign=False, analyzer=_words)
    model = LogisticRegression(max_iter=300)
    model.fit(words.transform(one.question for one in train), [one.answer for one in train])
    return [str(answer) for answer in model.predict(words.transform(one.question for one in test))]


def _words(text: str) -> list[str]:
    words = text.lower().split()
    return [*words, *(f"{first} {second}" for first, second in pairwise(words))]


class Tried(NamedTuple):
    """One question on a held-out image: what the answerer and the most frequent answer got."""

    image: str
    answer: str
    right: bool
    by_chance: bool


def _answered(asked: Sequence[Asked], answerer: Answerer) -> dict[str, list[Tried]]:
    """What was learned on one half of the images, tried on the other; by form."""
    tried: dict[str, list[Tried]] = defaultdict(list)
    for held in range(HALVES):
        train = [one for one in asked if half(one.image) != held]
        test = [one for one in asked if half(one.image) == held]
        if not train or not test:
            continue
        usual = _usual(train)
        for one, said in zip(test, answerer(train, test), strict=True):
            guess = usual.get((one.form, one.criterion)) or usual.get((one.form, ANY))
            tried[one.form].append(Tried(one.image, one.answer, said == one.answer, guess == one.answer))
    return tried


def _measure(form: str, tried: Sequence[Tried], level: float, seed: int) -> Blind:
    kinds = len({one.answer for one in tried})
    by_chance = np.array([one.by_chance for one in tried], float)
    right = np.array([one.right for one in tried], float)
    chance = max(float(by_chance.mean()), 1 / kinds)
    gain = right - by_chance - (chance - by_chance.mean())
    return Blind(
        form=form,
        count=len(tried),
        answers=kinds,
        chance=chance,
        accuracy=float(right.mean()),
        gain=(float(gain.mean()), *_interval(gain, [one.image for one in tried], level, seed)),
    )


ANY = "*"


def _usual(train: Sequence[Asked]) -> dict[tuple[str, str], str]:
    """The most frequent answer for each form and criterion, and for each form."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for one in train:
        counts[one.form, one.criterion][one.answer] += 1
        counts[one.form, ANY][one.answer] += 1
    return {place: answers.most_common(1)[0][0] for place, answers in counts.items()}


def _interval(
    values: NDArray[np.float64], images: Sequence[str], level: float, seed: int
) -> tuple[float, float]:
    """Interval of the mean at a level, over images: questions on one image are not independent."""
    _, place = np.unique(np.array(images), return_inverse=True)
    sums, sizes = np.bincount(place, values), np.bincount(place).astype(float)
    rng = np.random.default_rng(seed)
    means = np.empty(DRAWS)
    for number in range(DRAWS):
        drawn = rng.integers(0, len(sums), len(sums))
        means[number] = sums[drawn].sum() / sizes[drawn].sum()
    low, high = np.quantile(means, (level / 2, 1 - level / 2))
    return float(low), float(high)
