"""Made-up records with all findings, and the real seed where it is at hand."""

from pathlib import Path

import pytest
from made_records import make_record

from fakescope.chain import load_seed, read_labels
from fakescope.instruct.mixture import build_instructions
from fakescope.records import Label

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def made():
    """60 train records of both classes, 10 dev, and 10 of the test split."""
    splits = ["train"] * 30 + ["dev"] * 5 + ["test"] * 5
    return [make_record(i, label, split) for label in Label for i, split in enumerate(splits)]


@pytest.fixture(scope="session")
def seed_records():
    """The records of the real seed, all splits."""
    if not SHARED.is_dir():
        pytest.skip("the seed is not here")
    return load_seed(SHARED / "chain.jsonl", SHARED / "labels.csv").records


@pytest.fixture(scope="session")
def seed_instructions(seed_records):
    """All conversations of the real seed and its label-only images."""
    images = read_labels(SHARED / "labels.csv").values()
    return list(build_instructions(seed_records, images, seed=5))
