"""The loop learns: a tiny LLaVA from random weights tells two hundred images apart, in the paper's words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("datasets")

from fakescope.bench.metrics import auroc
from fakescope.chain.release.seed import from_seed
from fakescope.chain.release.write import ALL, Release, write_release
from fakescope.chain.seed import load_seed
from fakescope.images.load import load_image
from fakescope.instruct.build import Plan, build
from fakescope.instruct.compose import Quota
from fakescope.models.hf.tiny import save_tiny
from fakescope.models.zoo import load_model
from fakescope.prompts.paper import AUTHENTICITY_QUESTION
from fakescope.records import Label, Message
from fakescope.train.lmm.recipe import Recipe
from fakescope.train.lmm.stage import train
from fakescope.verdict.judge import judge_images

DATA = Path(__file__).parents[4] / "shared" / "data"
OF_EACH = 100


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not (DATA / "chain.jsonl").is_file(), reason="the seed is not here")
def test_two_hundred_images_are_told_apart_and_the_answers_keep_to_the_format(tmp_path: Path) -> None:
    seed = load_seed(DATA / "chain.jsonl", DATA / "labels.csv").records
    train_split = [record for record in seed if record.image.split == "train"]
    chosen = [r for label in Label for r in [s for s in train_split if s.image.label is label][:OF_EACH]]
    write_release(map(from_seed, chosen), tmp_path / "release", Release("two hundred", "1"), statuses=ALL)
    build(Plan(tmp_path / "release", tmp_path / "set", Quota(24, 1, 1, 1)))
    base = save_tiny("llava-1.5", tmp_path / "base")
    recipe = Recipe(
        "tune", str(base), trained=("vision", "projector", "language"), parts=("judgement.paper",), steps=360,
        batch=16, learning_rate=3e-4, vision_rate=3e-4, evaluate_every=1000, dev_images=0, checkpointing=False,
        workers=0,
    )  # fmt: skip
    done = train(recipe, tmp_path / "set", DATA / "images", tmp_path / "run")

    model = load_model(str(done.folder))
    images = [load_image(DATA / "images" / f"{record.image.id}.jpg") for record in chosen]
    verdicts = judge_images(model, images)
    target = np.array([record.image.label.target for record in chosen if record.image.label], np.float64)
    assert auroc(np.array([v.llr for v in verdicts]), target) >= 0.95
    assert min(v.answer_mass for v in verdicts) > 0.5
    asked = [Message(role="user", content=AUTHENTICITY_QUESTION)]
    for image, verdict in list(zip(images, verdicts, strict=True))[::40]:
        said = model.generate_batch(image, [asked], max_tokens=16)[0]
        assert said == f"This image is {'fake' if verdict.p_fake >= 0.5 else 'real'}."
