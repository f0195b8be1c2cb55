"""Linear readers: closed-form leave-one-out, words, trace scores, and the module that ships."""

import numpy as np
import pytest

from fakescope.errors import DataError
from fakescope.records import ChainRecord, ImageRef, Label, TraceNote
from fakescope.taxonomy import CRITERION_IDS

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch")

from fakescope.train.captions import read_captions  # noqa: E402
from fakescope.train.readout import (  # noqa: E402
    SCORES,
    Teachings,
    content_words,
    fit_readout,
    fit_ridge,
    load_readout,
    save_readout,
    telling_words,
    trace_targets,
)

TOKENS = {w: i for i, w in enumerate(("cat", "dog", "sofa", "tree", "image", "with"), start=100)}


def refit(x, y, weight, images, penalty, left_out):
    """The slow way: fit without an image and predict its rows, with the mean and weights of the whole."""
    keep = np.array([i != left_out for i in images])
    mean = np.average(y, axis=0, weights=weight)
    w = (weight / weight.mean())[keep][:, None]
    gram = x[keep].T @ (w * x[keep]) + penalty * np.eye(x.shape[1])
    return x[~keep] @ np.linalg.solve(gram, x[keep].T @ (w * (y[keep] - mean))) + mean


def test_held_out_predictions_are_those_of_a_refit():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 6)).astype(np.float32), rng.normal(size=(40, 3)).astype(np.float32)
    weight = rng.uniform(0.5, 3, 40).astype(np.float32)
    images = [f"i{n // 2}" for n in range(36)] + ["a", "b", "c", "c"]
    ridge = fit_ridge(x, y, weight, images, 2.0)
    for left_out in ("i0", "i7", "a", "c"):
        rows = [k for k, i in enumerate(images) if i == left_out]
        want = refit(x, y, weight, images, 2.0, left_out)
        np.testing.assert_allclose(ridge.held_out[rows], want, atol=1e-3)


def test_content_words_are_known_and_telling():
    assert content_words(["A Cat's image with a dog, a bird"], TOKENS) == {"cat", "dog"}


@pytest.fixture(scope="module")
def fitted():
    """Images that show a cat or a dog, which many features tell; half of the fakes are abnormal in texture."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(120, 768 + 12 * 384)).astype(np.float32)
    texts, records = {}, {}
    for n in range(60):
        cat, odd = n % 2 == 0, n % 4 < 2
        x[2 * n : 2 * n + 2, :900] += 5 if cat else -5
        x[2 * n : 2 * n + 2, 900:1800] += 5 if odd else -5
        texts[f"i{n}"] = ["A cat on a sofa." if cat else "A dog by a tree."]
        note = TraceNote(finding="abnormal" if odd else "natural", observation="Plastic.")
        image = ImageRef(id=f"i{n}", path="x.jpg", label=Label.FAKE)
        records[f"i{n}"] = ChainRecord(image=image, traces={"texture": note})
    taught = Teachings(texts, {"i0": 3.0}, records, TOKENS)
    images = [f"i{n // 2}" for n in range(120)]
    return x, images, taught, fit_readout(x, images, taught, word_penalty=3e3, score_penalty=3e3)


def test_the_telling_words_come_first(fitted):
    _, _, taught, (_, readings) = fitted
    assert set(telling_words(taught)) == {"cat", "sofa", "dog", "tree"}
    for row in range(0, 120, 7):
        want = {TOKENS["cat"], TOKENS["sofa"]} if row // 2 % 2 == 0 else {TOKENS["dog"], TOKENS["tree"]}
        assert set(readings.words[row, :2].tolist()) == want


def test_scores_tell_the_abnormal(fitted):
    _, _, _, (_, readings) = fitted
    score = readings.scores[:, CRITERION_IDS.index("texture")]
    odd = np.array([row // 2 % 4 < 2 for row in range(120)])
    assert score[odd].min() > score[~odd].max()


def test_the_module_reads_as_the_fit_does(fitted, tmp_path):
    x, _, _, (readout, readings) = fitted
    grid = torch.from_numpy(x[:, :768])[:, None].expand(-1, 49, -1)
    stats = torch.from_numpy(x[:, 768:]).unflatten(1, (12, 384))
    with torch.no_grad():
        words, scores = readout(grid, stats)
    assert words.shape == (120, 4)  # no more words are known here
    assert (np.sort(words[:, :2].numpy()) == np.sort(readings.words[:, :2])).mean() > 0.95
    assert scores.shape == (120, SCORES)
    save_readout(tmp_path / "readout.safetensors", readout, readings)
    again, kept = load_readout(tmp_path / "readout.safetensors")
    with torch.no_grad():
        torch.testing.assert_close(again(grid, stats)[1], scores)
    np.testing.assert_array_equal(kept.words, readings.words)


def test_a_real_image_has_no_abnormal_targets():
    image = ImageRef(id="r", path="x.jpg", label=Label.REAL)
    target = trace_targets(ChainRecord(image=image, traces={}))
    assert np.isnan(target[: len(CRITERION_IDS)]).all()
    assert (target[len(CRITERION_IDS) :] == 0).all()


def test_captions_are_read_and_a_broken_table_is_one_error(tmp_path):
    path = tmp_path / "captions.csv"
    path.write_text("id,kind,caption,words\na,photo,A cat on a sofa.,fur window\n")
    (caption,) = read_captions(path).values()
    assert (caption.sentence, caption.kind, caption.words) == ("A cat on a sofa.", "photo", "fur window")
    path.write_text("id,text\na,b\n")
    with pytest.raises(DataError, match="captions"):
        read_captions(path)
    with pytest.raises(DataError, match="captions"):
        read_captions(tmp_path / "none.csv")
