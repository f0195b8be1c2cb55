"""Exports: what was in the set comes out of every format, whole, levelled, harmless, and the same every time."""

import csv
import io
import json
import subprocess
import sys
import tarfile
from collections import Counter

import pyarrow.parquet as pq
import pytest
import yaml
from made_sets import files_of, make_images, make_row, make_set
from PIL import Image

from fakescope.chain.release.write import ALL, Release, write_release
from fakescope.errors import DataError
from fakescope.instruct.build import Plan, build
from fakescope.instruct.compose import Quota
from fakescope.instruct.export import messages as messages_format
from fakescope.instruct.export import run as export_run
from fakescope.instruct.export import stream
from fakescope.instruct.export import webdataset as webdataset_format
from fakescope.instruct.export.clean import neutralised
from fakescope.instruct.export.formats import FORMATS
from fakescope.instruct.export.place import safe_name
from fakescope.instruct.export.run import export_set
from fakescope.instruct.pictures import Pictures
from fakescope.instruct.read import read_images, read_instructions, read_manifest

WAYS = [(name, mode) for name, format in FORMATS.items() for mode in format.modes]
IDS = ("one", "two", "three", "four")


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """Three images of train and one of dev, two or three instructions each, one of several turns."""
    folder = tmp_path_factory.mktemp("export")
    rows = []
    for id in IDS:
        rows.append(make_row(0, id, "Is it?", f"It is {id}.", part="judgement", form="judgement.open"))
        rows.append(make_row(1, id, "Where?", "There. <7><24><13><31>", "Sure?", "A little.", "Why?", "So."))
    rows.insert(
        2, make_row(2, "one", "Wörter — und 字?", "Ja\u2028nein\n\nund \x00 \u0085.", form="traces.odd")
    )
    splits = {"train": [row for row in rows if row["image"] != "four"], "dev": rows[-2:]}
    make_images(folder / "images", IDS)
    return make_set(folder / "set", splits), folder / "images"


def turns_of(instruction):
    return [(message.role, message.content) for message in instruction.messages]


def plain(messages):
    """(role, text) without the place of the image, which must be at the head of the first question only."""
    texts = [(one["role"], one["content"]) for one in messages]
    role, first = texts[0]
    assert first.startswith("<image>\n")
    texts[0] = (role, first.removeprefix("<image>\n"))
    assert not any("<image>" in text for _, text in texts)
    return texts


def read_messages(folder, split):
    for path in sorted((folder / "data").glob(f"{split}-*.parquet")):
        for row in pq.read_table(path).to_pylist():
            kinds = [[part["type"] for part in one["content"]] for one in row["messages"]]
            assert kinds == [["image", "text"]] + [["text"]] * (len(kinds) - 1)
            (image,) = row["images"]
            said = [(one["role"], one["content"][-1]["text"]) for one in row["messages"]]
            yield said, image["bytes"] or (folder / image["path"]).read_bytes()


def read_llava(folder, split):
    roles = {"human": "user", "gpt": "assistant"}
    for row in json.loads((folder / f"{split}.json").read_text()):
        said = [{"role": roles[one["from"]], "content": one["value"]} for one in row["conversations"]]
        yield plain(said), (folder / row["image"]).read_bytes()


def read_lines(folder, split):
    for line in (folder / f"{split}.jsonl").read_bytes().splitlines():
        row = json.loads(line)
        (path,) = row["images"]
        yield plain(row["messages"]), (folder / path).read_bytes()


def read_webdataset(folder, split):
    for path in sorted(folder.glob(f"{split}-*.tar")):
        with tarfile.open(path) as tar:
            held = {entry.name: tar.extractfile(entry).read() for entry in tar}
            assert all(entry.mtime == 0 for entry in tar)
        for key in sorted({name.partition(".")[0] for name in held}):
            for one in json.loads(held[f"{key}.json"])["instructions"]:
                yield [(said["role"], said["content"]) for said in one["messages"]], held[f"{key}.jpg"]


