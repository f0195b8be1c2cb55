"""A stage that is killed and started again ends where a straight run ends."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from tiny_nano import batch_maker, features, tiny_nano

from fakescope.train.nano_stages import StageConfig, run_stage, warm_up_forensics

pytestmark = pytest.mark.slow

CONFIG = StageConfig(
    name="tune",
    steps=8,
    warmup=2,
    annotated_images=3,
    label_only_images=4,
    label_only_share=0.4,
    save_every=3,
)


class Killed(BaseException):
    """The run ends here."""


class DyingBatches:
    """Batches up to a step, and then no more."""

    def __init__(self, batches, step: int) -> None:
        self._batches, self._step = batches, step

    def __getattr__(self, name: str):
        def draw(step: int, size: int):
            if step == self._step:
                raise Killed
            return getattr(self._batches, name)(step, size)

        return draw


def silent(text: str) -> None:
    pass


def curve(folder: Path) -> list[dict[str, str]]:
    with (folder / "tune-losses.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def straight(tmp_path_factory, tokenizer):
    folder = tmp_path_factory.mktemp("straight")
    nano = tiny_nano(tokenizer)
    run_stage(nano, CONFIG, batch_maker(tokenizer), folder, silent)
    return nano, curve(folder)


@pytest.mark.parametrize("kill_at", [2, 3, 5, 7])
def test_killed_and_resumed_equals_a_straight_run(tmp_path, tokenizer, straight, kill_at):
    dying = DyingBatches(batch_maker(tokenizer), kill_at)
    with pytest.raises(Killed):
        run_stage(tiny_nano(tokenizer), CONFIG, dying, tmp_path, silent)
    assert len(curve(tmp_path)) == kill_at
    torch.manual_seed(12345)  # another process has another state of chance
    resumed = tiny_nano(tokenizer, seed=0 if kill_at < CONFIG.save_every else 9)
    torch.rand(100)
    run_stage(resumed, CONFIG, batch_maker(tokenizer), tmp_path, silent)
    nano, expected = straight
    rows = curve(tmp_path)
    assert [row["step"] for row in rows] == [str(step) for step in range(CONFIG.steps)]
    assert [row["kind"] for row in rows] == [row["kind"] for row in expected]
    for row, want in zip(rows, expected, strict=True):
        for loss in ("text_loss_nats", "head_loss_nats"):
            assert float(row[loss]) == pytest.approx(float(want[loss]), abs=1.01e-4)
    for name, value in nano.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, atol=1e-5, rtol=0)


def test_a_finished_stage_is_not_run_again(tmp_path, tokenizer):
    run_stage(tiny_nano(tokenizer), CONFIG, batch_maker(tokenizer), tmp_path, silent)
    again = tiny_nano(tokenizer, seed=3)
    run_stage(again, CONFIG, DyingBatches(None, 0), tmp_path, silent)
    assert len(curve(tmp_path)) == CONFIG.steps


def test_label_only_steps_come_in_their_share(straight):
    kinds = [row["kind"] for row in straight[1]]
    assert kinds.count("label-only") == 3
    assert kinds[0] == "annotated"


def test_a_frozen_decoder_stays_as_it_is(tmp_path, tokenizer):
    nano = tiny_nano(tokenizer)
    before = {k: v.clone() for k, v in nano.state_dict().items()}
    config = StageConfig(name="tune", steps=2, warmup=1, annotated_images=2, freeze_decoder=True)
    run_stage(nano, config, batch_maker(tokenizer), tmp_path, silent)
    after = nano.state_dict()
    assert all(torch.equal(after[k], v) for k, v in before.items() if k.startswith("decoder."))
    assert not torch.equal(after["abstractor.to_tokens.weight"], before["abstractor.to_tokens.weight"])


def test_training_lowers_the_loss(tmp_path, tokenizer):
    config = StageConfig(
        name="tune", steps=25, learning_rate=5e-3, warmup=2, annotated_images=4, label_only_images=4
    )
    run_stage(tiny_nano(tokenizer), config, batch_maker(tokenizer), tmp_path, silent)
    losses = [float(row["text_loss_nats"]) for row in curve(tmp_path)]
    assert sum(losses[-3:]) < 0.7 * sum(losses[:3])


def test_the_warm_up_learns_a_visible_difference(tokenizer):
    nano = tiny_nano(tokenizer, dropout=0.0)
    seen = features([f"i{n}" for n in range(40)], views=1)
    fake = torch.tensor([float(n % 2) for n in range(40)])
    stats = torch.from_numpy(seen.stats) + 2 * fake[:, None, None].half()
    loss = warm_up_forensics(nano.abstractor, stats, fake, torch.ones(40), steps=30, rate=1e-3, batch=32)
    assert loss < 0.4
