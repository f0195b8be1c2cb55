"""What can be read off the encoder's features by a straight line: words for what is shown, and trace criteria.

Two ridge regressions in one. For the language model an image comes with the words that such a reader finds in
it, most telling first, and with its fifteen trace scores. While the model is trained, every image gets what a
reader fitted without this image says of it (leave-one-out, in closed form), so that the model learns to trust the
readings as far as they can be trusted on new images; features that it could learn by heart do not teach that.

Sources: tags as a bridge between image and text, Huang et al., Tag2Text, ICLR 2024; leave-one-out residuals of ridge
regression, Allen, 1974 (PRESS).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from fakescope.records import ChainRecord, Label
from fakescope.taxonomy import CRITERION_IDS

Float = NDArray[np.float32]

WORDS = 12
"""Words an image is read as."""
SCORES = 2 * len(CRITERION_IDS)
"""For each criterion: abnormal, were the image fake; and whether it can be judged at all."""
RANK = 256
_SHRINK = 0.003
_RARE = 8
_STOP = frozenset(
    """
    the and was are has had its for not but all any can her his him she who how out off too now per via yet
    that this these those there here than then over under down near very more most less some both each every other
    another same such image picture photo because real fake would could should must does like look looks looking
    seen show shows shown appear appears without between where which whose while when what only just also still
    their they them your with from into natural abnormal unclear human generator generated camera been being have
    having much many none never ever about after before again itself themselves explain explains agree agrees
    ordinary typical kind sign signs trace traces detail details
    """.split()  # noqa: SIM905 - a list of a hundred quoted words is no easier to read
)


def content_words(texts: Sequence[str], known: Mapping[str, int]) -> set[str]:
    """The words of some texts that are single tokens and say something of a picture's content."""
    found = set(re.findall(r"[a-z]+", " ".join(texts).lower()))
    return {w for w in found if w in known and len(w) > 2 and w not in _STOP}


def features(grid: NDArray[np.float16], stats: NDArray[np.float16]) -> Float:
    """grid [n, 49, 768], stats [n, 12, 384] -> float32 [n, 5376]: mean of the grid, and the statistics."""
    mean = grid.mean(axis=1, dtype=np.float32)
    return np.concatenate([mean, stats.reshape(len(stats), -1).astype(np.float32)], axis=1)


@dataclass(frozen=True)
class Ridge:
    """Coefficients [F, K] and mean [K] of a weighted ridge regression, with leave-one-image-out predictions
    [n, K] for its own rows."""

    coefficients: Float
    mean: Float
    held_out: Float


def fit_ridge(x: Float, y: Float, weight: Float, images: Sequence[str], penalty: float) -> Ridge:
    """Fit y [n, K] on standardised x [n, F]; rows of one image are left out together.

    With H the hat matrix of an image's rows, its held-out residuals are (I - H)^-1 times its residuals.
    """
    mean = np.average(y, axis=0, weights=weight)
    root = np.sqrt(weight / weight.mean())[:, None].astype(np.float32)
    xw, yw = torch.from_numpy(x * root), torch.from_numpy(((y - mean) * root).astype(np.float32))
    gram = (xw.T @ xw).double()
    gram.diagonal().add_(penalty)
    factor = torch.linalg.cholesky(gram)
    coefficients = torch.cholesky_solve((xw.T @ yw).double(), factor).float()
    half = torch.linalg.solve_triangular(factor.float(), xw.T.contiguous(), upper=False).T.numpy()
    residual = (yw - xw @ coefficients).numpy()
    rows: dict[str, list[int]] = {}
    for row, image in enumerate(images):
        rows.setdefault(image, []).append(row)
    for block in rows.values():
        hat = half[block] @ half[block].T
        residual[block] = np.linalg.solve(np.eye(len(block), dtype=np.float32) - hat, residual[block])
    return Ridge(coefficients.numpy(), mean.astype(np.float32), (y - residual / root).astype(np.float32))


def trace_targets(record: ChainRecord) -> Float:
    """[30]: abnormal (NaN on a real image, where nothing is), then whether it can be judged."""
    traces = [record.traces.get(c) for c in CRITERION_IDS]
    abnormal = [float(t is not None and t.finding == "abnormal") for t in traces]
    if record.image.label is not Label.FAKE:
        abnormal = [np.nan] * len(abnormal)
    return np.array([*abnormal, *(float(t is not None) for t in traces)], np.float32)