READ = {
    "messages": read_messages, "llava": read_llava, "sharegpt": read_lines, "swift": read_lines,
    "webdataset": read_webdataset,
}  # fmt: skip


@pytest.mark.parametrize(("name", "mode"), WAYS)
def test_what_is_in_the_set_comes_out_with_its_levelled_image(small, tmp_path, name, mode):
    folder, images = small
    done = export_set(folder, tmp_path / "out", name, images, images=mode)
    assert done.instructions == {"train": 7, "dev": 2}
    assert done.images == {"train": 3, "dev": 1}
    assert not done.left_out
    assert not done.neutralised
    with Pictures(read_images(folder), images) as pictures:
        for split in ("train", "dev"):
            expected = [(turns_of(one), pictures.read(one.image)) for one in read_instructions(folder, split)]
            assert list(READ[name](tmp_path / "out", split)) == expected
    assert {path.name for path in tmp_path.iterdir()} == {"out"}, "nothing is left beside it"
    assert set(done.files) <= set(files_of(tmp_path / "out"))


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_bytes_whatever_the_threads(small, tmp_path, name):
    folder, images = small
    for number, workers in enumerate((1, 4)):
        export_set(folder, tmp_path / str(number), name, images, workers=workers, limit=3)
    first, second = (files_of(tmp_path / number) for number in "01")
    assert first == second


def test_a_real_build_comes_out_whole_and_without_its_test_split(made, tmp_path):
    release, folder = tmp_path / "release", tmp_path / "set"
    write_release(made, release, Release("made", "1"), statuses=ALL)
    build(Plan(release, folder, Quota(1, 1, 2, 2)))
    make_images(tmp_path / "images", [record.image.id for record in made])
    seen = []
    done = export_set(folder, tmp_path / "out", "webdataset", tmp_path / "images", on_done=seen.append)
    total = read_manifest(folder)["instructions"]
    assert sum(done.instructions.values()) == sum(seen) == total
    tests = {record.image.id for record in made if record.image.split == "test"}
    rows = list(csv.reader((tmp_path / "out" / "credits.csv").open()))[1:]
    assert len(rows) == 70
    assert not tests & {row[1] for row in rows}


def test_images_of_both_classes_take_one_path(small, tmp_path):
    folder, images = small
    export_set(folder, tmp_path / "out", "swift", images)
    for path in (tmp_path / "out" / "images").iterdir():
        with Image.open(path) as image:
            assert image.format == "JPEG"
            assert max(image.size) <= 512
            assert not image.getexif()


def test_what_cannot_be_exported_is_left_out_and_counted(tmp_path):
    ids = ["good", "gone", "broken", "tests", "devs"]
    rows = [make_row(0, id, "What?", "That.") for id in [*ids, "unlisted"]]
    rows += [
        make_row(1, "good", "Be good.", "What?", "That.", roles=("system", "user", "assistant")),
        make_row(2, "good", "What?", "What?", roles=("user",)),
        make_row(3, "good", "What?"),
        make_row(4, "good"),
        make_row(5, "good", "What?", "  "),
    ]
    splits = dict.fromkeys(ids, "train") | {"tests": "test", "devs": "dev"}
    folder = make_set(tmp_path / "set", {"train": rows}, splits)
    images = make_images(tmp_path / "images", ["good", "tests", "devs", "unlisted"])
    (images / "broken.jpg").write_bytes((images / "good.jpg").read_bytes()[:200])
    done = export_set(folder, tmp_path / "out", "swift", images)
    assert done.instructions == {"train": 1}
    assert done.left_out == {
        export_run.NOT_FOUND: 1, export_run.UNREADABLE: 1, stream.OTHER_SPLIT: 2, stream.NOT_LISTED: 1,
        stream.NO_DIALOGUE: 5,
    }  # fmt: skip
    assert [path.name for path in (tmp_path / "out" / "images").iterdir()] == ["good.jpg"]
    assert "no file of the image | 1" in (tmp_path / "out" / "README.md").read_text()
    assert json.loads((tmp_path / "out" / "export.json").read_text())["left_out"] == dict(done.left_out)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("<image>", "< image>"),
        ("a <Image>\n<|im_end|></s><<SYS>>", "a < Image>\n< |im_end|>< /s><< SYS>>"),
        ("[INST] [/INST][IMG_BREAK] [gMASK]", "[ INST] [ /INST][ IMG_BREAK] [ gMASK]"),
        ("{{image}} {{{content}}}", "{ {image}} { { {content}}}"),
        ("\uff1cimage> <\uff5cbegin\uff5c> <0x0A> <2en> <<image>", 
         "\uff1c image> < \uff5cbegin\uff5c> < 0x0A> < 2en> << image>"),
        ("There. <7><24><13><31>", "There. <7><24><13><31>"),
        ("1 < 2, 1<2, a <= b, <5 %, x <", "1 < 2, 1<2, a <= b, <5 %, x <"),
        ("[A] [see 3] [OK] {a}", "[A] [see 3] [OK] {a}"),
    ],
)  # fmt: skip
def test_marks_are_broken_and_all_else_stays(text, clean):
    found, count = neutralised(text)
    assert found == clean
    assert count == len(clean) - len(text)
    assert neutralised(found) == (clean, 0)


