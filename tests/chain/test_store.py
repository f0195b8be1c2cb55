"""The store: what is appended is there, once, in order; bad chains are said in one line."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from fakescope.chain.store import open_store, schema
from fakescope.errors import DataError
from fakescope.records import Draft, ImageRef, Judgement, Label, Review


def ref(number: int, label: str = "fake") -> ImageRef:
    return ImageRef(id=f"{number:06x}", path=f"images/{number}.jpg", label=Label(label))


def judgement(image: str, who: str = "ann") -> Judgement:
    return Judgement(image=image, who=who, said=Label.FAKE, confidence=0.9, right=True)


def test_images_stream_in_the_order_of_their_ids_over_many_pages(tmp_path):
    with open_store(tmp_path, create=True) as store:
        assert store.add_images(ref(n) for n in reversed(range(1203))) == 1203
        assert store.add_images([ref(5), ref(2000)]) == 1
        ids = [image.id for image in store.images()]
    assert ids == sorted(ids)
    assert len(set(ids)) == 1204


def test_an_image_with_two_labels_is_refused_and_nothing_of_its_batch_is_kept(tmp_path):
    with open_store(tmp_path, create=True) as store:
        store.add_images([ref(1, "fake")])
        with pytest.raises(DataError, match="000001 is in the chain as fake, not real"):
            store.add_images([ref(2), ref(1, "real")])
        assert store.counts()["images"] == 1


def test_records_come_back_in_order_and_by_column(tmp_path):
    rows = [judgement("a"), judgement("b", "bob"), judgement("a", "bob")]
    with open_store(tmp_path, create=True) as store:
        store.append(rows)
        assert list(store.read(Judgement)) == rows
        assert list(store.read(Judgement, who="bob")) == rows[1:]
        assert list(store.read(Judgement, image=["a"], who="ann")) == rows[:1]


def test_one_append_is_all_or_nothing(tmp_path):
    good = judgement("a")
    bad = Review.model_construct(draft=None, image="a", who="ann", role="annotator", decision="accept")
    with open_store(tmp_path, create=True) as store:
        with pytest.raises(sa.exc.IntegrityError):
            store.append([good, bad])
        assert store.counts()["judgements"] == 0


def test_a_draft_that_comes_twice_counts_once(tmp_path):
    one = Draft(id="d", image="a", teacher="t", prompt_hash="p", description="first")
    with open_store(tmp_path, create=True) as store:
        store.append([one])
        store.append([one.model_copy(update={"description": "second"}), judgement("a")])
        assert [d.description for d in store.read(Draft)] == ["first"]
        assert store.counts()["judgements"] == 1


def test_many_threads_and_reopenings_lose_nothing(tmp_path):
    def write(number: int) -> None:
        with open_store(tmp_path, create=True) as store:
            for n in range(20):
                store.append([judgement(f"{number}-{n}")])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    with open_store(tmp_path) as store:
        assert store.counts()["judgements"] == 120


def test_readers_do_not_wait_for_a_writer(tmp_path):
    with open_store(tmp_path, create=True) as store:
        store.append([judgement("a")])
        with store.engine.begin() as writing:
            writing.execute(schema.META.insert().values(name="x", value="1"))
            assert len(list(store.read(Judgement))) == 1
            assert store.setting("x") is None
        assert store.setting("x") == 1


def test_what_was_appended_outlives_a_kill(tmp_path):
    code = (
        "import sys\nfrom fakescope.chain.store import open_store\nfrom fakescope.records import *\n"
        "store = open_store(sys.argv[1], create=True)\n"
        "for n in range(10**6):\n"
        "    store.append([Judgement(image=str(n), who='a', said='fake', confidence=.9, right=True)])\n"
        "    print(n, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as child:
        said = [child.stdout.readline() for _ in range(30)]
        time.sleep(0.05)
        os.kill(child.pid, signal.SIGKILL)
        said += child.stdout.readlines()
    with open_store(tmp_path) as store:
        images = [row.image for row in store.read(Judgement)]
    confirmed = [line.strip() for line in said if line.endswith("\n")]
    assert images[: len(confirmed)] == confirmed
    assert len(images) <= len(confirmed) + 1


def test_the_migrations_make_just_these_tables(tmp_path):
    with open_store(tmp_path, create=True) as store, store.engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), schema.METADATA)
        version = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    assert found == []
    assert version == schema.REVISION


@pytest.mark.parametrize("text", ["", "not a database at all, and long enough to have a header of its own"])
def test_a_folder_without_a_chain_and_a_broken_file_are_said_in_one_line(tmp_path, text):
    if text:
        (tmp_path / "chain.db").write_text(text * 20)
    with pytest.raises(DataError) as caught:
        open_store(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_chain_of_a_later_version_is_refused(tmp_path):
    open_store(tmp_path, create=True).close()
    with sqlite3.connect(tmp_path / "chain.db") as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    with pytest.raises(DataError, match="9999"):
        open_store(tmp_path)


def test_a_password_is_not_shown():
    with pytest.raises(DataError) as caught:
        open_store("postgresql://me:secret@127.0.0.1:1/none")
    assert "secret" not in str(caught.value)


def test_relative_paths_stay_inside_the_chain(tmp_path):
    with open_store(tmp_path, create=True) as store:
        assert store.path_of(ref(1)) == tmp_path / "images" / "1.jpg"
        with pytest.raises(DataError, match="leaves the chain"):
            store.path_of(ref(1).model_copy(update={"path": "images/../../etc/passwd"}))


def test_settings_are_kept(tmp_path):
    with open_store(tmp_path, create=True) as store:
        store.set_setting("judges", 3)
        store.set_setting("judges", 2)
        assert store.setting("judges") == 2
        assert store.setting("nothing", "default") == "default"
