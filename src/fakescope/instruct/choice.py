"""Multiple choice on one criterion: neither letter, length nor company gives the answer away."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable

from fakescope.instruct.dialogue import conversation
from fakescope.instruct.phrasing import clean, pick
from fakescope.records import ChainRecord, Instruction, Label
from fakescope.taxonomy import BY_ID

LETTERS = "ABCD"
STEMS: tuple[str, ...] = (
    "Which is true of the {name}?",
    "Which statement on the {name} fits this image?",
    "What holds for the {name} here?",
    "Choose the right statement on the {name}.",
    "One of these describes the {name} of this image. Which one?",
)
NOT_HERE: tuple[str, ...] = (
    "It cannot be judged here.",
    "The image does not allow a judgement on this.",
    "There is no basis to judge it here.",
    "This cannot be decided on this image.",
)


class Deck:
    """Deals the items in shuffled rounds: each comes equally often, and none can be foreseen."""

    def __init__(self, items: Iterable[int], rng: random.Random) -> None:
        self._items = tuple(items)
        self._rng = rng
        self._left: list[int] = []

    def deal(self) -> int:
        """The next item."""
        if not self._left:
            self._left = list(self._items)
            self._rng.shuffle(self._left)
        return self._left.pop()


class ChoiceMaker:
    """Makes multiple-choice questions with observations of other images as the wrong options.

    Four observations: two of images of the same class and two of the other class, counting the right one.
    Where one option says that the criterion cannot be judged, it is the right one in about a quarter of the
    cases, and the three observations are two of one class and one of the other, either way round.

    Args:
        records: The records whose observations may be used; none of the test split.
        seed: Settles letters and lengths.
    """

    def __init__(self, records: Iterable[ChainRecord], seed: int) -> None:
        self._pool: dict[tuple[str, Label], list[tuple[str, str]]] = defaultdict(list)
        for record in records:
            for criterion, note in record.traces.items():
                said = clean(note.observation) if note else ""
                if said and record.image.label is not None:
                    self._pool[criterion, record.image.label].append((record.image.id, said))
        self._rng = random.Random(f"{seed}:choice")
        self._letters: dict[tuple[Label, bool], Deck] = {}
        self._ranks: dict[int, Deck] = {}

    def ask(self, record: ChainRecord, criterion: str, rng: random.Random) -> Instruction | None:
        """One question, or None where too few observations of other images exist."""
        label = record.image.label
        note = record.traces.get(criterion)
        if label is None:
            return None
        right = clean(note.observation) if note else ""
        not_here = pick(rng, NOT_HERE) if not right or rng.random() < 0.75 else ""
        wrong = self._wrong(record, criterion, right, bool(not_here), rng)
        if wrong is None:
            return None
        if not right:
            right = not_here
        elif not_here:
            wrong.append(not_here)
        rng.shuffle(wrong)
        place = self._letter(label, bool(note)).deal()
        options = [*wrong[:place], right, *wrong[place:]]
        stem = pick(rng, STEMS).format(name=BY_ID[criterion].name)
        listed = " ".join(f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=True))
        turn = (f"{stem} {listed}", f"{LETTERS[place]}. {right}")
        return conversation(record, "traces", turn, criterion=criterion)

    def _letter(self, label: Label, judged: bool) -> Deck:
        return self._letters.setdefault((label, judged), Deck(range(4), self._rng))

    def _wrong(
        self, record: ChainRecord, criterion: str, right: str, not_here: bool, rng: random.Random
    ) -> list[str] | None:
        """Observations of other images: of which class, and whether shorter or longer than the right one."""
        label = record.image.label or Label.REAL
        other = Label.REAL if label is Label.FAKE else Label.FAKE
        if not right:
            classes = [label, other, rng.choice([label, other])]
        elif not_here:
            # the right one stands in the pair twice as often as alone: each of the three is equally likely
            classes = [other, label] if rng.random() < 2 / 3 else [other, other]
        else:
            classes = [label, other, other]
        rng.shuffle(classes)
        deck = self._ranks.setdefault(len(classes), Deck(range(len(classes) + 1), self._rng))
        shorter = deck.deal() if right else 0
        chosen: list[str] = []
        for index, cls in enumerate(classes):
            side = 0 if not right else -1 if index < shorter else 1
            said = self._draw(criterion, cls, record.image.id, right, side, chosen, rng)
            if said is None:
                return None
            chosen.append(said)
        return chosen

    def _draw(
        self,
        criterion: str,
        label: Label,
        image: str,
        right: str,
        side: int,
        taken: list[str],
        rng: random.Random,
    ) -> str | None:
        """An observation of that class from another image, on that side in length if there is one."""
        observed = self._pool[criterion, label]
        pool = [said for of, said in observed if of != image and said not in (right, *taken)]
        if not pool:
            return None
        fitting = [said for said in pool if (len(said) - len(right)) * side > 0] if side else pool
        return rng.choice(fitting or pool)
