"""How varied the answers are, by measures that are used for instruction sets, on samples of one size.

All depend on how much text is measured, so every set is cut to the same number of words before it is compared.
"""

from __future__ import annotations

import gzip
import math
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WORDS = 6_000
"""Words of text that are measured."""

HYPOTHESES, REFERENCES = 200, 100

PUBLISHED: Mapping[str, Mapping[str, object]] = {
    "LLaVA, 90 answers of GPT-4 on images": {
        "distinct": (0.225, 0.682, 0.891), "compression": 2.88, "self_bleu": 0.336, "starts": 0.682,
    },
    "Vicuna's 80 questions, answers of GPT-3.5": {
        "distinct": (0.268, 0.744, 0.914), "compression": 2.75, "self_bleu": 0.102, "starts": 0.938,
    },
    "Self-Instruct, seed answers by people": {
        "distinct": (0.333, 0.840, 0.961), "compression": 2.23, "self_bleu": 0.144, "starts": 0.985,
    },
    "P3 prompts from templates, 40 tasks": {
        "distinct": (0.348, 0.801, 0.920), "compression": 2.40, "self_bleu": 0.304, "starts": 0.652,
    },
}  # fmt: skip
"""Published sets by the same measures, from their repositories: benchmarks/instruct_diversity.py."""
_WORD = re.compile(r"[a-z0-9']+")


@dataclass(frozen=True)
class Diversity:
    """Of one sample.

    Attributes:
        words: How many were measured.
        distinct: Share of different n-grams among all, for n = 1, 2, 3 (Li et al., NAACL 2016).
        compression: Bytes of the text by bytes of its gzip (Shaib et al., arXiv 2403.00553); more is more repetitive.
        self_bleu: Mean BLEU-4 of an answer against others (Zhu et al., SIGIR 2018); more is more alike.
        starts: Share of different openings of three words.
    """

    words: int
    distinct: tuple[float, float, float]
    compression: float
    self_bleu: float
    starts: float


def diversity(texts: Sequence[str], seed: int = 0) -> Diversity | None:
    """Measure a sample; None where there is too little text.

    Args:
        texts: Answers; they are shuffled, and as many are taken as give `WORDS` words.
        seed: Settles which.
    """
    rng = random.Random(seed)
    chosen: list[str] = []
    count = 0
    for text in rng.sample(list(texts), len(texts)):
        if count >= WORDS:
            break
        chosen.append(text)
        count += len(_words(text))
    if count < WORDS:
        return None
    split = [_words(text) for text in chosen]
    joined = "\n".join(chosen).encode()
    return Diversity(
        words=count,
        distinct=(_distinct(split, 1), _distinct(split, 2), _distinct(split, 3)),
        compression=len(joined) / len(gzip.compress(joined, 9)),
        self_bleu=_self_bleu(split, rng),
        starts=len({tuple(words[:3]) for words in split}) / len(split),
    )


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _grams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def _distinct(split: Sequence[Sequence[str]], n: int) -> float:
    grams = [gram for words in split for gram in _grams(words, n)]
    return len(set(grams)) / len(grams)


def _self_bleu(split: Sequence[Sequence[str]], rng: random.Random) -> float:
    """Each of some answers against the same number of others."""
    long = [words for words in split if len(words) >= 4]
    chosen = rng.sample(long, min(HYPOTHESES, len(long)))
    scores = []
    for words in chosen:
        others = [other for other in rng.sample(long, min(REFERENCES + 1, len(long))) if other is not words]
        scores.append(_bleu(words, others[:REFERENCES]))
    return sum(scores) / len(scores)


def _bleu(words: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """BLEU-4 with the brevity penalty and add-one smoothing of n > 1 (Lin and Och, 2004)."""
    total = 0.0
    for n in range(1, 5):
        grams = Counter(_grams(words, n))
        most: Counter[tuple[str, ...]] = Counter()
        for reference in references:
            most |= Counter(gram for gram in _grams(reference, n) if gram in grams)
        hits, count = sum((grams & most).values()), sum(grams.values())
        if n == 1 and not hits:
            return 0.0
        total += math.log(hits / count if n == 1 else (hits + 1) / (count + 1))
    closest = min((abs(len(reference) - len(words)), len(reference)) for reference in references)[1]
    penalty = 1.0 if len(words) >= closest else math.exp(1 - closest / len(words))
    return penalty * math.exp(total / 4)
