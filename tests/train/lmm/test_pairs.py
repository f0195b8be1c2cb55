"""Reviews of drafts become pairs of texts; whatever cannot be one is counted with its reason."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow")
sys.path.insert(0, str(Path(__file__).parent))

import pyarrow.parquet as pq
from made_reviews import good_and_bad, make_draft, make_review, reviewed
from typer.testing import CliRunner

from fakescope.chain.release.write import ALL, Release, write_release
from fakescope.cli.train import app
from fakescope.errors import DataError
from fakescope.files import sha256_of
from fakescope.instruct.read import read_images
from fakescope.prompts.product import DESCRIBE_PROMPT
from fakescope.records import ChainRecord, Label
from fakescope.train.lmm import pair_rules
from fakescope.train.lmm.pairs import load_pairs, make_pairs, read_manifest

A = "This image is fake because the sleeve melts into the arm."
B = "This image is fake because it looks odd."
C = "This image is fake because the roof has no edge."
REAL = "This image is real because the grain is even."


def pairs_of(*args: Any, **changes: Any) -> tuple[list[pair_rules.Pair], Counter[str]]:
    dropped: Counter[str] = Counter()
    return pair_rules.pairs_of(reviewed(*args, **changes), dropped), dropped


def test_a_draft_that_was_accepted_over_one_that_was_rejected() -> None:
    pairs, dropped = pairs_of(
        [make_draft("a", A), make_draft("b", B), make_draft("c", C)],
        [make_review("a", "accept"), make_review("b", "reject", reason="vague")],
    )
    assert pairs == [
        pair_rules.Pair("fake0/0", "fake0", "train", "drafts", A, B, chosen_draft="a", rejected_draft="b",
                        reason="vague")
    ]  # fmt: skip
    assert not dropped


def test_what_a_reviewer_made_of_a_draft_over_the_draft_and_over_what_was_rejected() -> None:
    pairs, dropped = pairs_of(
        [make_draft("b", B), make_draft("c", C)],
        [make_review("b", "revise", description=A, reason="made it concrete"), make_review("c", "reject")],
    )
    assert [(p.id, p.kind, p.chosen, p.rejected, p.rejected_draft) for p in pairs] == [
        ("fake0/0", "revision", A, B, "b"),
        ("fake0/1", "drafts", A, C, "c"),
    ]
    assert pairs[0].reason == "made it concrete"
    assert not dropped


def test_a_revision_of_something_else_is_no_pair_and_its_draft_is_taken() -> None:
    pairs, dropped = pairs_of(
        [make_draft("a", A), make_draft("b", B)],
        [make_review("a", "revise", limits="It is small."), make_review("b", "reject")],
    )
    assert [(p.kind, p.chosen, p.rejected) for p in pairs] == [("drafts", A, B)]
    assert not dropped


def test_the_last_review_of_a_person_counts() -> None:
    pairs, _ = pairs_of(
        [make_draft("a", A), make_draft("b", B)],
        [make_review("a", "reject"), make_review("b", "accept"), make_review("b", "reject"),
         make_review("a", "accept")],
    )  # fmt: skip
    assert [(p.chosen, p.rejected) for p in pairs] == [(A, B)]


def test_a_draft_on_which_people_disagree_is_left_out_until_somebody_adjudicates() -> None:
    drafts = [make_draft("a", A), make_draft("b", B)]
    reviews = [make_review("a", "accept"), make_review("b", "reject"), make_review("b", "accept", "ben")]
    assert pairs_of(drafts, reviews) == ([], Counter({pair_rules.DISAGREED: 1}))
    pairs, dropped = pairs_of(drafts, [*reviews, make_review("b", "reject", "ada", role="adjudicator")])
    assert [(p.chosen, p.rejected) for p in pairs] == [(A, B)]
    assert not dropped


@pytest.mark.parametrize(
    ("taken", "rejected", "reason"),
    [
        (A, f"  {A}\n", pair_rules.EQUAL),
        (A, "", pair_rules.EMPTY),
        ("\u200b", B, pair_rules.EMPTY),
        (A, REAL, pair_rules.OTHER_LABEL),
        (REAL, B, pair_rules.OTHER_LABEL),
        (A, f"{B} No: this image is real.", pair_rules.OTHER_LABEL),
        (A, B + " very" * 1000, pair_rules.LONG),
    ],
)
def test_texts_that_cannot_be_used(taken: str, rejected: str, reason: str) -> None:
    drafts = [make_draft("a", taken), make_draft("b", rejected)]
    assert pairs_of(drafts, [make_review("a", "accept"), make_review("b", "reject")]) == (
        [],
        Counter({reason: 1}),
    )


def test_pairs_that_are_there_already_and_reviews_that_lead_nowhere() -> None:
    drafts = [make_draft("a", A), make_draft("b", B), make_draft("c", B)]
    reviews = [make_review("a", "accept"), make_review("b", "reject"), make_review("c", "reject")]
    pairs, dropped = pairs_of(drafts, [*reviews, make_review("lost", "reject")])
    assert len(pairs) == 1
    assert dropped == Counter({pair_rules.TWICE: 1, pair_rules.UNKNOWN: 1})
    record = reviewed(drafts, reviews)
    bare = record.model_copy(update={"image": record.image.model_copy(update={"label": None})})
    counted: Counter[str] = Counter()
    assert pair_rules.pairs_of(bare, counted) == []
    assert counted == Counter({pair_rules.NO_LABEL: 1})


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return write(
        [
            *(good_and_bad(n, label, split) for label in Label for n, split in enumerate(["train"] * 3 + ["dev"])),
            good_and_bad(8, Label.FAKE, "test"),
            reviewed([make_draft("x", A), make_draft("y", REAL)],
                     [make_review("x", "accept", image="fake9"), make_review("y", "reject", image="fake9")], 9),
        ],
        tmp_path / "release",
    )  # fmt: skip


def write(records: list[ChainRecord], folder: Path) -> Path:
    write_release(records, folder, Release("made", "1"), statuses=ALL)
    return folder


def test_a_release_becomes_a_folder_that_says_what_it_holds(release: Path, tmp_path: Path) -> None:
    made = make_pairs(release, tmp_path / "pairs")
    assert (made.records, made.images) == (9, 8)
    assert made.pairs == Counter(train=6, dev=2)
    assert made.kinds == Counter(drafts=8)
    assert made.dropped == Counter({pair_rules.OTHER_LABEL: 1})
    told = read_manifest(tmp_path / "pairs")
    assert told["pairs"] == {"train": 6, "dev": 2}
    assert told["dropped"] == {pair_rules.OTHER_LABEL: 1}
    assert told["release"]["name"] == "made"
    assert told["release"]["sha256"] == sha256_of(release / "release.json")
    for file in told["files"]:
        assert file["sha256"] == sha256_of(tmp_path / "pairs" / file["name"])
    row = pq.read_table(tmp_path / "pairs" / "data" / "dev-00000.parquet").to_pylist()[0]
    assert row["prompt"] == [{"role": "user", "content": DESCRIBE_PROMPT}]
    assert (row["chosen_draft"], row["reason"]) == (f"{row['image']}-good", "vague")
    images = read_images(tmp_path / "pairs")
    assert len(images) == 9, (
        "dev is looked at, so images without a pair are there, too; those of test are not"
    )
    assert images["fake0"]["path"] == ""
    assert {row["split"] for row in images.values()} == {"train", "dev"}


def test_the_same_release_gives_the_same_bytes_and_takes_the_place_of_what_was_there(
    release: Path, tmp_path: Path
) -> None:
    make_pairs(release, tmp_path / "pairs")
    first = (tmp_path / "pairs" / "pairs.json").read_bytes()
    make_pairs(release, tmp_path / "pairs", ["train"])
    assert not (tmp_path / "pairs" / "data" / "dev-00000.parquet").exists()
    make_pairs(release, tmp_path / "pairs")
    assert (tmp_path / "pairs" / "pairs.json").read_bytes() == first
    assert {path.name for path in tmp_path.iterdir()} == {"release", "pairs"}


def test_what_is_refused(release: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not made of the split test"):
        make_pairs(release, tmp_path / "pairs", ["test"])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(DataError, match="no finished pairs"):
        make_pairs(release, tmp_path / "mine")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    for folder in (release, release / "pairs", tmp_path):
        with pytest.raises(DataError, match="holds the release"):
            make_pairs(release, folder)
    with pytest.raises(DataError, match="is not a release"):
        make_pairs(tmp_path / "mine", tmp_path / "pairs")
    alone = write([reviewed([make_draft("a", A)], [make_review("a", "accept")])], tmp_path / "alone")
    with pytest.raises(DataError, match="gives no pairs"):
        make_pairs(alone, tmp_path / "pairs")
    assert not (tmp_path / "pairs").exists()


def test_pairs_are_loaded_in_an_order_that_the_seed_settles(release: Path, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    make_pairs(release, tmp_path / "pairs", ["train"])
    rows = load_pairs(tmp_path / "pairs", "train", seed=1)
    assert len(rows) == 6
    assert rows[0]["length"] == max(len(rows[0]["chosen"]), len(rows[0]["rejected"]))
    assert load_pairs(tmp_path / "pairs", "train", limit=2, seed=1)["id"][:] == rows["id"][:2]
    with pytest.raises(DataError, match="no pairs of the split dev"):
        load_pairs(tmp_path / "pairs", "dev")
    with pytest.raises(DataError, match="no finished pairs"):
        load_pairs(release, "train")


def test_the_command_tells_what_it_made(release: Path, tmp_path: Path) -> None:
    out = tmp_path / "pairs"
    done = CliRunner().invoke(app, ["pairs", str(release), str(out), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told["pairs"] == {"train": 6, "dev": 2}
    assert told["dropped"] == {pair_rules.OTHER_LABEL: 1}
    shown = CliRunner().invoke(app, ["pairs", str(release), str(out), "--split", "train"])
    assert "pairs, train" in shown.output
    assert pair_rules.OTHER_LABEL in shown.output
    failed = CliRunner().invoke(app, ["pairs", str(release), str(out), "--split", "test"])
    assert isinstance(failed.exception, DataError)
