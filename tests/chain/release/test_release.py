"""A release: what goes in comes out, what is wrong is found, what may not be copied is not."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from chain_help import exemplar
from fakescope.chain.release import read_release, write_release
from fakescope.chain.release.assemble import exemplars_of, final, record_of, records_of
from fakescope.chain.release.diff import changed_texts, diff_releases
from fakescope.chain.release.licences import may_ship
from fakescope.chain.release.load import Loaded, load_release
from fakescope.chain.release.read import read_about
from fakescope.chain.release.stats import blind_figures, stats_of
from fakescope.chain.release.validate import validate_release
from fakescope.chain.release.write import ALL, Release
from fakescope.chain.store import open_store
from fakescope.errors import DataError
from fakescope.records import Draft, Exemplar, ImageRef, Judgement, Label, Review, TraceNote

NOTE = TraceNote(finding="abnormal", observation="The hem melts.", region=(0.1, 0.2, 0.3, 0.4))
IMAGE = ImageRef(id="i", path="x.jpg", label=Label.FAKE, generator="sdxl", split="train", licence="CC BY 4.0")
RELEASE = Release("made", "1")


def draft(id: str = "d", image: str = "i", **changes) -> Draft:
    values = {
        "description": "This image is fake because the hem melts.",
        "traces": {"edge": NOTE, "tone": None},
    }
    return Draft(id=id, image=image, teacher="t:m", prompt_hash="p", at="2026-01-01", **(values | changes))


def review(decision: str = "accept", who: str = "ann", draft: str = "d", **changes) -> Review:
    return Review(draft=draft, image="i", who=who, decision=decision, **changes)


@pytest.fixture
def chain(store):
    """Eight images: drafts for all, reviews for six."""
    for n, ref in enumerate(store.images()):
        label = ref.label.value
        store.append(
            [
                draft(
                    f"d{n}", ref.id, description=f"This image is {label} because of {n}.", subject="A thing."
                ),
                Judgement(
                    image=ref.id, who="ann", said=ref.label, confidence=0.9, right=True, criteria=("edge",)
                ),
            ]
        )
        if n < 6:
            store.append(
                [Review(draft=f"d{n}", image=ref.id, who="bob", decision=("accept", "revise", "reject")[n % 3],
                        description="This image is fake, real, revised." if n % 3 == 1 else None, seconds=5)]
            )  # fmt: skip
    return store


class TestAssembling:
    def test_the_last_review_of_a_person_counts_and_revisions_are_applied(self):
        revised = review("revise", description="This image is fake because I say so.", traces={"tone": NOTE})
        record = record_of(IMAGE, [draft()], [review("reject"), revised], [])
        assert (record.status, record.description) == ("revised", "This image is fake because I say so.")
        assert record.traces == {"tone": NOTE}
        assert record.reviews == (review("reject"), revised)

    def test_annotators_who_differ_leave_it_open_until_an_adjudicator_decides(self):
        reviews = [review("accept"), review("reject", "bob")]
        assert record_of(IMAGE, [draft()], reviews, []).status == "draft"
        reviews.append(review("reject", "eve", role="adjudicator"))
        assert record_of(IMAGE, [draft()], reviews, []).status == "rejected"
        assert record_of(IMAGE, [draft()], [*reviews, review("accept")], []).status == "rejected"

    def test_of_several_drafts_the_one_taken_last_stands(self):
        drafts = [draft("a"), draft("b"), draft("c")]
        assert final(drafts, []) == (drafts[-1], None)
        one, two = review("accept", draft="b"), review("reject", draft="c")
        assert final(drafts, [one, two]) == (drafts[1], one)
        later = review("accept", draft="a")
        assert final(drafts, [one, two, later]) == (drafts[0], later)
        assert final(drafts[2:], [two]) == (drafts[2], two)

    def test_people_lose_their_names_and_machines_keep_them(self, chain):
        record = next(records_of(chain))
        assert {row.who for row in record.judgements} == {"person 1"}
        assert {line.made_by for line in record.lineage} == {"t:m", "person 2"}
        assert {row.who for row in next(records_of(chain, names=True)).judgements} == {"ann"}

    def test_failed_and_plain_drafts_are_no_records(self, store):
        image = next(store.images()).id
        store.append(
            [draft("f", image, fault="timeout", description="", traces={}), draft("p", image, mode="plain")]
        )
        assert list(records_of(store)) == []


def test_what_goes_in_comes_out(chain, tmp_path):
    records = list(records_of(chain))
    written = write_release(records, tmp_path / "out", RELEASE, statuses=ALL)
    assert written.records == 8
    back = list(read_release(tmp_path / "out"))
    assert back == [r.model_copy(update={"image": r.image.model_copy(update={"path": ""})}) for r in records]
    lines = (tmp_path / "out" / "chain.jsonl").read_text().splitlines()
    assert [json.loads(line)["image"]["id"] for line in lines] == [r.image.id for r in records]
    assert validate_release(tmp_path / "out").faults == []
    assert (
        subprocess.run(
            ["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=tmp_path / "out", check=False
        ).returncode
        == 0
    )


def test_only_reviewed_records_go_out_by_default(chain, tmp_path):
    written = write_release(records_of(chain), tmp_path / "out", RELEASE)
    assert (written.records, written.passed_over) == (4, {"draft": 2, "rejected": 2})
    assert read_about(tmp_path / "out")["passed_over"] == {"draft": 2, "rejected": 2}


def test_nothing_to_release_leaves_no_folder(store, tmp_path):
    with pytest.raises(DataError, match="no record to release"):
        write_release(records_of(store), tmp_path / "out", RELEASE)
    assert not (tmp_path / "out").exists()
    (tmp_path / "mine").mkdir()
    with pytest.raises(DataError, match="not a release"):
        write_release(records_of(store), tmp_path / "mine", RELEASE)


@pytest.mark.parametrize("mode", ["embed", "copy"])
def test_images_are_included_only_where_their_licence_allows(chain, tmp_path, mode):
    records = [
        r.model_copy(
            update={"image": r.image.model_copy(update={"licence": "MIT" if n % 2 else "none stated"})}
        )
        for n, r in enumerate(records_of(chain))
    ]
    written = write_release(
        records,
        tmp_path / "out",
        RELEASE,
        images=mode,
        statuses=ALL,
        path_of=lambda r: chain.path_of(r.image),
    )
    assert written.images == {"included": 4, "referred to, licence does not allow copies": 4}
    if mode == "copy":
        assert len(list((tmp_path / "out" / "images").iterdir())) == 4
        assert sum(bool(r.image.path) for r in read_release(tmp_path / "out")) == 4
    else:
        rows = pq.read_table(tmp_path / "out" / "data").to_pylist()
        shown = [Image.open(io.BytesIO(row["image"]["bytes"])) for row in rows if row["image"]]
        assert {(image.format, max(image.size) <= 512) for image in shown} == {("JPEG", True)}
    assert validate_release(tmp_path / "out").faults == []


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["reference", "embed"])
def test_datasets_loads_it_by_splits_and_decodes_images(chain, tmp_path, mode):
    records = [
        r.model_copy(
            update={"image": r.image.model_copy(update={"licence": "MIT", "split": ("train", "dev")[n % 2]})}
        )
        for n, r in enumerate(records_of(chain))
    ]
    write_release(
        records,
        tmp_path / "out",
        RELEASE,
        images=mode,
        statuses=ALL,
        path_of=lambda r: chain.path_of(r.image),
    )
    code = (
        "import sys\nfrom datasets import load_dataset\n"
        "data = load_dataset(sys.argv[1], cache_dir=sys.argv[2])\n"
        "print(sorted(data), len(data['train']), data['train'][0]['traces'][0]['criterion'])\n"
        "print(data['train'][0]['image'].size if 'image' in data['train'].column_names else None)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out"), str(tmp_path / "cache")],
        capture_output=True, text=True, check=True, env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    first, second = ended.stdout.splitlines()[-2:]
    assert first == "['train', 'validation'] 4 edge"
    assert (second == "None") is (mode == "reference")


def test_every_fault_of_a_release_is_found_and_named(chain, tmp_path):
    good = list(records_of(chain))
    first, second = good[0], good[1]

    def changed(record, **image):
        return record.model_copy(update={"image": record.image.model_copy(update=image)})

    bad = [
        first,
        first,
        changed(second, label=None),
        good[2].model_copy(update={"description": "It is odd."}),
        good[3].model_copy(update={"traces": {"smell": NOTE}, "lineage": ()}),
        good[6].model_copy(update={"status": "accepted"}),
        changed(good[4], id="a", phash="0" * 64, split="train"),
        changed(good[5], id="b", phash="0" * 63 + "1", split="test"),
    ]
    write_release(bad, tmp_path / "out", RELEASE, statuses=ALL)
    (tmp_path / "out" / "README.md").write_text("changed")
    (tmp_path / "out" / "more.txt").write_text("more")
    (tmp_path / "out" / "chain.jsonl").unlink()
    said = "\n".join(validate_release(tmp_path / "out").faults)
    for words in (
        "occurs twice", "no label", "does not say that the image is", "unknown criteria: smell",
        "nothing is said of who", "there is no review", "nearly the same picture in several splits",
        "README.md has changed", "more.txt is not in SHA256SUMS", "chain.jsonl is missing",
    ):  # fmt: skip
        assert words in said, words


def test_a_release_of_a_later_schema_is_refused(chain, tmp_path):
    write_release(records_of(chain), tmp_path / "out", RELEASE)
    path = next((tmp_path / "out" / "data").iterdir())
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({b"fakescope_chain_schema": b"9"}), path)
    with pytest.raises(DataError, match="schema version 9"):
        list(read_release(tmp_path / "out"))
    with pytest.raises(DataError, match="not a release"):
        list(read_release(tmp_path))


def test_differences_are_told_field_by_field(chain, tmp_path):
    records = list(records_of(chain))
    write_release(records[:5], tmp_path / "old", RELEASE, statuses=ALL)
    new = records[1].model_copy(update={"traces": {"edge": None, "tone": None}, "advice": "Other."})
    write_release([records[0], new, *records[2:4], records[7]], tmp_path / "new", RELEASE, statuses=ALL)
    found = diff_releases(tmp_path / "old", tmp_path / "new")
    id = records[1].image.id
    assert (found.added, found.removed) == ([records[7].image.id], [records[4].image.id])
    assert found.changed == {id: ["advice", "traces.edge"]}
    assert found.unchanged == 3
    texts = list(changed_texts(tmp_path / "old", tmp_path / "new", id, ["advice"]))
    assert texts == [("advice", "", "Other.")]


def test_statistics_count_what_is_there(chain):
    told = stats_of(records_of(chain))
    assert told["labels"] == {"fake": 5, "real": 3}
    assert told["statuses"] == {"accepted": 2, "revised": 2, "rejected": 2, "draft": 2}
    assert told["criteria"]["edge"]["fake"] == {"abnormal": 5}
    assert told["regions"]["count"] == 8
    assert told["people"]["person 1"] == {
        "judged": 8,
        "right": 8,
        "accuracy": 1.0,
        "reviews": {},
        "seconds": 0.0,
    }
    assert told["people"]["person 2"]["seconds"] == 30.0
    assert told["blind"]["accuracy"] == told["blind"]["auroc"] == 1.0
    assert told["words"]["least"] == 6


def test_blind_figures_are_those_of_scikit_learn():
    blind = [(0.9, 1), (0.5, 1), (0.5, 0), (0.2, 0), (0.2, 1), (0.1, 0)]
    found = blind_figures(blind)
    assert found["auroc"] == pytest.approx(roc_auc_score([t for _, t in blind], [p for p, _ in blind]))
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert blind_figures([(0.3, 1)])["auroc"] is None
    assert blind_figures([])["accuracy"] is None


def test_a_release_can_be_gone_on_from(chain, tmp_path):
    write_release(records_of(chain), tmp_path / "out", RELEASE, statuses=ALL)
    with open_store(tmp_path / "next", create=True) as store:
        assert load_release(tmp_path / "out", store) == Loaded(records=8, without_file=8)
        assert load_release(tmp_path / "out", store) == Loaded(without_file=8)
        counts = store.counts()
        assert (counts["drafts"], counts["judgements"], counts["reviews"]) == (8, 8, 6)
        assert [r.status for r in records_of(store)] == [r.status for r in records_of(chain)]


def test_images_and_exemplars_travel_with_a_release(chain, tmp_path):
    chain.append([exemplar("fake", "edge", by="bob"), exemplar("real", "light", by=None)])
    free = [
        record.model_copy(update={"image": record.image.model_copy(update={"licence": "CC BY 4.0"})})
        for record in records_of(chain)
    ]
    for mode in ("embed", "reference"):
        write_release(
            free, tmp_path / mode, Release("made", mode), statuses=ALL, images=mode,
            path_of=lambda record: chain.path_of(record.image), exemplars=exemplars_of(chain),
        )  # fmt: skip
    with open_store(tmp_path / "next", create=True) as store:
        loaded = load_release(tmp_path / "embed", store)
        held = read_about(tmp_path / "embed")["images"]["included"]
        assert 0 < held == 8 - loaded.without_file
        assert loaded.exemplars == 1
        (taken,) = store.read(Exemplar)
        assert taken.checked_by == "person 2"
        placed = [store.path_of(ref) for ref in store.images() if ref.path]
        assert len(placed) == held
        assert all(Image.open(path).format == "JPEG" for path in placed)


def test_files_that_were_not_there_are_placed_by_a_second_import(chain, tmp_path):
    write_release(records_of(chain), tmp_path / "out", RELEASE, statuses=ALL)
    with open_store(tmp_path / "next", create=True) as store:
        load_release(tmp_path / "out", store)
        folder = tmp_path / "pictures"
        folder.mkdir()
        for ref in store.images():
            Image.new("RGB", (40, 40)).save(folder / f"{ref.id}.jpg")
        assert load_release(tmp_path / "out", store, folder) == Loaded(placed=8)


@pytest.mark.parametrize(
    ("licence", "free"),
    [
        ("MIT", True), ("CC BY 4.0", True), ("CC BY-SA 4.0", True), ("CC-BY-4.0", True), ("cc0", True),
        ("Public Domain", True), ("Apache-2.0", True), ("BSD-3-Clause", True),
        ("Apache-2.0/CC-BY-4.0", True), ("MIT (web images)", False), ("MIT / GPL", False),
        ("CC BY-NC 4.0", False), ("CC BY-ND 4.0", False), ("CC BY-NC-SA", False), ("", False),
        ("none stated (museum scans)", False), ("not MIT", False), ("MIT or worse", False), ("GPL-3.0", False),
        ("repo licence file; third-party wallpapers", False),
    ],
)  # fmt: skip
def test_which_licences_allow_copies(licence, free):
    assert may_ship(licence) is free


def test_hostile_text_does_not_break_the_card(chain, tmp_path):
    evil = "x | y\n## Heading <script>alert(1)</script>"
    records = [
        r.model_copy(update={"image": r.image.model_copy(update={"generator": evil})})
        for r in records_of(chain)
    ]
    write_release(records, tmp_path / "out", RELEASE)
    card = (tmp_path / "out" / "README.md").read_text()
    assert "<script>" not in card
    assert "\n## Heading" not in card