class Readout(nn.Module):
    """The fitted readers: grid and stats in, word tokens int64 [B, 12] and trace scores [B, 30] out."""

    mean: Tensor
    scale: Tensor
    word_ids: Tensor
    score_mean: Tensor

    def __init__(self, inputs: int, words: int, rank: int = RANK) -> None:
        super().__init__()
        self.count = min(WORDS, words)
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))
        self.register_buffer("word_ids", torch.zeros(words, dtype=torch.int64))
        self.register_buffer("score_mean", torch.zeros(SCORES))
        self.basis = nn.Parameter(torch.zeros(inputs, rank), requires_grad=False)
        self.words = nn.Parameter(torch.zeros(rank, words), requires_grad=False)
        self.scores = nn.Parameter(torch.zeros(inputs, SCORES), requires_grad=False)

    def forward(self, grid: Tensor, stats: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.cat([grid.mean(1), stats.flatten(1)], dim=1)
        x = (x - self.mean) * self.scale
        telling = x @ self.basis @ self.words
        best = telling.topk(self.count, dim=1).indices
        return self.word_ids[best], x @ self.scores + self.score_mean


@dataclass(frozen=True)
class Readings:
    """What every row of the features is read as: word tokens int64 [n, 12], trace scores float32 [n, 30]."""

    words: NDArray[np.int64]
    scores: Float


@dataclass(frozen=True)
class Teachings:
    """What the readers learn from.

    Attributes:
        texts: What is said of an image, by image; images without are read but not learned from.
        weights: How much an image counts; 1 where none is given.
        records: FakeChain records by image.
        tokens: Words that are one token of the language model, with its id.
    """

    texts: Mapping[str, Sequence[str]]
    weights: Mapping[str, float]
    records: Mapping[str, ChainRecord]
    tokens: Mapping[str, int]


def fit_readout(
    x: Float, images: Sequence[str], taught: Teachings, *, word_penalty: float, score_penalty: float
) -> tuple[Readout, Readings]:
    """Fit both readers on the rows x [n, F] of `images` [n], and read every row."""
    chosen = np.array([i for i, image in enumerate(images) if image in taught.texts])
    center, spread = x[chosen].mean(axis=0), x[chosen].std(axis=0) + np.float32(1e-3)
    z = (x - center) / spread
    vocabulary = telling_words(taught)
    basis, words, held = _fit_words(z[chosen], [images[i] for i in chosen], taught, vocabulary, word_penalty)
    telling = z @ basis @ words
    telling[chosen] = held
    coefficients, mean, scores = _fit_scores(z, images, taught.records, score_penalty)
    readout = Readout(x.shape[1], len(vocabulary), basis.shape[1])
    for name, values in {
        "mean": center,
        "scale": 1 / spread,
        "word_ids": np.array([taught.tokens[w] for w in vocabulary]),
        "score_mean": mean,
        "basis": basis,
        "words": words,
        "scores": coefficients,
    }.items():
        getattr(readout, name).data.copy_(torch.from_numpy(values))
    best = np.argsort(-telling, axis=1)[:, :WORDS]
    return readout, Readings(readout.word_ids.numpy()[best], scores)


def save_readout(path: Path, readout: Readout, readings: Readings) -> None:
    """Keep both as one safetensors file, so that a resumed training goes on with the same."""
    kept = {f"readout.{name}": value.contiguous() for name, value in readout.state_dict().items()}
    kept |= {"words": torch.from_numpy(readings.words), "scores": torch.from_numpy(readings.scores)}
    save_file(kept, path)


def load_readout(path: Path) -> tuple[Readout, Readings]:
    """Read what `save_readout` wrote."""
    kept = load_file(path)
    basis, words = kept["readout.basis"], kept["readout.words"]
    readout = Readout(basis.shape[0], words.shape[1], basis.shape[1])
    readout.load_state_dict(
        {n.removeprefix("readout."): v for n, v in kept.items() if n.startswith("readout.")}
    )
    return readout, Readings(kept["words"].numpy(), kept["scores"].numpy())


def telling_words(taught: Teachings) -> list[str]:
    """Words that come up in the texts of at least eight images, most frequent first."""
    counts = Counter(w for said in taught.texts.values() for w in content_words(said, taught.tokens))
    return [w for w, n in counts.most_common() if n >= _RARE]


def _fit_words(
    z: Float, images: Sequence[str], taught: Teachings, vocabulary: Sequence[str], penalty: float
) -> tuple[Float, Float, Float]:
    """Basis [F, rank], words [rank, W], held-out readings [n, W].

    What is read is how much likelier a word is than usual, in units of its spread: frequent words would come
    first on every picture otherwise. The rank is cut where the fitted values vary least.
    """
    column = {w: j for j, w in enumerate(vocabulary)}
    y = np.zeros((len(z), len(vocabulary)), np.float32)
    found = {
        i: [column[w] for w in content_words(taught.texts[i], taught.tokens) if w in column]
        for i in set(images)
    }
    for row, image in enumerate(images):
        y[row, found[image]] = 1
    weight = np.array([taught.weights.get(i, 1.0) for i in images], np.float32)
    ridge = fit_ridge(z, y, weight, images, penalty)
    unit = 1 / np.sqrt(ridge.mean + _SHRINK)
    coefficients = ridge.coefficients * unit
    fitted = z @ coefficients
    directions = np.linalg.eigh(fitted.T @ fitted)[1][:, ::-1][:, :RANK].astype(np.float32)
    held = (ridge.held_out - ridge.mean) * unit @ directions @ directions.T
    return coefficients @ directions, np.ascontiguousarray(directions.T), held


def _fit_scores(
    z: Float, images: Sequence[str], records: Mapping[str, ChainRecord], penalty: float
) -> tuple[Float, Float, Float]:
    """Coefficients [F, 30], mean [30], scores [n, 30], held out where an image was learned from."""
    targets = {i: trace_targets(r) for i, r in records.items()}
    half = len(CRITERION_IDS)
    coefficients = np.zeros((z.shape[1], SCORES), np.float32)
    mean = np.zeros(SCORES, np.float32)
    scores = np.zeros((len(z), SCORES), np.float32)
    for columns in (slice(0, half), slice(half, SCORES)):
        rows = np.array(
            [k for k, i in enumerate(images) if i in targets and not np.isnan(targets[i][columns]).any()]
        )
        y = np.stack([targets[images[k]][columns] for k in rows])
        ridge = fit_ridge(z[rows], y, np.ones(len(rows), np.float32), [images[k] for k in rows], penalty)
        coefficients[:, columns], mean[columns] = ridge.coefficients, ridge.mean
        scores[:, columns] = z @ ridge.coefficients + ridge.mean
        scores[rows, columns] = ridge.held_out
    return coefficients, mean, scores
