"""Tasks from labelled images to logs and figures, with a scripted model: resume, failures, strict answers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from fakescope.bench import metrics
from fakescope.bench.closed import read_answer
from fakescope.bench.compare import compare
from fakescope.bench.data import load_samples
from fakescope.bench.engine import run_task
from fakescope.bench.log import read_log
from fakescope.bench.subject import ModelSubject
from fakescope.bench.suite import run_suite
from fakescope.bench.tasks import TASKS, find_task
from fakescope.bench.tasks.closed import Closed
from fakescope.bench.tasks.detection import Detection
from fakescope.bench.tasks.wild import Wild
from fakescope.cli.bench import app
from fakescope.errors import ConfigError, DataError
from fakescope.images.load import load_image
from fakescope.prompts.paper import FAKEBENCH_CLASS_QUESTIONS
from fakescope.records import Label
from fakescope.verdict.judge import judge_image


class Plain:
    """A detector that gives a probability and no words."""

    model = None
    identity = {"name": "plain", "revision": "1"}  # noqa: RUF012

    def __init__(self, model: Any) -> None:
        self._model = model

    def judge(self, images: Any) -> list[Any]:
        return [judge_image(self._model, image) for image in images]


def run(task: Any, model: Any, folder: Any, path: Any, **options: Any) -> Any:
    return run_task(task, ModelSubject(model), load_samples(folder, ["test"]), path, data="made", **options)


def test_a_log_says_what_was_run_and_every_verdict(model, folder, tmp_path):
    log = run(Detection(), model, folder, tmp_path / "a" / "detection.jsonl")
    again = read_log(tmp_path / "a" / "detection.jsonl")
    assert again == log
    assert again.head.task == "detection"
    assert again.head.subject["name"] == "scripted"
    assert again.head.data["images"] == len(again.scores) == 8
    by_image = {s.id: s for s in load_samples(folder)}
    for score in again.scores:
        verdict = judge_image(model, load_image(by_image[score.image].path))
        assert score.p_fake == pytest.approx(verdict.p_fake)
        assert score.label is by_image[score.image].label


def test_a_stopped_run_goes_on_behind_its_last_whole_line(model, folder, tmp_path):
    path = tmp_path / "wild.jsonl"
    task = Wild(["jpeg:70", "resize:0.5"])
    whole = run(task, model, folder, tmp_path / "whole.jsonl")
    run(task, model, folder, path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:8]) + lines[8][:20])
    model.batches.clear()
    resumed = run(task, model, folder, path)
    assert sum(model.batches) == 24 - 7
    assert sorted(resumed.scores, key=lambda s: s.key) == sorted(whole.scores, key=lambda s: s.key)
    model.batches.clear()
    run(task, model, folder, path)
    assert model.batches == []


def test_another_run_is_not_mixed_into_a_log(model, folder, tmp_path):
    path = tmp_path / "wild.jsonl"
    run(Wild(["jpeg:70"]), model, folder, path)
    with pytest.raises(DataError, match="options differ"):
        run(Wild(["jpeg:60"]), model, folder, path)
    assert len(run(Wild(["jpeg:60"]), model, folder, path, fresh=True).scores) == 16


def test_failed_trials_are_named_counted_and_can_be_run_again(model, folder, tmp_path):
    samples = load_samples(folder, ["test"])
    samples[1].path.write_bytes(b"no image")
    model.refuse = {samples[3].id, samples[5].id}
    path = tmp_path / "detection.jsonl"
    log = run(Detection(), model, folder, path)
    assert {score.image for score in log.failed} == {samples[i].id for i in (1, 3, 5)}
    found = Detection().figures(log, draws=0)
    assert found.values["images"] == 5
    assert found.values["unread"] == 3
    assert "3 of 8 trials failed" in found.warnings[0]
    assert found.values["auroc_if_errors_were_wrong"] < found.values["auroc"]
    model.refuse = set()
    assert [score.image for score in run(Detection(), model, folder, path, retry=True).failed] == [samples[1].id]
    assert [score.image for score in read_log(path).failed] == [samples[1].id]


def test_broken_logs_are_told(tmp_path):
    for text in ("", "no json\n", "[]\n", '{"task": 5}\n', "{}\n"):
        (tmp_path / "log.jsonl").write_text(text)
        with pytest.raises(DataError):
            read_log(tmp_path / "log.jsonl")


def test_a_plain_detector_takes_what_asks_for_no_words(model, folder, tmp_path):
    subject = Plain(model)
    with pytest.raises(ConfigError, match="gives none"):
        run_task(Closed(), subject, load_samples(folder, ["test"]), tmp_path / "x.jsonl", data="made")
    reports = [*run_suite(subject, folder, tmp_path, tasks=["detection"], draws=0)]
    assert [report.name for report in reports] == ["detection"]
    assert (tmp_path / "plain-1" / "detection.jsonl").is_file()


def test_curves_and_costs_of_perturbations(model, folder, tmp_path):
    task = Wild(["gamma:0.5", "gamma:2", "jpeg:50"])
    found = task.figures(run(task, model, folder, tmp_path / "wild.jsonl"), draws=0)
    assert [value for value, _ in found.values["curves"]["gamma"]] == [0.5, 2]
    assert "jpeg" not in found.values["curves"]
    rows = found.values["perturbations"]
    assert rows["none"]["auroc_lost"] == 0
    assert rows["gamma:2"]["accuracy_fake"] <= rows["none"]["accuracy_fake"]


FIRST, IS_FAKE, IS_REAL = FAKEBENCH_CLASS_QUESTIONS


@pytest.mark.parametrize(
    ("question", "answer", "label"),
    [
        (FIRST, "Fake.", "fake"),
        (FIRST, "This image is real.", "real"),
        (FIRST, "It's fake", "fake"),
        (FIRST, "Not real.", "fake"),
        (FIRST, "The image looks unrealistic.", None),
        (FIRST, "Real or fake, who knows?", None),
        (FIRST, "fake/real", None),
        (FIRST, "This image is fake. This image is real.", None),
        (FIRST, "Real. In fact this image is fake.", None),
        (FIRST, "", None),
        (IS_FAKE, "Yes.", "fake"),
        (IS_FAKE, "No, it is real.", "real"),
        (IS_FAKE, "no", "real"),
        (IS_REAL, "Yes", "real"),
        (IS_REAL, "No.", "fake"),
        (IS_REAL, "Yes, but this image is fake.", None),
        (IS_REAL, "Yesterday", None),
        (IS_REAL, "I cannot say.", None),
    ],
)
def test_answers_are_read_strictly(question, answer, label):
    assert read_answer(question, answer) == (Label(label) if label else None)


def test_closed_answers_that_cannot_be_read_are_wrong(model, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(model, "generate_batch", lambda *_, **__: ["Hard to say."])
    found = Closed().figures(run(Closed(), model, folder, tmp_path / "closed.jsonl"), draws=0)
    for row in found.values["wordings"].values():
        assert row["accuracy"] == 0
        assert row["unparsable"] == 1
    assert "100%" in found.warnings[0]
    assert found.values["agreement"] == 0


def test_who_always_says_fake_has_half(model, folder, tmp_path):
    found = Closed().figures(run(Closed(), model, folder, tmp_path / "closed.jsonl"), draws=0)
    for row in found.values["wordings"].values():
        assert (row["accuracy_fake"], row["accuracy_real"], row["balanced_accuracy"]) == (1, 0, 0.5)
    assert found.values["agreement"] == 1


def test_two_logs_are_compared_image_by_image(model, folder, tmp_path):
    first = run(Detection(), model, folder, tmp_path / "a.jsonl")
    model.refuse = {first.scores[0].image}
    second = run(Detection(), model, folder, tmp_path / "b.jsonl")
    report = compare(first, second, draws=50)
    row = report.figures["variants"][""]
    assert row["images"] == 7
    assert row["metrics"]["AUROC"]["difference"] == 0
    assert row["metrics"]["AUROC"]["p"] == 1
    assert row["metrics"]["Brier"]["interval"] == (0, 0)
    with pytest.raises(DataError, match="cannot be compared: task"):
        compare(first, run(Wild(["jpeg:70"]), model, folder, tmp_path / "c.jsonl"))


def test_the_commands(model, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("fakescope.models.zoo.load_model", lambda name=None: model)
    out = tmp_path / "out"
    words = ["run", "detection", "closed", "--data", str(folder), "--out", str(out), "--draws", "9"]
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 0, told.output
    assert json.loads((out / "scripted-1" / "detection.json").read_text())["head"]["task"] == "detection"
    log = str(out / "scripted-1" / "detection.jsonl")
    told = CliRunner().invoke(app, ["compare", log, log, "--out", str(out)])
    assert told.exit_code == 0, told.output
    assert (out / "compare.md").is_file()
    told = CliRunner().invoke(app, ["tasks"])
    assert all(name in told.output for name in TASKS)
    with pytest.raises(ConfigError, match="there is no task"):
        find_task("guessing")


class TestPairedTests:
    def test_delong_agrees_with_resampling(self):
        rng = np.random.default_rng(0)
        y = (rng.random(300) < 0.4).astype(int)
        a, b = y + rng.normal(size=300), 0.6 * y + rng.normal(size=300)
        difference, p = metrics.delong(a, b, y)
        assert difference == pytest.approx(metrics.auroc(a, y) - metrics.auroc(b, y))
        places = [np.flatnonzero(y == k) for k in (0, 1)]
        drawn = []
        for _ in range(500):
            i = np.concatenate([rng.choice(place, len(place)) for place in places])
            drawn.append(metrics.auroc(a[i], y[i]) - metrics.auroc(b[i], y[i]))
        assert p == pytest.approx(2 * (1 - _normal(abs(difference) / np.std(drawn))), abs=0.03)

    def test_delong_of_one_model_with_itself(self):
        y = [0, 1, 0, 1, 1]
        assert metrics.delong([1, 2, 3, 4, 5], [1, 2, 3, 4, 5], y) == (0.0, 1.0)
        with pytest.raises(metrics.UnscoredError):
            metrics.delong([1, 2], [1, 2], [0, 1])
        with pytest.raises(DataError):
            metrics.delong([1, float("nan")], [1, 2], [0, 1])

    def test_mcnemar_is_the_binomial_test(self):
        from scipy.stats import binomtest

        rng = np.random.default_rng(1)
        a, b = rng.random(60) < 0.8, rng.random(60) < 0.6
        only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
        assert metrics.mcnemar(a, b) == pytest.approx(binomtest(only_a, only_a + only_b).pvalue, abs=1e-12)
        assert metrics.mcnemar(a, a) == 1

    def test_risk_coverage(self):
        coverage, risk = metrics.risk_coverage([0.9, 0.8, 0.1], [0, 1, 1])
        np.testing.assert_allclose(coverage, [1 / 3, 2 / 3, 1])
        np.testing.assert_allclose(risk, [0, 1 / 2, 2 / 3])
        assert metrics.aurc([1, 1, 1, 1], [1, 0, 0, 1]) == pytest.approx(0.5)  # ties say nothing
        with pytest.raises(DataError):
            metrics.aurc([float("nan")], [0])


def _normal(z: float) -> float:
    from scipy.stats import norm

    return float(norm.cdf(z))
