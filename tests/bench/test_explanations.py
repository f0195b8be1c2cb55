"""Explanations against references, with scripted examinations."""

import json
from math import comb

import numpy as np
import pytest

from fakescope.bench.data import Reference, Sample, load_references, load_samples
from fakescope.bench.explain import bench_explain
from fakescope.bench.explanations import (
    Examined,
    agreement_figures,
    criteria_figures,
    examine_samples,
    most_frequent_criteria,
    nearest_figures,
)
from fakescope.errors import DataError, ImageError
from fakescope.records import Evidence, Examination, Label, Verdict


def examination(image_id, description="", label=Label.FAKE, abnormal=(), revision="1"):
    verdict = Verdict(
        label=label, reason=None if label else "unsure", p_fake=0.9 if label is Label.FAKE else 0.1, llr=0,
        answer_mass=1, threshold=0.5, band=(0.4, 0.6), calibration="none", model="scripted",
    )  # fmt: skip
    evidence = tuple(Evidence(criterion=c, finding="abnormal", observation="x") for c in abnormal)
    return Examination(
        path=image_id, sha256="0" * 64, format="JPEG", width_px=1, height_px=1, size_bytes=1, verdict=verdict,
        description=description, evidence=evidence, model="scripted", model_revision=revision, prompt_hash="",
    )  # fmt: skip


def item(place, description, wanted="", label=Label.FAKE, marked=(), abnormal=()):
    image_id = f"i{place}"
    return Examined(
        Sample(image_id, label, "test", None, source=f"s{place % 3}"),
        examination(image_id, description, abnormal=marked),
        Reference(image_id, label, wanted, frozenset(abnormal)),
    )


def by_number(texts):
    """The number n at the end of a text as a point on an arc: the nearer the numbers, the more similar."""
    angle = np.array([float(t.split()[-1]) for t in texts]) * np.pi / 200
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def test_a_description_of_its_own_image_is_always_nearest():
    items = [item(i, f"d {i}", f"r {i}") for i in range(20)]
    got = nearest_figures(items, by_number, draws=50)
    assert got["share"] == got["share_one_draw"] == 1.0
    assert got["images"] == 20


def test_the_same_description_for_all_is_at_chance():
    items = [item(i, "d 0", f"r {i}") for i in range(20)]
    got = nearest_figures(items, by_number, draws=50)
    # Image i has 19 - i references farther off; the exact mean over all draws of nine.
    expected = np.mean([comb(19 - i, 9) / comb(19, 9) for i in range(20)])
    assert got["share"] == pytest.approx(expected)
    assert got["share"] == pytest.approx(0.1)
    tied = [item(i, "d 0", "r 0") for i in range(20)]
    assert nearest_figures(tied, by_number, draws=50)["share"] == 0.0  # a tie is not nearest


def test_classes_are_not_mixed_and_small_ones_not_scored():
    items = [item(i, f"d {i}", f"r {i}") for i in range(9)]
    assert nearest_figures(items, by_number)["share"] is None
    items += [item(20 + i, f"d {i}", f"r {i}", Label.REAL) for i in range(10)]
    got = nearest_figures(items, by_number, draws=20)
    assert got["images"] == 10
    assert set(got["by_class"]) == {"real"}


