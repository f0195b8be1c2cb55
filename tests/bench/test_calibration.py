"""Calibration of a model: figures, averaging, what is written, and what is refused."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fakescope.bench.calibration import QUESTIONS, Asked, ask_all, fit
from fakescope.bench.data import load_samples
from fakescope.bench.reliability_chart import reliability_chart
from fakescope.errors import DataError
from fakescope.images.load import LoadedImage, load_image
from fakescope.models.base import ANSWER_PREFIX, Logits, ModelCard, Wording
from fakescope.models.card import read_card
from fakescope.models.zoo import load_model
from fakescope.verdict.judge import judge_image
from fakescope.verdict.soft_score import sigmoid


class Overconfident:
    """Four times too sure, biased by its wording; with a wording that it gets upside down."""

    card = ModelCard(
        "sure",
        "1",
        "MIT",
        ("fake",),
        ("real",),
        limits=("Its probability is not calibrated yet.", "It is a test."),
    )

    def token_id(self, word: str) -> int | None:
        return {"fake": 0, "real": 1}.get(word)

    def answer_logits_pixels(self, pictures: Sequence[Any]) -> list[Logits]:
        return []

    def answer_logits_questions(
        self, image: LoadedImage, questions: Sequence[str], prefix: str = ANSWER_PREFIX
    ) -> list[Logits]:
        llr = (float(np.asarray(image.pixels).mean()) - 127.5) / 20
        values = [
            4 * llr + 3 + 0.1 * len(question) * (1 if at else 0) for at, question in enumerate(questions)
        ]
        if len(values) > 2:
            values[2] = -values[2]
        return [Logits(np.array([value, 0, -20], np.float32)) for value in values]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root: Path = tmp_path_factory.mktemp("labelled")
    (root / "images").mkdir()
    rng = np.random.default_rng(0)
    with (root / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "label", "split"])
        for number in range(120):
            llr = rng.normal(0, 2)
            label = "fake" if rng.random() < sigmoid(llr) else "real"
            grey = int(np.clip(127.5 + 20 * llr, 0, 255))
            Image.new("RGB", (32, 32), (grey,) * 3).save(root / "images" / f"i{number}.png")
            writer.writerow([f"i{number}", label, "dev" if number < 100 else "test"])
    (root / "images" / "i7.png").write_bytes(b"broken")
    return root


def test_a_model_that_is_too_sure_is_brought_down_to_what_it_knows(folder: Path) -> None:
    model: Any = Overconfident()
    asked = ask_all(model, load_samples(folder, ["dev"]), QUESTIONS[:1])
    assert [Path(path).name for path, _ in asked.failed] == ["i7.png"]
    fitted = fit(model, asked, "made")
    figures = fitted.report.figures["wordings"][0]
    assert fitted.card.calibration.temperature == pytest.approx(4, rel=0.5)
    assert figures["after"]["ece"] < figures["before"]["ece"]
    assert figures["after"]["brier"] < figures["before"]["brier"]
    assert fitted.card.wordings == ()
    assert fitted.card.limits[0] == "It is a test."
    assert "99 images of made" in fitted.card.limits[-1]
    assert set(fitted.curves) == {"before", "after"}
    assert reliability_chart(fitted.curves).count("<polyline") == 2


def test_wordings_are_averaged_and_one_that_is_upside_down_is_left_out(folder: Path) -> None:
    model: Any = Overconfident()
    asked = ask_all(model, load_samples(folder, ["dev"]), QUESTIONS[:5])
    fitted = fit(model, asked, "made", average=True)
    assert [w.question for w in fitted.card.wordings] == [q for at, q in enumerate(QUESTIONS[:5]) if at != 2]
    assert fitted.report.figures["wordings"][2]["calibration"] is None
    model.card = fitted.card
    image = load_image(folder / "images" / "i3.png")
    verdict = judge_image(model, image)
    questions = [w.question for w in fitted.card.wordings]
    single = [
        float(logits.values[0]) / w.calibration.temperature + w.calibration.bias
        for w, logits in zip(fitted.card.wordings, model.answer_logits_questions(image, questions), strict=True)
    ]  # fmt: skip
    # The scripted third answer is upside down wherever it stands, so only the map is checked here.
    mean = np.mean(single) / fitted.card.calibration.temperature + fitted.card.calibration.bias
    assert verdict.llr == pytest.approx(mean, abs=1e-6)


def test_scores_that_fall_with_fakeness_are_not_calibrated() -> None:
    rng = np.random.default_rng(1)
    target = (rng.random(60) < 0.5).astype(float)
    llr = (-3 * target + rng.normal(0, 1, 60))[:, None]
    asked = Asked(QUESTIONS[:1], llr, np.ones((60, 1)), target, (), 1.0, 1.0)
    with pytest.raises(DataError, match="fall with fakeness"):
        fit(Overconfident(), asked, "made")  # type: ignore[arg-type]


def test_figures_of_the_mean_are_of_maps_that_never_saw_the_image(folder: Path) -> None:
    """Scores that say nothing, by many wordings: whoever fits on an image's own label finds something all the same."""
    rng = np.random.default_rng(3)
    target = np.repeat([0.0, 1.0], 30)
    llr = rng.normal(0, 1, (60, 3)) + 0.1 * target[:, None]
    asked = Asked(QUESTIONS[:3], llr, np.ones((60, 3)), target, (), 1.0, 1.0)
    try:
        fitted = fit(Overconfident(), asked, "made", average=True)  # type: ignore[arg-type]
    except DataError:
        pytest.skip("by chance the scores fall")
    mean = fitted.report.figures["mean"]
    assert mean["nll"] > 0.66  # an honest coin has .693
    written = fitted.report.figures["as_written"]
    assert 0 <= written["abstained"] <= 1
    assert fitted.report.figures["spread_before"].keys() == fitted.report.figures["spread"].keys()


