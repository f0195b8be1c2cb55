"""The review room in a real browser, driven as annotators would: by keyboard and mouse."""

from __future__ import annotations

import shutil

import pytest

from fakescope.chain.agree.judgements import agree, alpha
from fakescope.records import Choice, Exemplar, Judgement, Label, Review
from fakescope.taxonomy import CRITERION_IDS
from room_help import Server

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
CHROMIUM = shutil.which("chromium")
KEYS = dict(zip(CRITERION_IDS, "123456789qwetyu", strict=True))


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


@pytest.fixture
def page_of(browser, server, tokens):
    """A page in which somebody is signed in. Errors of scripts fail the test."""
    contexts, errors = [], []

    def make(name: str):
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{server.url}/enter?token={tokens[name]}")
        page.wait_for_selector("#submit, #accept, .empty")
        return page

    yield make
    for context in contexts:
        context.close()
    assert errors == []


def step(page) -> tuple[str, str]:
    return page.evaluate("[document.body.dataset.step, document.body.dataset.item]")


def moved_on(page, before) -> None:
    page.wait_for_function(
        "b => document.body.dataset.step !== b[0] || document.body.dataset.item !== b[1]", arg=list(before)
    )


def loaded(page) -> None:
    page.wait_for_function("() => document.getElementById('picture').naturalWidth > 0")


def press(page, *keys: str) -> None:
    for name in keys:
        page.keyboard.press(name)


def judge_all(page, chain, criteria_of) -> None:
    """Judge every picture: right, with the criteria that `criteria_of(nth)` names, or wrong where it gives None."""
    for nth in range(50):
        before = step(page)
        if before[0] == "empty":
            return
        criteria = criteria_of(nth)
        label = chain.image(before[1]).label
        said = label if criteria is not None else next(other for other in Label if other is not label)
        press(page, said.value[0], "4", "Enter")
        moved_on(page, before)
        if criteria is not None:
            before = step(page)
            assert before[0] == "criteria"
            press(page, *(KEYS[c] for c in criteria), "Enter" if criteria else "n")
            moved_on(page, before)


def test_two_annotators_with_known_disagreement_give_the_expected_alpha(page_of, chain):
    # ann names edge every time; bob names edge but for the 3rd and 6th, and is deceived by the 8th
    bob_names = [("edge",), ("edge", "tone"), ("tone",), ("edge",), ("edge",), ("light",), ("edge",), None]
    judge_all(page_of("ann"), chain, lambda nth: ("edge",))
    judge_all(page_of("bob"), chain, lambda nth: bob_names[nth])
    rows = list(chain.read(Judgement))
    order = sorted({row.image for row in rows})
    assert len(order) == 8
    settled = {(row.who, row.image): row.criteria for row in rows}
    assert [settled["bob", image] for image in order] == [names or () for names in bob_names]
    found = agree(chain)
    assert found.criteria_alpha["edge"] == pytest.approx(alpha([(0, 2)] * 5 + [(1, 1)] * 2))
    assert found.criteria_alpha["edge"] == pytest.approx(1 - 13 * 4 / (2 * 12 * 2))
    assert found.criteria_alpha["tone"] == pytest.approx(alpha([(2, 0)] * 5 + [(1, 1)] * 2))
    assert found.criteria_images["edge"] == 7
    assert [(row.who, row.right) for row in rows if not row.right] == [("bob", False)]
    assert set(found.conflicts) == {order[2], order[5], order[7]}
    assert all(row.seconds > 0 for row in rows)


