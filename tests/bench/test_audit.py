"""The confound audit: what is planted in the files is found and said in words, and chance is called chance."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from typer.testing import CliRunner

from fakescope.bench.audit.charts import mirror_histogram, share_bars, size_scatter
from fakescope.bench.audit.duplicates import count_groups, find_duplicates
from fakescope.bench.audit.facts import FileFacts, read_facts
from fakescope.bench.audit.measure import measure_all
from fakescope.bench.audit.page import render_page
from fakescope.bench.audit.rules import best_rules
from fakescope.bench.audit.run import gate, run_audit
from fakescope.bench.audit.subjects import load_subjects
from fakescope.chain.collect.inputs import open_inputs
from fakescope.chain.collect.items import Facts, Reading
from fakescope.chain.collect.repositories import Places
from fakescope.chain.collect.run import collect
from fakescope.chain.store import open_store
from fakescope.cli.data import app
from fakescope.cli.exits import Exit
from fakescope.errors import DataError
from fakescope.images.load import load_image
from fakescope.records import Label
from made_repositories import picture

pytestmark = pytest.mark.slow

SHARED = Path(__file__).parents[3] / "shared" / "data"


def encoded(format: str, **options) -> FileFacts:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture(1))).convert("RGB").save(buffer, format, **options)
    return read_facts(load_image(buffer.getvalue()))


@pytest.mark.parametrize("quality", [1, 49, 50, 75, 90, 100])
def test_the_quality_of_a_jpeg_is_read_off_its_table(quality):
    facts = encoded("JPEG", quality=quality)
    assert (facts.quality, facts.table) == (quality, f"standard {quality}")


def test_an_encoders_own_table_is_told_from_the_standard_ones():
    table = [min(255, 3 + place) for place in range(64)]
    facts = encoded("JPEG", qtables=[table, table])
    assert facts.table.startswith("own ")
    assert facts.table == encoded("JPEG", qtables=[table, table], progressive=True).table
    assert facts.quality is not None


def test_facts_of_metadata_and_compression():
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    facts = encoded("JPEG", exif=exif, icc_profile=profile, progressive=True, subsampling="4:2:2")
    assert (facts.format, facts.exif, facts.progressive, facts.subsampling) == ("JPEG", True, True, "4:2:2")
    assert "sRGB" in facts.profile
    plain = encoded("PNG")
    assert (plain.format, plain.exif, plain.profile, plain.quality, plain.table) == (
        "PNG",
        False,
        "none",
        None,
        "",
    )
    assert encoded("PNG", exif=exif).exif
    assert encoded("WEBP", exif=exif).exif
    assert encoded("JPEG", icc_profile=b"no profile at all").profile == "unreadable"


def made(count: int, **changes) -> list[FileFacts]:
    usual = {"format": "JPEG", "width_px": 640}
    return [
        FileFacts(**{**usual, "height_px": 480 + i % 7, "size_bytes": 50_000 + 13 * i, **changes})
        for i in range(count)
    ]


def rules_of(real: list[FileFacts], fake: list[FileFacts]):
    is_fake = np.array([False] * len(real) + [True] * len(fake))
    return best_rules([*real, *fake], is_fake, [str(i) for i in range(len(is_fake))])


@pytest.mark.parametrize(
    ("real", "fake", "words"),
    [
        ({}, {"format": "PNG"}, "not JPEG"),
        ({"format": "PNG"}, {"format": "WEBP"}, "not PNG"),
        ({}, {"width_px": 512, "height_px": 512}, "square"),
        ({"width_px": 99, "height_px": 99}, {}, "not square"),
        ({"exif": True}, {}, "no EXIF"),
        ({}, {"exif": True}, "has EXIF"),
        ({"profile": "sRGB"}, {}, "no colour profile"),
        (
            {"table": "standard 95", "quality": 95},
            {"table": "standard 75", "quality": 75},
            "JPEG table standard 75",
        ),
        ({"table": "standard 95", "quality": 95}, {}, "no JPEG table"),
        ({}, {"progressive": True}, "a progressive JPEG"),
    ],
)
def test_a_rule_is_said_in_words_and_points_to_fake(real, fake, words):
    rules = rules_of(made(60, **real), made(60, **fake))
    found = next(rule for rule in rules if rule.words == words)
    assert found.balanced_accuracy == found.held_out == 1.0


def test_a_threshold_is_found_where_the_classes_part():
    real = made(80, width_px=2000) + made(20, width_px=500)
    fake = made(90, width_px=512) + made(10, width_px=3000)
    found = next(rule for rule in rules_of(real, fake) if rule.feature == "longer side")
    assert found.words == "longer side at most 512 px"
    assert found.balanced_accuracy == pytest.approx((0.9 + 0.8) / 2)
    assert found.held_out == pytest.approx(0.85, abs=0.06)


def test_the_best_of_many_rules_on_noise_is_chance_where_it_was_not_chosen():
    rng = np.random.default_rng(0)
    facts = [FileFacts("JPEG", int(rng.integers(100, 4000)), int(rng.integers(100, 4000)), int(rng.integers(1e4, 1e6)))
             for _ in range(600)]  # fmt: skip
    rules = best_rules(facts, rng.random(600) < 0.5, [str(i) for i in range(600)])
    assert max(rule.balanced_accuracy for rule in rules) > 0.52, "chosen after the fact"
    assert all(abs(rule.held_out - 0.5) < 0.06 for rule in rules)


def test_classes_of_unequal_size_do_not_help_a_rule():
    found = rules_of(made(95), made(95)[2::19])
    assert found
    assert all(rule.balanced_accuracy < 0.8 for rule in found)


@pytest.fixture
def planted(tmp_path: Path, make_folder) -> Path:
    """All fakes were PNG. Two images are the same with two labels, and one is nearly another of another split."""
    folder = make_folder(tmp_path / "planted", per_class=20)
    for name in ("real000", "fake000"):
        (folder / "images" / f"{name}.jpg").write_bytes(picture(1, format="JPEG", grain=24))
    (folder / "images" / "real001.jpg").write_bytes(picture(2, format="JPEG", grain=24))
    (folder / "images" / "real002.jpg").write_bytes(picture(2, (200, 160), "JPEG", quality=50, grain=24))
    return folder


def test_duplicates_across_splits_and_labels_are_found(planted):
    images = measure_all(load_subjects([str(planted)]).samples).images
    counts = count_groups(find_duplicates(images))
    assert (counts.exact, counts.exact_across_labels, counts.exact_across_splits) == (1, 1, 0)
    assert (counts.near, counts.near_across_splits, counts.near_across_labels) == (1, 1, 0)


@pytest.fixture
def audit(planted):
    return run_audit(load_subjects([str(planted)]), draws=50)


def test_the_whole_audit_of_a_planted_folder(audit):
    figures = audit.figures
    assert figures["worst_rule"]["rule"] == "not JPEG"
    assert figures["worst_rule"]["held_out"] == 1.0
    assert figures["worst_auroc"]["auroc"] > 0.99
    assert figures["worst_auroc_aligned"]["stage"].startswith("fed")
    assert figures["tables"]["original"]["format"] == {"real": {"JPEG": 20}, "fake": {"PNG": 20}}
    assert figures["duplicates"]["exact_across_labels"] == 1
    assert {m["id"] for m in figures["duplicates"]["groups"][0]["members"]} == {"real000", "fake000"}
    json.dumps(figures, allow_nan=False)


def test_the_gate_names_its_reasons(audit):
    reasons = gate(audit, 1.0)
    assert reasons == [
        "1 group of exact duplicates across labels",
        "1 group of near duplicates across splits",
    ]
    assert len(gate(audit, 0.0)) == len(reasons) + 4, "every aligned probe is over 0"


def test_the_page_shows_it_and_runs_nothing(audit, planted):
    hostile = "<script>alert(1)</script>"
    audit.names = (hostile,)
    page = render_page(audit, [hostile])
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)") == 3
    assert "not JPEG" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "data:image/jpeg;base64," in page
    assert page.count("<svg") >= 8


def test_charts_stand_odd_values():
    assert share_bars({Label.REAL: {}, Label.FAKE: {"<b>": 3}}).count("&lt;b&gt;") >= 1
    assert mirror_histogram({Label.REAL: [], Label.FAKE: []}, unit="px") == ""
    for values in ([5.0], [5.0, 5.0], [1, 2, 3], [1e-3, 1e9]):
        for log in (False, True):
            assert "nan" not in mirror_histogram({Label.REAL: values, Label.FAKE: []}, unit="px", log=log)
    assert "nan" not in size_scatter({Label.REAL: [(1, 1)], Label.FAKE: []})


def collected(tmp_path: Path, planted: Path) -> Path:
    with open_store(tmp_path / "chain", create=True) as store:
        reading = Reading({}, {}, Facts())
        collect(store, open_inputs([str(planted)], reading, Places(tmp_path)))
        extra = tmp_path / "extra"
        extra.mkdir()
        (extra / "x.png").write_bytes(picture(9, grain=24))
        collect(store, open_inputs([str(extra)], reading, Places(tmp_path)), unlabelled=True)
    return tmp_path / "chain"


def test_a_chain_is_audited_with_what_its_tables_knew_of_the_originals(tmp_path, planted):
    chain = collected(tmp_path, planted)
    subjects = load_subjects([str(chain)])
    assert subjects.unlabelled == 1
    assert len(subjects.samples) == 37, "two in conflict and one near copy were not taken"
    audit = run_audit(subjects, draws=20)
    assert audit.raw == "original"
    assert audit.figures["worst_rule"]["rule"] == "not JPEG"
    assert gate(audit, 1.0) == []
    train = load_subjects([str(chain)], splits=["train"])
    assert {sample.split for sample in train.samples} == {"train"}


def test_several_places_are_told_apart(tmp_path, planted, make_folder):
    other = make_folder(tmp_path / "other", per_class=3)
    subjects = load_subjects([str(planted), str(other)])
    assert {"planted/real001", "other/real001"} <= {sample.id for sample in subjects.samples}


def test_what_is_neither_a_chain_nor_a_data_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="neither"):
        load_subjects([str(tmp_path)])


def run_command(*arguments: object):
    return CliRunner().invoke(app, ["audit", *map(str, arguments)])


def test_the_command_writes_its_report_and_closes_the_gate(tmp_path, planted):
    report = tmp_path / "audit.html"
    ended = run_command(planted, "--draws", "20", "--fail-over", "0.99", "--report", report, "--json")
    assert ended.exit_code == Exit.GATE == 11
    value = json.loads(ended.stdout)
    assert not value["gate"]["passed"]
    assert value["worst_rule"]["rule"] == "not JPEG"
    assert report.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert not list(tmp_path.glob("*.part"))


def test_without_a_gate_the_same_data_is_only_reported(planted):
    ended = run_command(planted, "--draws", "20", "--format", "md")
    assert ended.exit_code == Exit.OK, ended.output
    assert "not JPEG → fake: balanced accuracy 1.00" in ended.stdout
    assert "| nearly alike | 1 | 1 | 0 |" in ended.stdout


def test_images_that_cannot_be_read_are_named_and_the_rest_is_audited(planted):
    (planted / "images" / "fake003.jpg").write_bytes(b"broken")
    ended = run_command(planted, "--draws", "20", "--json")
    assert ended.exit_code == Exit.SOME_FAILED
    value = json.loads(ended.stdout)
    assert [one["id"] for one in value["unread"]] == ["fake003"]
    assert value["images"] == 39


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="the data is not here")
def test_the_known_confounds_of_the_real_data_are_found():
    audit = run_audit(load_subjects([str(SHARED)]), draws=200)
    rules = {rule.words: rule for rule in audit.rules["original"]}
    assert rules["not JPEG"].held_out == pytest.approx(0.86, abs=0.01)
    with (SHARED / "labels.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    square = np.array([row["original_width"] == row["original_height"] for row in rows])
    fake = np.array([row["label"] == "fake" for row in rows])
    expected = (square[fake].mean() + (~square[~fake]).mean()) / 2
    assert rules["square"].balanced_accuracy == pytest.approx(expected, abs=1e-6)
    assert audit.worst_probe(["original"])["low"] > 0.9
    assert gate(audit, 0.6) == ["1 group of near duplicates across splits"]
