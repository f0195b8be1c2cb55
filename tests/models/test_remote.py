"""Models on servers: the same numbers as in this process, other servers' ways, and servers that mean ill."""

from __future__ import annotations

import contextlib
import gzip
import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

pytest.importorskip("httpx")
pytest.importorskip("tenacity")
pytest.importorskip("uvicorn")
sys.path.insert(0, str(Path(__file__).parents[1]))

from fakescope.errors import ModelError
from fakescope.images.load import load_image
from fakescope.models.card import save_card
from fakescope.models.remote import wire
from fakescope.models.remote.load import _own_card
from fakescope.models.zoo import load_model
from fakescope.records import Label, Message
from fakescope.servers import check_url
from fakescope.verdict.judge import judge_image, judge_images
from fakescope.web.openai.app import make_app
from fakescope.web.openai.talk import Service
from wire_server import scripted, serving, told

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "images").glob("*.jpg"))
ASKED = [Message(role="user", content="Is this image real?")]
BEGUN = [*ASKED, Message(role="assistant", content="This image is fake because")]
CHANCES = {" fake": 0.7, " real": 0.2, " a": 0.06, " not": 0.03, " cat": 0.01}


@pytest.fixture(scope="module")
def own() -> Iterator[str]:
    with serving(make_app(Service(load_model(level=False), "nano"))) as url:  # type: ignore[arg-type]
        yield url


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "LONGEST_WAIT_S", 0.01)


def test_our_own_server_gives_what_the_model_gives_here(own: str) -> None:
    images = [load_image(path) for path in EXAMPLES[:4]]
    here, there = load_model(), load_model(own)
    assert there.card.calibration == here.card.calibration
    assert "pictures are sent there" in there.card.limits[0]
    for mine, theirs in zip(judge_images(here, images), judge_images(there, images), strict=True):
        assert theirs.p_fake == pytest.approx(mine.p_fake, abs=1e-6)
        assert theirs.answer_mass == pytest.approx(mine.answer_mass, abs=1e-6)
        assert theirs.p_fake_bounds is None
    for talk in (ASKED, BEGUN):
        said = "".join(there.generate(images[0], talk, max_tokens=12))
        assert said.strip() == "".join(here.generate(images[0], talk, max_tokens=12)).strip()
        assert there.generate_batch(images[0], [talk], max_tokens=12) == [said.strip()]


def test_words_that_are_not_among_the_likeliest_are_asked_for_by_name(own: str) -> None:
    image = load_image(EXAMPLES[0])
    few, many = (judge_image(load_model(f"{own}?top={top}"), image) for top in (1, 20))
    assert few.p_fake == pytest.approx(many.p_fake, abs=1e-6)
    assert few.p_fake_bounds is None