def test_boxes_land_where_they_are_drawn_also_when_zoomed_and_can_be_undone(page_of, chain):
    page = page_of("ann")
    loaded(page)
    item = step(page)[1]
    press(page, chain.image(item).label.value[0], "5", "Enter")
    page.wait_for_selector(".criteria")
    press(page, "1")

    def draw(region) -> None:
        box = page.locator("#picture").bounding_box()
        at = [(box["x"] + box["width"] * region[i], box["y"] + box["height"] * region[i + 1]) for i in (0, 2)]
        page.mouse.move(*at[0])
        page.mouse.down()
        page.mouse.move(*at[1], steps=3)
        page.mouse.up()

    draw((0.25, 0.25, 0.5, 0.75))
    page.mouse.wheel(0, -300)
    draw((0.4, 0.4, 0.45, 0.5))
    draw((0.1, 0.1, 0.2, 0.2)) if page.locator("#picture").bounding_box()["x"] > 0 else draw(
        (0.42, 0.42, 0.48, 0.48)
    )
    assert page.locator(".box").count() == 3
    press(page, "Control+z")
    assert page.locator(".box").count() == 2
    press(page, "0")
    page.locator(".box .remove").first.click()
    assert page.locator(".box").count() == 1
    press(page, "Control+z", "2", "Enter")
    moved_on(page, ("criteria", item))
    row = list(chain.read(Judgement, image=item))[-1]
    assert row.criteria == ("texture", "edge")
    assert [box.criterion for box in row.boxes] == ["texture", "texture"]
    assert row.boxes[0].region == pytest.approx((0.25, 0.25, 0.5, 0.75), abs=0.01)
    assert row.boxes[1].region == pytest.approx((0.4, 0.4, 0.45, 0.5), abs=0.01)
    page.locator("button", has_text="Last").click()
    page.wait_for_selector(".criteria")
    assert page.locator(".criteria .chosen").count() == 2
    press(page, "2", "Enter")
    moved_on(page, ("criteria", item))
    assert list(chain.read(Judgement, image=item))[-1].criteria == ("texture",)


def test_a_form_outlives_a_reload(page_of, chain):
    page = page_of("ann")
    item = step(page)[1]
    press(page, chain.image(item).label.value[0], "5", "Enter")
    page.wait_for_selector(".criteria")
    press(page, "3", "7")
    page.reload()
    page.wait_for_selector(".criteria .chosen")
    assert step(page) == ["criteria", item]
    chosen = page.locator(".criteria .chosen").evaluate_all("all => all.map(e => e.dataset.criterion)")
    assert chosen == ["clarity", "shape"]


def test_an_answer_waits_for_a_server_that_is_down(page_of, server, chain):
    page = page_of("ann")
    item = step(page)[1]
    server.kill()
    press(page, chain.image(item).label.value[0], "5", "Enter")
    page.wait_for_function("() => document.getElementById('banner').textContent.includes('is kept here')")
    again = Server(chain.root, port=server.port)
    with again:
        page.wait_for_selector(".criteria", timeout=15000)
    assert [row.image for row in chain.read(Judgement)] == [item]


def test_reviewing_revising_and_rejecting_by_keyboard(page_of, chain, drafts):
    page = page_of("ann")
    page.click("#task-review")
    page.wait_for_selector("#accept")
    assert "<b>bold</b>" in page.locator("#panel").inner_text()
    assert page.title() == "fakescope review room"
    assert page.locator("#panel img, #panel b:has-text('bold')").count() == 0
    assert page.locator(".box").count() == 1
    before = step(page)
    press(page, "a")
    moved_on(page, before)
    before = step(page)
    press(page, "e")
    page.fill("#edit-description", "This image is fake because I looked.")
    press(page, "Control+Enter")
    moved_on(page, before)
    before = step(page)
    press(page, "x")
    page.keyboard.type("the sign is not there")
    press(page, "Enter")
    moved_on(page, before)
    rows = list(chain.read(Review))
    assert [(row.draft, row.decision) for row in rows] == [
        ("d7", "accept"),
        ("d6", "revise"),
        ("d5", "reject"),
    ]
    assert rows[1].description == "This image is fake because I looked."
    assert rows[1].traces is None
    assert rows[2].reason == "the sign is not there"
    press(page, "u")
    page.wait_for_function("() => document.body.dataset.item === 'd5'")
    press(page, "a")
    page.wait_for_function("() => document.body.dataset.item !== 'd5'")
    assert [row.decision for row in chain.read(Review, draft="d5")] == ["reject", "accept"]


def test_comparing_adjudicating_and_checking_exemplars(page_of, chain, drafts):
    ann = page_of("ann")
    ann.click("#task-compare")
    ann.wait_for_selector(".side")
    for side in ("ArrowLeft", "ArrowRight"):
        before = step(ann)
        press(ann, side, "Enter")
        moved_on(ann, before)
    assert [row.chosen for row in chain.read(Choice)] == ["left", "right"]
    for who, decision in (("ann", "accept"), ("bob", "reject")):
        chain.append([Review(draft="d2", image=drafts[2].image, who=who, decision=decision, reason="x")])
    cid = page_of("cid")
    cid.click("#task-adjudicate")
    cid.wait_for_selector("#accept")
    before = step(cid)
    press(cid, "a")
    moved_on(cid, before)
    assert list(chain.read(Review))[-1].role == "adjudicator"
    eve = page_of("eve")
    eve.click("#task-exemplars")
    eve.wait_for_selector("#text")
    eve.fill("#text", "Better words.")
    before = step(eve)
    press(eve, "Control+Enter")
    moved_on(eve, before)
    assert list(chain.read(Exemplar))[-1].text == "Better words."
    eve.click("#open-progress")
    eve.wait_for_selector("dialog table")
    assert "ann" in eve.locator("dialog").inner_text()