class Keeping(Overconfident):
    """A server that keeps a label word back on dark pictures."""

    def answer_logits_questions(self, image: Any, questions: Any, prefix: str = "") -> list[Logits]:
        found = super().answer_logits_questions(image, questions)
        if image.pixels.getpixel((0, 0))[0] > 90:
            return found
        few = np.array([-0.1], np.float32)
        return [Logits(few, np.array([1]), logprobs=True) for _ in found]


def test_images_whose_scores_are_known_within_bounds_only_are_left_out_and_counted(folder: Path) -> None:
    model: Any = Keeping()
    asked = ask_all(model, load_samples(folder, ["dev"]), QUESTIONS[:1])
    assert asked.bounded > 5
    assert len(asked.target) + asked.bounded == 99
    assert fit(model, asked, "made").report.figures["bounded"] == asked.bounded


def test_too_few_images_are_told(folder: Path) -> None:
    with pytest.raises(DataError, match="at least 10 of each"):
        ask_all(Overconfident(), load_samples(folder, ["dev"])[:12], QUESTIONS[:1])  # type: ignore[arg-type]


def test_the_embedded_model_gives_the_same_by_one_reading_of_the_image() -> None:
    model = load_model()
    image = load_image(Path(__file__).parents[2] / "examples" / "images" / "real-fallen-leaf.jpg")
    together = model.answer_logits_questions(image, QUESTIONS[:4])
    for question, logits in zip(QUESTIONS, together, strict=False):
        np.testing.assert_allclose(logits.values, model.answer_logits(image, question).values, atol=1e-4)


@pytest.mark.slow
def test_the_command_writes_a_card_that_models_are_then_read_with(folder: Path, tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "fakescope", *words],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )

    done = run("calibrate", "fakescope-nano", str(folder), "--wordings", "3", "--average", "--json")
    if "fall with fakeness" in done.stderr:  # grey squares are no pictures
        pytest.skip("the embedded model does not rank these")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    card = read_card(tmp_path / told["card"])
    assert isinstance(card.wordings[0], Wording)
    assert (tmp_path / "calibration-fakescope-nano" / "reliability.svg").read_text().startswith("<svg")
    image = str(folder / "images" / "i3.png")
    seen = run("detect", image, "--json", "--model", f"fakescope-nano?card={told['card']}")
    assert json.loads(seen.stdout)["calibration"] == card.calibration.id
    refused = run("calibrate", "fakescope-nano", str(folder), "--split", "test")
    assert refused.returncode != 0
    assert "nothing is fitted on a test split" in refused.stderr