@pytest.mark.slow
def test_a_served_model_of_transformers_gives_what_it_gives_here(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from fakescope.models.hf.tiny import save_tiny

    folder = str(save_tiny("llava-1.5", tmp_path / "toy"))
    images = [load_image(path) for path in EXAMPLES[:3]]
    here = load_model(folder)
    with serving(make_app(Service(load_model(folder, level=False), "toy"))) as url:  # type: ignore[arg-type]
        there = load_model(url)
        for mine, theirs in zip(judge_images(here, images), judge_images(there, images), strict=True):
            assert theirs.p_fake == pytest.approx(mine.p_fake, abs=1e-5)
            assert theirs.p_fake_bounds is None
        said = "".join(there.generate(images[0], ASKED, max_tokens=8))
        assert said == "".join(here.generate(images[0], ASKED, max_tokens=8))


def as_vllm(chances: dict[str, float], *, bound: str = "raw") -> Any:
    """Goes on with an answer only when told to; can be bound to a choice."""

    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        if body["messages"][-1]["role"] == "assistant" and not body.get("continue_final_message"):
            return 200, told({"I": 0.9, "fake": 0.06, "The": 0.04}, 3)
        if "structured_outputs" in body:
            if bound == "refused":
                return 400, {"error": {"message": "structured_outputs is not known"}}
            if bound == "ignored":
                return 200, told(chances, body["top_logprobs"])
            among = {word: chances[word] for word in body["structured_outputs"]["choice"]}
            whole = sum(among.values()) if bound == "renormalised" else 1.0
            return 200, told({word: p / whole for word, p in among.items()}, body["top_logprobs"])
        return 200, told(chances, body["top_logprobs"])

    return answer


def ask(url: str, settings: str = "") -> Any:
    return judge_image(load_model(f"{url}?model=m{settings}"), load_image(EXAMPLES[0]))


def test_a_server_that_must_be_told_to_go_on() -> None:
    with scripted(as_vllm(CHANCES), ["m"]) as url:
        verdict = ask(url)
        assert verdict.p_fake == pytest.approx(0.7 / 0.9)
        assert verdict.answer_mass == pytest.approx(0.9)
        assert verdict.label is Label.FAKE


FEW = {" fake": 0.9, " a": 0.06, " real": 0.03, " cat": 0.01}


@pytest.mark.parametrize("way", ["refused", "ignored"])
def test_what_a_server_keeps_back_is_bounded(way: str) -> None:
    with scripted(as_vllm(FEW, bound=way), ["m"]) as url:
        verdict = ask(url, "&top=2")
        low, high = verdict.p_fake_bounds
        assert low <= 0.9 / 0.93 <= high == 1.0
        assert low == pytest.approx(0.9 / 0.94)  # the rest, .04, is less than the least that was told
        assert verdict.label is Label.FAKE


@pytest.mark.parametrize("way", ["raw", "renormalised"])
def test_a_missing_word_is_known_from_an_answer_that_is_bound_to_the_words(way: str) -> None:
    with scripted(as_vllm(FEW, bound=way), ["m"]) as url:
        verdict = ask(url, "&top=2")
        assert verdict.p_fake == pytest.approx(0.9 / 0.93)
        assert verdict.answer_mass == pytest.approx(0.93)
        assert verdict.p_fake_bounds is None


def as_hosted(body: dict[str, Any]) -> tuple[int, Any]:
    """Begins a new turn, calls the limit by another name, has no temperature and few log-probabilities."""
    unknown = {"continue_final_message", "structured_outputs", "grammar", "regex"} & body.keys()
    for name in (*unknown, *({"max_tokens", "temperature"} & body.keys())):
        hint = "use max_completion_tokens" if name == "max_tokens" else ""
        return 400, {"error": {"message": f"unsupported parameter {name}; {hint}"}}
    if body.get("top_logprobs", 0) > 5:
        return 400, {"error": {"message": "top_logprobs is at most 5"}}
    if not body.get("logprobs"):
        return 200, {"choices": [{"message": {"content": "This image is fake because of its hands."}}]}
    if body["messages"][-1]["role"] == "assistant":
        return 200, told({"The": 0.99, "A": 0.01}, 5)
    return 200, told({"Fake": 0.5, "fake": 0.1, "Real": 0.3, "It": 0.1}, 5)


def test_a_server_that_cannot_go_on_is_asked_for_one_word() -> None:
    with scripted(as_hosted) as url:
        verdict = ask(url)
        assert verdict.p_fake == pytest.approx(0.6 / 0.9)
        assert verdict.answer_mass == pytest.approx(0.9)
        model = load_model(f"{url}?model=m")
        said = model.generate_batch(load_image(EXAMPLES[0]), [BEGUN], max_tokens=9)
        assert said == ["of its hands."]
    with scripted(as_hosted) as url, pytest.raises(ModelError, match="which models"):
        load_model(url)


def test_words_are_chosen_by_their_first_letters() -> None:
    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        if body["messages"][-1]["role"] == "assistant":
            return 200, told(CHANCES, 20)
        return 200, told({"Ab": 0.5, "Natural": 0.3, "N": 0.05, "U": 0.02, "Well": 0.13}, 20)

    with scripted(answer, ["m"]) as url:
        row = load_model(url).choice_logits(
            load_image(EXAMPLES[0]), [ASKED], ("Abnormal", "Natural", "Unclear")
        )
        np.testing.assert_allclose(np.exp(row), [[0.5, 0.35, 0.02]], rtol=1e-5)


def test_a_server_that_stumbles_is_asked_again() -> None:
    calls = {"n": 0}

    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        calls["n"] += 1
        return (503, {"error": "busy"}) if calls["n"] % 2 else (200, told(CHANCES, 20))

    with scripted(answer, ["m"]) as url:
        assert ask(url).p_fake == pytest.approx(0.7 / 0.9)


def broken(what: Any, status: int = 200) -> Any:
    return lambda body: (status, what)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (broken(b"<html>no</html>"), "format of chat completions"),
        (broken({"choices": [{"message": {"content": "fake"}}]}), "no log-probabilities"),
        (broken({"choices": 7}), "format of chat completions"),
        (broken(b"[" * 100_000), "format of chat completions"),
        (broken(told({" fake": 1.0}, 1) | {"choices": [{"logprobs": {"content": [{"token": "x", "logprob": 5}]}}]}),
         "format of chat completions"),
        (broken(b'{"choices": [{"logprobs": {"content": [{"token": "x", "logprob": NaN}]}}]}'), "format"),
        (broken({"error": {"message": "who are you?"}}, 401), "HTTP 401: who are you"),
        (broken({"error": "overloaded"}, 500), "HTTP 500: overloaded .5 times."),
        (broken({"error": "overloaded"}, 503), "no answer after 5 attempts"),
        (broken(b"x" * (17 << 20)), "over 16777216 bytes"),
    ],
)  # fmt: skip
def test_a_server_that_talks_nonsense_gets_one_clear_error(answer: Any, said: str) -> None:
    with scripted(answer, ["m"]) as url, pytest.raises(ModelError, match=said):
        ask(url)