def test_marks_in_a_long_text_take_no_long_time():
    assert neutralised("[" + "A" * 200_000)[1] == 0
    assert neutralised("<" * 200_000 + "a")[1] == 1


@pytest.mark.parametrize("name", FORMATS)
def test_no_text_can_place_an_image(tmp_path, name):
    texts = ("<image>", "x <image>\n<video>", "</s><|im_start|>system", "{{image}}")
    folder = make_set(tmp_path / "set", {"train": [make_row(0, "good", *texts)]})
    done = export_set(folder, tmp_path / "out", name, make_images(tmp_path / "images", ["good"]))
    assert done.neutralised == 6
    ((said, _),) = READ[name](tmp_path / "out", "train")
    assert [text for _, text in said] == [
        "< image>",
        "x < image>\n< video>",
        "< /s>< |im_start|>system",
        "{ {image}}",
    ]
    assert "6 marks" in (tmp_path / "out" / "README.md").read_text()


HOSTILE = [
    "../../evil", "/etc/passwd", "a/b", "a.b", "A", "a", "a\x00b", "", "...", "é" * 300, "x" * 200, "CON", "-x",
    "new\nline", "a-" + "0" * 16, "..\\..\\evil",
]  # fmt: skip


def test_names_are_safe_and_never_shared():
    assert safe_name("048795cc9b8f") == "048795cc9b8f"
    names = [safe_name(id) for id in HOSTILE]
    assert len(set(names)) == len(names)
    assert safe_name(safe_name("A")) != safe_name("A"), "an id cannot pass for the name of another"
    for name in names:
        assert len(name) <= 80
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(("name", "mode"), WAYS)
def test_hostile_ids_stay_inside(tmp_path, name, mode, monkeypatch):
    jpeg = (make_images(tmp_path / "images", ["one"]) / "one.jpg").read_bytes()
    monkeypatch.setattr(Pictures, "read", lambda self, id: jpeg)
    rows = [make_row(number, id, "What?", f"{number}.") for number, id in enumerate(HOSTILE)]
    folder = make_set(tmp_path / "set", {"train": rows})
    before = set(files_of(tmp_path))
    export_set(folder, tmp_path / "out", name, tmp_path / "images", images=mode)
    assert {path.split("/")[0] for path in set(files_of(tmp_path)) - before} == {"out"}
    assert [said[-1][1] for said, _ in READ[name](tmp_path / "out", "train")] == [
        f"{number}." for number in range(len(HOSTILE))
    ]


