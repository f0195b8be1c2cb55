"""The review room over HTTP: who may what, leases, blindness, and answers that outlive a kill."""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException

import pytest

from fakescope.records import Exemplar, Judgement, Review
from room_help import Client, Server

pytestmark = pytest.mark.slow


@pytest.fixture
def enter(server, tokens):
    return lambda name: Client(server.url, tokens[name])


def judge(client: Client, item: dict, said: str, *criteria: str) -> bool:
    sent = {"item": item["item"], "said": said, "confidence": 0.9, "seconds": 3.0}
    right = client.post("/api/verdict", sent)["right"]
    if right:
        client.post(
            "/api/criteria", {"item": item["item"], "criteria": criteria, "boxes": [], "seconds": 4.0}
        )
    return right


def test_nothing_tells_the_label_before_the_verdict(enter, chain):
    ann = enter("ann")
    for _ in range(8):
        item = ann.next("steer")
        assert item["step"] == "verdict"
        ann.raw("GET", f"/api/image/{item['image']}")
        ann.get("/api/me")
        ann.get("/api/progress")
        told = "\n".join(ann.seen).lower()
        assert not any(word in told for word in ("secret", 'generator"', '"label"', "fake-", "real-", "exif"))
        ann.post("/api/verdict", {"item": item["item"], "said": "fake", "confidence": 0.6})
        ann.post("/api/criteria", {"item": item["item"], "criteria": []}) if chain.image(
            item["item"]
        ).label == "fake" else None
        ann.seen.clear()
    assert ann.next("steer") is None


def test_a_blind_verdict_stands_and_criteria_can_be_changed(enter, chain):
    ann = enter("ann")
    item = ann.next("steer")
    label = chain.image(item["item"]).label.value
    other = "real" if label == "fake" else "fake"
    sent = {"item": item["item"], "said": other, "confidence": 0.75}
    assert ann.post("/api/verdict", sent) == {"right": False, "said": other}
    assert ann.post("/api/verdict", sent | {"said": label}) == {"right": False, "said": other}
    status, _, _ = ann.raw("POST", "/api/criteria", {"item": item["item"], "criteria": ["edge"]})
    assert status == 409
    second = ann.next("steer")
    assert second["item"] != item["item"]
    judge(ann, second, chain.image(second["item"]).label.value, "edge")
    again = ann.post("/api/reopen", {"task": "steer", "item": second["item"]})["item"]
    assert (again["step"], again["criteria"]) == ("criteria", ["edge"])
    ann.post("/api/criteria", {"item": second["item"], "criteria": ["tone"]})
    rows = list(chain.read(Judgement, image=second["item"]))
    assert [row.criteria for row in rows] == [(), ("edge",), ("tone",)]


def test_a_right_verdict_without_criteria_is_taken_up_again(enter, server, tokens, chain):
    ann = enter("ann")
    item = ann.next("steer")
    ann.post(
        "/api/verdict", {"item": item["item"], "said": chain.image(item["item"]).label, "confidence": 0.9}
    )
    later = Client(server.url, tokens["ann"])
    assert (later.next("steer", True)["item"], later.next("steer")["step"]) == (item["item"], "criteria")


def test_two_people_an_image_and_nobody_twice(enter, tokens, chain):
    people = [enter(name) for name in tokens]
    barrier = threading.Barrier(len(people))

    def work(client: Client) -> list[str]:
        done = []
        barrier.wait()
        while (item := client.next("steer")) is not None:
            done.append(item["item"])
            judge(client, item, "fake")
        return done

    with ThreadPoolExecutor(len(people)) as pool:
        done = list(pool.map(work, people))
    assert all(len(own) == len(set(own)) for own in done)
    assert set(Counter(item for own in done for item in own).values()) == {2}
    assert sum(map(len, done)) == 16


def test_a_lease_keeps_others_away_and_runs_out(enter, chain, drafts):
    chain.set_setting("lease_s", 1.0)
    ann, bob = enter("ann"), enter("bob")
    first = ann.next("review")["item"]
    assert ann.next("review")["item"] == first
    assert bob.next("review")["item"] != first
    threading.Event().wait(1.1)
    assert bob.next("review")["item"] == first
    assert bob.post("/api/renew", {"task": "review", "item": first}) == {"kept": True}
    assert ann.post("/api/renew", {"task": "review", "item": first}) == {"kept": False}
    assert ann.next("review")["item"] != first


def test_the_most_urgent_draft_comes_first_and_decisions_are_kept(enter, chain, drafts):
    ann = enter("ann")
    item = ann.next("review")
    assert (item["item"], item["checks"][0]["passed"]) == ("d7", False)
    status, _, body = ann.raw("POST", "/api/review", {"item": "d7", "decision": "reject", "reason": " "})
    assert (status, b"reason" in body) == (409, True)
    note = {"finding": "natural", "observation": "It is whole.", "region": [0, 0, 0.5, 0.5]}
    sent = {
        "item": "d7",
        "decision": "revise",
        "description": "Better.",
        "traces": {"edge": note},
        "seconds": 9,
    }
    ann.post("/api/review", sent)
    ann.post("/api/review", sent)
    (row,) = chain.read(Review)
    assert (row.who, row.role, row.decision, row.description) == ("ann", "annotator", "revise", "Better.")
    assert (row.image, row.traces["edge"].region, row.limits) == (drafts[7].image, (0, 0, 0.5, 0.5), None)
    assert ann.next("review")["item"] == "d6"


def test_who_knows_a_label_does_not_judge_it_blind(enter, chain, drafts):
    ann = enter("ann")
    seen = ann.next("review")["image"]
    ann.post("/api/review", {"item": ann.next("review")["item"], "decision": "accept"})
    status, _, _ = ann.raw("POST", "/api/verdict", {"item": seen, "said": "fake", "confidence": 0.9})
    assert status == 409
    done = []
    while (item := ann.next("steer")) is not None:
        done.append(item["item"])
        judge(ann, item, "fake")
    assert seen not in done