def test_criteria_beside_the_blind_baseline():
    items = [
        item(0, "", marked=["texture", "edge"], abnormal=["texture"]),
        item(1, "", marked=["anatomy"], abnormal=["anatomy", "edge"]),
        item(2, "", marked=["shape"], abnormal=[], label=Label.REAL),  # reals are not counted
    ]
    train = [
        Reference(str(i), Label.FAKE, "", frozenset(c))
        for i, c in enumerate([{"texture"}, {"texture"}, {"texture", "tone"}])
    ]
    got = criteria_figures(items, train)
    assert got["images"] == 2
    assert got["micro_f1"] == pytest.approx(2 * 2 / (3 + 3))
    assert (got["precision"], got["recall"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert got["baseline_criteria"] == ["texture"]
    assert got["baseline_micro_f1"] == pytest.approx(2 * 1 / (2 + 3))


def test_the_baseline_picks_the_best_k_on_train():
    references = [frozenset({"texture", "edge"})] * 3 + [frozenset({"texture", "edge", "tone"})]
    assert most_frequent_criteria(references) == ("edge", "texture")
    with pytest.raises(DataError):
        most_frequent_criteria([frozenset()])


def test_agreement_counts_abstentions_apart():
    sample = Sample("a", Label.FAKE, "test", None)
    items = [
        (sample, examination("a", "This image is fake.")),
        (sample, examination("a", "This image is real.")),
        (sample, examination("a", "A real photograph would differ.")),
        (sample, examination("a", "It cannot be decided.", label=None)),
        (sample, examination("a", "This image is fake.", label=None)),
    ]
    got = agreement_figures(items)
    assert got["decided_agree"] == pytest.approx(1 / 3)
    assert got["abstained_state_no_label"] == 0.5
    assert got["agree"] == pytest.approx(2 / 5)
    assert got["stated"] == {"fake": 2, "inconclusive": 1, "real": 1, "unstated": 1}


class TestResume:
    def run(self, folder, cache, fail=(), revision="1"):
        calls = []

        def examine(path):
            calls.append(path.stem)
            if path.stem in fail:
                raise ImageError("broken")
            return examination(path.stem, revision=revision)

        samples = load_samples(folder, ["test"])
        done, errors = examine_samples(examine, samples, cache, ("scripted", revision))
        return calls, done, errors

    def test_a_second_run_examines_nothing_again(self, folder, tmp_path):
        cache = tmp_path / "new" / "e.jsonl"
        calls, first, _ = self.run(folder, cache)
        assert len(calls) == 8
        calls, second, _ = self.run(folder, cache)
        assert calls == []
        assert second == first

    def test_a_half_written_line_is_examined_again(self, folder, tmp_path):
        cache = tmp_path / "e.jsonl"
        self.run(folder, cache)
        cache.write_bytes(cache.read_bytes()[:-40])
        calls, done, _ = self.run(folder, cache)
        assert len(calls) == 1
        assert len(done) == 8
        assert self.run(folder, cache)[0] == []

    def test_another_revision_is_examined_again(self, folder, tmp_path):
        self.run(folder, tmp_path / "e.jsonl")
        calls, done, _ = self.run(folder, tmp_path / "e.jsonl", revision="2")
        assert len(calls) == 8
        assert {e.model_revision for e in done.values()} == {"2"}

    def test_errors_are_named_and_tried_again(self, folder, tmp_path):
        _, done, errors = self.run(folder, tmp_path / "e.jsonl", fail=["fake002"])
        assert set(errors) == {"fake002"}
        assert len(done) == 7
        assert self.run(folder, tmp_path / "e.jsonl")[0] == ["fake002"]


def test_the_report(model, tmp_path, make_folder, monkeypatch):
    class Letters:
        """Texts as counts of their words: enough to tell "scene 3" from "scene 4"."""

        def encode(self, texts):
            vocabulary = sorted(
                {word for text in texts for word in text.split()} | {f"{i}." for i in range(40)}
            )
            counts = np.array([[text.split().count(word) for word in vocabulary] for text in texts], float)
            return counts / np.linalg.norm(counts, axis=1, keepdims=True)

    monkeypatch.setattr("fakescope.bench.explain.load_sentence_encoder", Letters)
    folder = make_folder(tmp_path / "data", per_class=33)
    references = load_references(folder)

    def examine(path):
        wanted = references[path.stem]
        return examination(path.stem, wanted.description, wanted.label, wanted.abnormal)

    report = bench_explain(model, examine, folder, tmp_path / "e.jsonl", draws=20)
    report.write(tmp_path / "out")
    figures = json.loads((tmp_path / "out" / "explain.json").read_text())
    assert figures["images"] == 22
    assert figures["nearest"]["share"] == 1.0
    assert figures["criteria"]["micro_f1"] == 1.0
    assert figures["agreement"]["agree"] == 1.0
    assert "own reference nearest of ten" in (tmp_path / "out" / "explain.md").read_text()