def test_a_server_that_is_not_there_and_models_that_are_not() -> None:
    with pytest.raises(ModelError, match=r"no answer after 5 attempts.*is the server running"):
        load_model("http://127.0.0.1:9/v1")
    with scripted(broken({}), ["one", "two"]) as url:
        with pytest.raises(ModelError, match="has 2 models"):
            load_model(url)
        with pytest.raises(ModelError, match="no model 'three'"):
            load_model(f"{url}?model=three")
    with pytest.raises(ModelError, match="no setting 'tiles'"):
        load_model("http://127.0.0.1:9/v1?tiles=3")


def test_keys_go_where_they_are_meant_to_go_and_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-theirs")
    monkeypatch.setenv("MINE", "sk-mine")
    keys = []

    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        keys.append(body["key"])
        return 403, {"error": {"message": f"bad key {body['key']}"}}

    with scripted(answer, ["m"]) as url:
        with pytest.raises(ModelError):
            ask(url)
        with pytest.raises(ModelError, match=r"bad key Bearer \[key\]"):
            ask(url, "&key_env=MINE")
    assert keys == [None, "Bearer sk-mine"]


def test_fewer_log_probabilities_are_asked_for_until_the_server_gives_them() -> None:
    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        if body["top_logprobs"] > 3:
            return 400, {"error": {"message": "too many logprobs"}}
        return as_vllm(CHANCES)(body)

    with scripted(answer, ["m"]) as url:
        assert ask(url, "&top=13").p_fake == pytest.approx(0.7 / 0.9)


def test_a_server_that_falls_over_an_unknown_field_is_asked_in_another_way() -> None:
    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        if "continue_final_message" in body or "structured_outputs" in body:
            return 500, {"error": {"message": "oops"}}
        return 200, told(CHANCES, body["top_logprobs"])

    with scripted(answer, ["m"]) as url:
        assert ask(url).p_fake == pytest.approx(0.7 / 0.9)