def test_conflicts_go_to_adjudicators_alone(enter, chain, drafts):
    chain.set_setting("reviewers", 2)
    ann, bob, cid = enter("ann"), enter("bob"), enter("cid")
    ann.post("/api/review", {"item": "d3", "decision": "accept"})
    bob.post("/api/review", {"item": "d3", "decision": "reject", "reason": "No such hand."})
    assert ann.raw("GET", "/api/next?task=adjudicate")[0] == 403
    assert ann.raw("POST", "/api/adjudicate", {"item": "d3", "decision": "accept"})[0] == 403
    assert ann.raw("GET", "/api/next?task=exemplars")[0] == 403
    item = cid.next("adjudicate")
    assert [review["who"] for review in item["reviews"]] == ["reviewer 1", "reviewer 2"]
    cid.post("/api/adjudicate", {"item": "d3", "decision": "accept"})
    assert list(chain.read(Review))[-1].role == "adjudicator"
    assert cid.next("adjudicate") is None


def test_drafts_that_say_the_same_are_not_compared(enter, chain, drafts):
    chain.add_images([next(iter(chain.images())).model_copy(update={"id": "new"})])
    same = {"id": "x", "image": "new"}
    chain.append(
        [drafts[0].model_copy(update=same), drafts[0].model_copy(update=same | {"id": "y", "mode": "plain"})]
    )
    client = enter("eve")
    assert client.get("/api/progress")["overall"]["compare"]["total"] == 8


def test_sides_are_drawn_and_nothing_tells_them_apart(enter, chain, drafts):
    sides = []
    for name in ("ann", "bob"):
        chain.set_setting("voters", 2)
        client = enter(name)
        while (item := client.next("compare")) is not None:
            assert set(item["left"]) == set(item["right"]) == {"id", "description"}
            sides.append(item["left"]["id"][0])
            client.post(
                "/api/compare",
                {
                    "item": item["item"],
                    "left": item["left"]["id"],
                    "right": item["right"]["id"],
                    "chosen": "left",
                },
            )
    assert len(sides) == 16
    assert set(sides) == {"d", "p"}
    bad = {"item": drafts[0].image, "left": "d0", "right": "d1", "chosen": "left"}
    assert client.raw("POST", "/api/compare", bad)[0] == 404


def test_exemplars_are_checked_or_taken_out(enter, chain, drafts):
    eve = enter("eve")
    item = eve.next("exemplars")
    eve.post("/api/exemplars", {"item": item["item"], "text": "Mended."})
    assert eve.next("exemplars") is None
    row = list(chain.read(Exemplar, id=item["item"]))[-1]
    assert (row.text, row.checked_by) == ("Mended.", "eve")


def test_strangers_and_other_sites_get_nothing(enter, server, chain, tokens):
    ann = enter("ann")
    item = ann.next("steer")["item"]
    verdict = {"item": item, "said": "fake", "confidence": 0.9}
    assert ann.raw("POST", "/api/verdict", verdict, {"X-Fakescope": ""})[0] == 403
    assert ann.raw("POST", "/api/verdict", b"x" * 300_000)[0] == 413
    assert ann.raw("POST", "/api/verdict", verdict | {"more": 1})[0] == 422
    assert ann.raw("GET", "/api/image/..%2F..%2Fetc%2Fpasswd")[0] == 404
    assert ann.raw("GET", "/static/..%2Fapi.py")[0] == 404
    assert ann.raw("GET", "/nothing")[0] == 404
    good = ann.cookie
    for cookie in ("", "fakescope_room=x", good[:-2] + "00", good.replace(".", "")):
        ann.cookie = cookie
        assert ann.raw("GET", "/api/me")[0] == 401
        assert ann.raw("GET", f"/api/image/{item}")[0] == 401
    ann.cookie = good
    _, headers, _ = ann.raw("GET", "/")
    assert "default-src 'none'" in headers["content-security-policy"]
    from fakescope.chain.room.people import remove_person

    remove_person(chain, "ann")
    assert ann.raw("GET", "/api/me")[0] == 401
    assert chain.counts()["judgements"] == 0


def test_what_was_acknowledged_outlives_the_kill_of_the_server(chain, tokens):
    chain.set_setting("judges", 50)
    rng, acknowledged = random.Random(3), []
    server = Server(chain.root)
    server.start()
    try:
        for _ in range(4):
            threading.Timer(rng.uniform(0.02, 0.5), server.kill).start()
            clients = []
            try:
                clients = [Client(server.url, token) for token in tokens.values()]
                while True:
                    for name, client in zip(tokens, clients, strict=True):
                        item = client.next("steer")
                        if item is None:
                            raise OSError("all is judged")
                        if not item["again"]:  # again: a kill came between the verdict and the criteria
                            client.post(
                                "/api/verdict", {"item": item["item"], "said": "fake", "confidence": 0.9}
                            )
                            acknowledged.append((name, item["item"]))
                        if chain.image(item["item"]).label == "fake":
                            client.post("/api/criteria", {"item": item["item"], "criteria": ["edge"]})
            except (OSError, AssertionError, HTTPException):  # a kill in the middle of an answer
                server.process.wait(20)
            server.start()
    finally:
        server.stop()
    first = Counter()
    for row in chain.read(Judgement):
        first[row.who, row.image] += not row.criteria
    assert acknowledged
    assert all(first[pair] == 1 for pair in acknowledged)
    assert len(acknowledged) == len(set(acknowledged))
    assert sum(first.values()) <= len(acknowledged) + 4