def test_equal_images_are_stored_once(tmp_path):
    images = make_images(tmp_path / "images", ["one"])
    (images / "two.jpg").write_bytes((images / "one.jpg").read_bytes())
    folder = make_set(
        tmp_path / "set", {"train": [make_row(0, id, "What?", "That.") for id in ("one", "two")]}
    )
    done = export_set(folder, tmp_path / "out", "swift", images, images="store")
    assert done.images["train"] == 2
    assert len(list((tmp_path / "out" / "images").rglob("*.jpg"))) == 1


def test_shards_begin_and_end_where_they_should(small, tmp_path, monkeypatch):
    folder, images = small
    monkeypatch.setattr(messages_format, "GROUP_ROWS", 2)
    monkeypatch.setattr(messages_format, "SHARD_GROUPS", 2)
    monkeypatch.setattr(webdataset_format, "SHARD_SAMPLES", 2)
    done = export_set(folder, tmp_path / "messages", "messages", images)
    assert done.shards == {"train": 2, "dev": 1}
    done = export_set(folder, tmp_path / "webdataset", "webdataset", images)
    assert done.shards == {"train": 2, "dev": 1}
    assert "train-{00000..00001}.tar" in (tmp_path / "webdataset" / "README.md").read_text()
    for name in ("messages", "webdataset"):
        assert len(list(READ[name](tmp_path / name, "train"))) == 7


def test_an_image_with_very_many_instructions_is_not_held_at_once(small, tmp_path, monkeypatch):
    folder, images = small
    monkeypatch.setattr(stream, "MOST_OF_AN_IMAGE", 2)
    done = export_set(folder, tmp_path / "out", "webdataset", images)
    assert done.images == {"train": 3, "dev": 1}
    assert len(list(READ["webdataset"](tmp_path / "out", "train"))) == 7
    with tarfile.open(tmp_path / "out" / "train-00000.tar") as tar:
        names = tar.getnames()
    assert len(set(names)) == len(names) == 8


def test_parquet_holds_an_image_once_however_often_it_is_asked_about(tmp_path):
    images = make_images(tmp_path / "images", ["one", "two"])
    rows = [make_row(number, "two", "What?", f"{number}.") for number in range(200)]
    folder = make_set(tmp_path / "set", {"train": rows})
    export_set(folder, tmp_path / "out", "messages", images)
    with Pictures(read_images(folder), images) as pictures:
        size = len(pictures.read("two"))
    assert (tmp_path / "out" / "data" / "train-00000.parquet").stat().st_size < size + 20_000


def test_splits_parts_and_a_limit(small, tmp_path):
    folder, images = small
    done = export_set(folder, tmp_path / "out", "llava", images, splits=["dev"])
    assert done.instructions == {"dev": 2}
    assert not (tmp_path / "out" / "train.json").exists()
    done = export_set(folder, tmp_path / "out", "llava", images, parts=["judgement", "traces.odd"])
    assert done.parts == {"judgement": 4, "traces": 1}
    assert (tmp_path / "out" / "train.json").exists(), "an export is replaced"
    done = export_set(folder, tmp_path / "out", "sharegpt", images, limit=4)
    assert done.instructions == {"train": 4, "dev": 2}
    assert not (tmp_path / "out" / "train.json").exists(), "by another one, whole"
    assert len(list((tmp_path / "out" / "images").iterdir())) == 3, "of what is in it, and no more"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"format": "parquet"}, "no format 'parquet'"),
        ({"images": "bytes"}, "cannot hold images as bytes"),
        ({"splits": ["test"]}, "no split test"),
        ({"parts": ["tracks"]}, "no part tracks"),
        ({"limit": 0}, "at least 1"),
    ],
)
def test_options_that_fit_nothing_are_told(small, tmp_path, options, said):
    folder, images = small
    with pytest.raises(DataError, match=said):
        export_set(folder, tmp_path / "out", **({"format": "swift", "images_folder": images} | options))
    assert not list(tmp_path.iterdir())


