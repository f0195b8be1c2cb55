"""The same store on a real PostgreSQL server: migrations, appends from many sides, streams."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from chain_help import ScriptedTeacher, exemplar
from fakescope.chain.enlighten.run import Plan, enlighten
from fakescope.chain.store import open_store
from fakescope.errors import DataError
from fakescope.records import Draft, ImageRef, Judgement, Label
from postgres import find_server, postgres_server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url():
    programs = find_server()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres_server(programs) as address:
        yield address


def test_many_open_and_append_at_once(url):
    def write(number: int) -> int:
        with open_store(url) as store:
            draft = Draft(id="same", image="a", teacher=f"t{number}", prompt_hash="p")
            row = Judgement(image=f"{number}", who="ann", said=Label.FAKE, confidence=0.9, right=True)
            store.append([draft, row])
            return store.add_images(ImageRef(id=f"{n:05}", path="x", label=Label.FAKE) for n in range(700))

    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(write, range(8)))
    assert sorted(added)[-1] == sum(added) == 700
    with open_store(url) as store:
        assert store.counts()["judgements"] == 8
        assert store.counts()["drafts"] == 1
        assert len([ref.id for ref in store.images()]) == 700
        with pytest.raises(DataError, match="as fake, not real"):
            store.add_images([ImageRef(id="00001", path="x", label=Label.REAL)])


def test_a_chain_is_enlightened_once(url, store):
    with open_store(url, root=store.root) as shared:
        refs = [ref.model_copy(update={"split": "dev"}) for ref in store.images()]
        shared.add_images(refs)
        shared.append([exemplar("fake", "edge"), exemplar("real", "tone")])
        plan = Plan(split="dev")
        assert enlighten(shared, ScriptedTeacher(), plan).drafted == len(refs)
        assert enlighten(shared, ScriptedTeacher(), plan).asked == 0
        assert len(list(shared.read(Draft, teacher="test:scripted"))) == len(refs)