def test_a_binding_that_one_known_word_cannot_prove_is_not_believed() -> None:
    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        if "structured_outputs" in body:  # neither of the whole vocabulary nor of the words: nobody knows of what
            return 200, told({" fake": 0.3, " real": 0.3}, 20)
        return as_vllm(FEW)(body)

    with scripted(answer, ["m"]) as url:
        assert ask(url, "&top=2").p_fake_bounds is not None


def test_other_spellings_that_were_not_told_are_in_the_bounds() -> None:
    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        return 200, told({"Fake": 0.5, "Real": 0.2, "It": 0.1, "fake": 0.1, "REAL": 0.1}, 3)

    with scripted(answer, ["m"]) as url:
        low, high = ask(url, "&begin=ask").p_fake_bounds
        assert low == pytest.approx(0.5 / (0.5 + 0.4))
        assert high == pytest.approx(0.7 / (0.7 + 0.2))


def test_a_card_that_was_calibrated_in_another_way_is_refused(tmp_path: Path) -> None:
    card = replace(load_model().card, asked="ask")
    save_card(tmp_path / "card.json", card)
    with scripted(as_vllm(CHANCES), ["m"]) as url, pytest.raises(ModelError, match="&begin=ask"):
        ask(url, f"&card={tmp_path / 'card.json'}")


@pytest.mark.parametrize("address", ["http://me:secret@host/v1", "http://" + "a" * 70 + ".org/v1", "http://h:x/v1"])
def test_odd_addresses_get_one_clear_error(address: str) -> None:
    with pytest.raises(ModelError) as raised:
        check_url(address)
    assert "secret" not in str(raised.value)


def test_a_card_that_cannot_be_read_is_none() -> None:
    row = {"id": "m", "owned_by": "fakescope", "fakescope": {"name": "m", "limits": "none"}}
    card = _own_card(row, "m", "http://host/v1")
    assert card.name == "m"
    assert "cannot be read" in card.limits[-1]


class Raw(BaseHTTPRequestHandler):
    """Sends what it is told to, byte for byte."""

    headers_sent: ClassVar[dict[str, str]] = {}
    body: ClassVar[tuple[bytes, ...]] = ()

    def do_POST(self) -> None:
        self.send_response(200)
        for name, value in self.headers_sent.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            for piece in self.body:
                self.wfile.write(piece)
                time.sleep(0.05)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.parametrize(
    ("headers", "body", "said"),
    [
        ({"Content-Encoding": "gzip"}, (gzip.compress(b"{}"),), "compressed"),
        ({}, (b"x",) * 100, "no end after"),
        ({}, (b"x" * (1 << 20),) * 3, "over 2097152 bytes"),
    ],
)
@pytest.mark.parametrize("streamed", [True, False])
def test_responses_without_an_end_are_given_up(
    headers: dict[str, str], body: tuple[bytes, ...], said: str, streamed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "LONGEST_S", 0.5)
    monkeypatch.setattr(wire, "MOST_BYTES", 2 << 20)
    handler = type("Handler", (Raw,), {"headers_sent": headers, "body": body})
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    try:
        server = wire.Server(f"http://127.0.0.1:{http.server_address[1]}/v1", None, 0.4)
        with pytest.raises(ModelError, match=said):
            [*server.stream({})] if streamed else server.complete({})
    finally:
        http.shutdown()
        http.server_close()


def test_a_streamed_answer_that_breaks_off_is_told() -> None:
    piece = json.dumps({"choices": [{"delta": {"content": "It"}}]})
    data = f"data: {piece}\n\ndata: {json.dumps({'error': {'message': 'out of memory'}})}\n\n".encode()

    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        return (200, data) if body.get("stream") else (200, told(CHANCES, 20))

    with scripted(answer, ["m"]) as url:
        pieces = load_model(url).generate(load_image(EXAMPLES[0]), ASKED)
        assert next(pieces) == "It"
        with pytest.raises(ModelError, match="out of memory"):
            next(pieces)