def test_nothing_but_an_export_is_replaced(small, tmp_path):
    folder, images = small
    out = tmp_path / "out"
    out.mkdir()
    export_set(folder, out, "swift", images)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    (tmp_path / "link").symlink_to(out)
    (tmp_path / "file").write_text("")
    for target in ("mine", "link", "file"):
        with pytest.raises(DataError, match="name another folder"):
            export_set(folder, tmp_path / target, "swift", images)
    with pytest.raises(DataError, match="would be replaced"):
        export_set(folder, images.parent, "swift", images)
    with pytest.raises(DataError, match="would be replaced"):
        export_set(folder, out, "swift", out)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "all of it"
    assert read_manifest(folder)


def test_an_export_that_fails_changes_nothing(small, tmp_path, monkeypatch):
    folder, images = small
    export_set(folder, tmp_path / "out", "swift", images)
    before = files_of(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="nothing to export; 9: no file"):
        export_set(folder, tmp_path / "out", "swift", tmp_path / "empty")

    def stop(instructions):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_set(folder, tmp_path / "out", "messages", images, on_done=stop)
    (tmp_path / "empty").rmdir()
    assert files_of(tmp_path) == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", FORMATS)
def test_the_readme_tells_what_to_do_and_what_one_may(small, tmp_path, name):
    folder, images = small
    export_set(folder, tmp_path / "out", name, images)
    text = (tmp_path / "out" / "README.md").read_text()
    for said in (
        "FOLDER",
        "Apache-2.0",
        "MIT | 4 | yes",
        "| train | 7 | 3 |",
        "The test split is not inside",
    ):
        assert said in text
    if text.startswith("---"):
        front = yaml.safe_load(text.split("---")[1])
        assert [one["split"] for one in front["configs"][0]["data_files"]] == ["train", "dev"]


def test_foreign_words_cannot_write_into_the_readme_or_the_credits(tmp_path):
    licence = 'evil\n---\n# <script>alert(1)</script> | [x](http://x) "q",=1+1'
    folder = make_set(tmp_path / "set", {"train": [make_row(0, "good", "What?", "That.")]}, licence=licence)
    export_set(folder, tmp_path / "out", "messages", make_images(tmp_path / "images", ["good"]))
    text = (tmp_path / "out" / "README.md").read_text()
    assert "<script>" not in text
    assert "\n# \\<" not in text
    rows = list(csv.reader(io.StringIO((tmp_path / "out" / "credits.csv").read_text(), newline="")))
    assert rows[1] == ["good", "good", "made, here", licence]


def test_a_broken_set_is_told_in_words(small, tmp_path):
    folder, images = small
    with pytest.raises(DataError, match="no finished instructions"):
        export_set(tmp_path, tmp_path / "out", "swift", images)
    broken = make_set(tmp_path / "set", {"train": [make_row(0, "one", "What?", "That.")]})
    (broken / "images.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"images\.parquet cannot be read"):
        export_set(broken, tmp_path / "out", "swift", images)
    with pytest.raises(DataError, match="not a folder of images"):
        export_set(folder, tmp_path / "out", "swift", tmp_path / "nowhere")
    assert not (tmp_path / "out").exists()


def test_the_names_of_the_formats_cost_nothing():
    code = (
        "import sys; from fakescope.instruct.export.formats import FORMATS; "
        "print(sorted({'pyarrow', 'torch', 'datasets', 'numpy'} & set(sys.modules)), list(FORMATS))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[] ['messages', 'llava', 'sharegpt', 'swift', 'webdataset']"


def test_licences_and_parts_are_counted(small, tmp_path):
    folder, images = small
    done = export_set(folder, tmp_path / "out", "swift", images)
    about = json.loads((tmp_path / "out" / "export.json").read_text())
    assert done.licences == about["licences"] == {"MIT": 4}
    assert Counter(about["parts"]) == done.parts == {"judgement": 4, "traces": 5}
    assert {one["name"] for one in about["files"]} == set(done.files) - {"export.json"}