def test_zoom_reaches_native_pixels(page_of):
    page = page_of("ann")
    loaded(page)
    press(page, "z")
    assert page.locator("#zoom").inner_text() == "100%"
    box = page.locator("#picture").bounding_box()
    natural = page.evaluate("[picture.naturalWidth, picture.naturalHeight]")
    assert [box["width"], box["height"]] == pytest.approx(natural, abs=0.5)
    press(page, "+")
    assert page.locator("#zoom").inner_text() == "130%"
    press(page, "0")
    assert page.locator("#zoom").inner_text() != "130%"


def test_the_personal_link_is_needed(browser, server):
    page = browser.new_page()
    page.goto(server.url)
    page.wait_for_selector(".empty")
    assert "Open your personal link" in page.locator("#panel").inner_text()
    page.goto(f"{server.url}/enter?token=wrong")
    page.wait_for_selector(".empty")
    assert "not valid" in page.locator("#panel").inner_text()
    page.close()


def test_a_key_that_is_held_down_submits_once_and_nothing_is_named_by_accident(page_of, chain):
    page = page_of("ann")
    loaded(page)
    item = step(page)[1]
    press(page, chain.image(item).label.value[0], "5")
    page.keyboard.down("Enter")
    page.wait_for_selector(".criteria")
    for _ in range(5):
        page.keyboard.down("Enter")  # repeats
    page.keyboard.up("Enter")
    press(page, "Enter")
    assert step(page) == ["criteria", item] or step(page) == ("criteria", item)
    assert "press N" in page.inner_text("#banner")
    press(page, "n")
    moved_on(page, ("criteria", item))
    rows = list(chain.read(Judgement, image=item))
    assert [row.criteria for row in rows] == [(), ()]


def test_space_moves_the_picture_and_takes_nothing_back(page_of, chain):
    page = page_of("ann")
    loaded(page)
    item = step(page)[1]
    press(page, chain.image(item).label.value[0], "5", "Enter")
    page.wait_for_selector(".criteria")
    press(page, "3", " ")
    assert page.locator(".criteria .chosen").count() == 1
    press(page, "ArrowRight")
    assert page.locator(".criteria .chosen").count() == 0


def test_two_people_in_one_browser_keep_their_work_apart(page_of, chain, server, tokens):
    page = page_of("ann")
    loaded(page)
    item = step(page)[1]
    press(page, chain.image(item).label.value[0], "5", "Enter")
    page.wait_for_selector(".criteria")
    press(page, "1", "2")
    for _ in range(20):
        page.goto(f"{server.url}/enter?token={tokens['bob']}")
        page.wait_for_selector("#submit, .empty")
        at = step(page)
        press(page, chain.image(at[1]).label.value[0], "5", "Enter")
        page.wait_for_selector(".criteria")
        if at[1] == item:
            break
        press(page, "n")
        moved_on(page, ("criteria", at[1]))
    assert at[1] == item
    assert page.locator(".criteria .chosen").count() == 0
    page.goto(f"{server.url}/enter?token={tokens['ann']}")
    page.wait_for_selector(".criteria .chosen")
    assert page.locator(".criteria .chosen").count() == 2


def test_a_revision_leaves_no_hole(page_of, chain, drafts):
    page = page_of("ann")
    page.click("#task-review")
    page.wait_for_selector("#accept")
    item = step(page)[1]
    press(page, "e")
    page.fill("#edit-description", " ")
    press(page, "Control+Enter")
    assert "empty" in page.inner_text("#banner")
    other = next(label for label in Label if label is not chain.image(chain.draft(item).image).label)
    page.fill("#edit-description", f"This image is {other.value} because of it.")
    press(page, "Control+Enter")
    assert "has to say" in page.inner_text("#banner")
    label = chain.image(chain.draft(item).image).label.value
    page.fill("#edit-description", f"This image is {label} because of it.")
    press(page, "Control+Enter")
    moved_on(page, ("review", item))
    assert [row.description for row in chain.read(Review, draft=item)] == [
        f"This image is {label} because of it."
    ]
