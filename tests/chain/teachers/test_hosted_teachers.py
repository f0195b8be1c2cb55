"""Each hosted teacher against a real HTTP server that speaks its provider's format: success, and every fault."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import re
import socket
import traceback
from dataclasses import dataclass
from typing import Any

import pytest
from wire import EXAMPLES, KEY, Answered, Asked, http_date, request, server

from fakescope.chain.enlighten.answer import read_answer
from fakescope.chain.teachers.base import Fault, Reply, Request, TeacherError
from fakescope.chain.teachers.open import open_teacher
from fakescope.records import Label

ANSWER = json.dumps(
    {
        "label": "fake",
        "subject": "A woman on a sofa.",
        "traces": [
            {
                "criterion": "edge",
                "finding": "abnormal",
                "observation": "The hem melts.",
                "region": [0.1, 0.2, 0.5, 0.6],
            }
        ],
        "description": "This image is fake because the hem melts into the sofa.",
        "limits": "Little of it is seen.",
        "advice": "Look at the hem.",
    }
)


@dataclass(frozen=True)
class Provider:
    """A provider's formats, as its documentation gives them."""

    name: str

    def good(self, text: str = ANSWER, end: str = "stop") -> dict[str, Any]:
        """A response with a text; `end` is stop, length or filter."""
        if self.name == "openai":
            ends = {"stop": "stop", "length": "length", "filter": "content_filter"}
            choice = {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": ends[end],
            }
            return {"id": "1", "object": "chat.completion", "choices": [choice],
                    "usage": {"prompt_tokens": 70, "completion_tokens": 30, "total_tokens": 100}}  # fmt: skip
        if self.name == "anthropic":
            ends = {"stop": "end_turn", "length": "max_tokens", "filter": "refusal"}
            return {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": ends[end],
                    "content": [{"type": "text", "text": text}] if text else [], "stop_sequence": None,
                    "usage": {"input_tokens": 50, "cache_read_input_tokens": 20, "output_tokens": 30}}  # fmt: skip
        ends = {"stop": "STOP", "length": "MAX_TOKENS", "filter": "PROHIBITED_CONTENT"}
        parts = [{"text": "Let me think.", "thought": True}, {"text": text}] if text else []
        return {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": ends[end], "index": 0}],
                "usageMetadata": {"promptTokenCount": 70, "candidatesTokenCount": 20,
                                  "thoughtsTokenCount": 10}}  # fmt: skip

    def error(self, status: int, message: str, kind: str = "") -> dict[str, Any]:
        """The body of an error."""
        if self.name == "openai":
            return {"error": {"message": message, "type": kind, "param": None, "code": kind or None}}
        if self.name == "anthropic":
            return {"type": "error", "error": {"type": kind or "api_error", "message": message}}
        return {"error": {"code": status, "message": message, "status": kind or "UNKNOWN"}}

    def picture_and_text(self, body: dict[str, Any]) -> tuple[list[bytes], str, str]:
        """Pictures, the last text of the turn, and the system prompt, as the provider reads a request."""
        if self.name == "openai":
            system, turn = body["messages"]
            urls = [p["image_url"]["url"] for p in turn["content"] if p["type"] == "image_url"]
            assert all(url.startswith("data:image/jpeg;base64,") for url in urls)
            data = [url.partition(",")[2] for url in urls]
            return [base64.b64decode(d) for d in data], turn["content"][-1]["text"], system["content"]
        if self.name == "anthropic":
            (turn,) = body["messages"]
            sources = [p["source"] for p in turn["content"] if p["type"] == "image"]
            assert all((s["type"], s["media_type"]) == ("base64", "image/jpeg") for s in sources)
            pictures = [base64.b64decode(s["data"]) for s in sources]
            return pictures, turn["content"][-1]["text"], body["system"]
        (turn,) = body["contents"]
        inline = [p["inlineData"] for p in turn["parts"] if "inlineData" in p]
        assert all((one.get("mimeType") or one["mime_type"]) == "image/jpeg" for one in inline)
        pictures = [base64.urlsafe_b64decode(one["data"]) for one in inline]
        return pictures, turn["parts"][-1]["text"], body["systemInstruction"]["parts"][0]["text"]

    def form(self, body: dict[str, Any]) -> str:
        """How a request binds the answer to the schema."""
        if self.name == "openai":
            return str(body.get("response_format", {}).get("type", "text"))
        if self.name == "anthropic":
            return "output_config" if "output_config" in body else "tool" if "tools" in body else "text"
        config = body["generationConfig"]
        if "responseJsonSchema" in config:
            return "json_schema"
        return "json" if config.get("responseMimeType") else "text"

    def key(self, headers: dict[str, str]) -> str | None:
        """The key that a request brings. Anthropic takes it in either header."""
        if self.name == "google":
            return headers.get("x-goog-api-key")
        return headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")


FORMS = {
    "openai": ["json_schema", "json_object", "text"],
    "anthropic": ["output_config", "tool", "text"],
    "google": ["json_schema", "json", "text"],
}
UNKNOWN = {
    "json_schema": "Invalid JSON payload. Unknown name 'responseJsonSchema' or 'response_format'.",
    "json_object": "'response_format.type' must be 'text'",
    "output_config": "output_config.format: Extra inputs are not permitted",
    "tool": "tool_choice forces tool use, which is not compatible with this model",
    "json": "JSON mode is not enabled for this model",
}
"""What servers say of a form that they do not know."""

PATHS = {
    "openai": "/chat/completions",
    "anthropic": "/v1/messages",
    "google": r"/v1(beta)?/models/m-1:generateContent",
}


@pytest.fixture(params=["openai", "anthropic", "google"])
def provider(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Provider:
    monkeypatch.setenv("TEACHER_KEY", KEY)
    return Provider(request.param)


def ask(
    provider: Provider, url: str, *requests: Request, timeout_s: float = 10.0
) -> list[Reply | TeacherError]:
    """What one teacher answers to several requests, one after the other."""

    async def run() -> list[Reply | TeacherError]:
        teacher = open_teacher(f"{provider.name}:m-1", url=url, key_env="TEACHER_KEY", timeout_s=timeout_s)
        assert teacher.name == f"{provider.name}:m-1"
        answers: list[Reply | TeacherError] = []
        for one in requests:
            try:
                answers.append(await teacher.ask(one))
            except TeacherError as error:
                answers.append(error)
        await teacher.close()
        return answers

    return asyncio.run(run())


def fault(provider: Provider, answered: Answered, **options: Any) -> TeacherError:
    """The fault that a server's answer ends in."""
    with server(lambda asked, nth: answered) as (url, asked):
        (error,) = ask(provider, url, request(), **options)
    assert isinstance(error, TeacherError), error
    assert len(asked) == 1, "an adapter sends once"
    return error


def test_a_request_arrives_whole_and_its_answer_comes_back(provider: Provider) -> None:
    sent = request("fake", "edge", more=1, max_tokens=321)
    with server(lambda asked, nth: Answered(body=provider.good())) as (url, (asked)):
        (reply,) = ask(provider, url, sent)
    assert isinstance(reply, Reply)
    assert (reply.tokens_in, reply.tokens_out) == (70, 30)
    assert read_answer(reply.text, Label.FAKE).traces["edge"].region == (0.1, 0.2, 0.5, 0.6)
    assert re.fullmatch(PATHS[provider.name], asked[0].path.partition("?")[0])
    pictures, text, system = provider.picture_and_text(asked[0].body)
    assert pictures == [picture.jpeg for picture in sent.pictures], "the image in question last"
    assert (text, system) == (sent.text, sent.system)
    assert provider.form(asked[0].body) == FORMS[provider.name][0]
    assert provider.key(asked[0].headers) == KEY
    assert "321" in json.dumps(asked[0].body), "the limit of the answer"


def test_the_schema_arrives(provider: Provider) -> None:
    with server(lambda asked, nth: Answered(body=provider.good())) as (url, asked):
        ask(provider, url, request())
    body = asked[0].body
    schema = {
        "openai": lambda: body["response_format"]["json_schema"]["schema"],
        "anthropic": lambda: body["output_config"]["format"]["schema"],
        "google": lambda: body["generationConfig"]["responseJsonSchema"],
    }[provider.name]()
    assert schema["required"] == ["label", "subject", "traces", "description", "limits", "advice"]
    assert schema["properties"]["label"]["enum"] == ["real", "fake"]
    region = schema["properties"]["traces"]["items"]["properties"]["region"]["anyOf"][0]
    if provider.name == "anthropic":  # refuses bounds on the length of lists
        assert "minItems" not in region
        assert "maxItems" not in region


@pytest.mark.parametrize("known", [1, 2])
def test_a_server_that_knows_no_schema_is_asked_in_a_plainer_form_which_is_remembered(
    provider: Provider, known: int
) -> None:
    forms = FORMS[provider.name]

    def script(asked: Asked, nth: int) -> Answered:
        if forms.index(provider.form(asked.body)) < known:
            return Answered(400, provider.error(400, UNKNOWN[provider.form(asked.body)]))
        return Answered(body=tool_answer() if provider.form(asked.body) == "tool" else provider.good())

    with server(script) as (url, asked):
        replies = ask(provider, url, request(), request())
    assert [type(reply) for reply in replies] == [Reply, Reply]
    assert all(read_answer(reply.text, Label.FAKE) for reply in replies)  # type: ignore[union-attr]
    assert [provider.form(one.body) for one in asked] == [*forms[: known + 1], forms[known]]


def tool_answer() -> dict[str, Any]:
    """What Anthropic's API sends when a tool was forced."""
    good = Provider("anthropic").good()
    call = {"type": "tool_use", "id": "toolu_1", "name": "answer", "input": json.loads(ANSWER)}
    return {**good, "content": [{"type": "text", "text": "Here it is."}, call], "stop_reason": "tool_use"}


def test_a_bad_request_of_another_kind_changes_no_form(provider: Provider) -> None:
    def script(asked: Asked, nth: int) -> Answered:
        if nth == 0:
            return Answered(400, provider.error(400, "the image is too large"))
        if nth < 4:
            return Answered(400, provider.error(400, "no such field in your schema of messages"))
        return Answered(body=provider.good())

    with server(script) as (url, asked):
        first, second, third = ask(provider, url, request(), request(), request())
    assert isinstance(first, TeacherError)
    assert isinstance(second, TeacherError)
    assert (first.fault, second.fault) == (Fault.BAD_REQUEST, Fault.BAD_REQUEST)
    assert isinstance(third, Reply)
    assert provider.form(asked[-1].body) == FORMS[provider.name][0], (
        "refused in every form: it was not the form"
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, Fault.BAD_REQUEST), (404, Fault.BAD_REQUEST), (413, Fault.BAD_REQUEST), (422, Fault.BAD_REQUEST),
        (401, Fault.NOT_ALLOWED), (402, Fault.NOT_ALLOWED), (403, Fault.NOT_ALLOWED), (408, Fault.TIMEOUT),
        (429, Fault.RATE_LIMITED), (500, Fault.SERVER_ERROR), (503, Fault.SERVER_ERROR), (529, Fault.SERVER_ERROR),
    ],
)  # fmt: skip
def test_statuses_have_names(provider: Provider, status: int, expected: Fault) -> None:
    error = fault(provider, Answered(status, provider.error(status, "made to fail")))
    assert error.fault is expected
    assert "made to fail" in error.detail
    assert str(status) in error.detail


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "1e300"}, None),
        ({}, None),
    ],
)
def test_rate_limits_say_how_long_to_wait(
    provider: Provider, headers: dict[str, str], seconds: float | None
) -> None:
    error = fault(provider, Answered(429, provider.error(429, "slow down"), headers))
    assert (error.fault, error.retry_after_s) == (Fault.RATE_LIMITED, seconds)


def test_a_date_to_wait_for(provider: Provider) -> None:
    error = fault(provider, Answered(429, provider.error(429, "slow down"), {"retry-after": http_date(30)}))
    assert error.retry_after_s == pytest.approx(30, abs=3)


def test_google_says_in_the_body_how_long_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", KEY)
    google = Provider("google")
    body = google.error(429, "quota", "RESOURCE_EXHAUSTED")
    body["error"]["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"}]
    assert fault(google, Answered(429, body)).retry_after_s == 17.0


def test_an_account_without_money_is_not_asked_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", KEY)
    openai = Provider("openai")
    body = openai.error(429, "You exceeded your current quota", "insufficient_quota")
    assert fault(openai, Answered(429, body)).fault is Fault.NOT_ALLOWED


def test_an_answer_that_is_cut_off_refused_or_empty_is_named_and_its_tokens_are_counted(
    provider: Provider,
) -> None:
    bodies = {
        Fault.TRUNCATED: provider.good(ANSWER[:40], "length"),
        Fault.REFUSED: provider.good("", "filter"),
        Fault.EMPTY: provider.good(""),
    }
    for expected, body in bodies.items():
        error = fault(provider, Answered(body=body))
        assert (error.fault, error.tokens_in, error.tokens_out) == (expected, 70, 30)


def test_other_ways_of_refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", KEY)
    openai, google = Provider("openai"), Provider("google")
    refusal = openai.good("")
    refusal["choices"][0]["message"] |= {"content": None, "refusal": "I cannot help with that."}
    assert fault(openai, Answered(body=refusal)).detail == "I cannot help with that."
    azure = Answered(400, openai.error(400, "The response was filtered", "content_filter"))
    assert fault(openai, azure).fault is Fault.REFUSED
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 70}}
    error = fault(google, Answered(body=blocked))
    assert (error.fault, error.detail, error.tokens_in) == (Fault.REFUSED, "SAFETY", 70)


def test_a_server_that_does_not_answer_in_time(provider: Provider) -> None:
    assert fault(provider, Answered(body=provider.good(), wait_s=30), timeout_s=0.3).fault is Fault.TIMEOUT


def test_a_server_that_drips_its_answer_is_held_to_the_time_as_well(provider: Provider) -> None:
    error = fault(provider, Answered(body=provider.good(), drip_s=0.05), timeout_s=0.6)
    assert error.fault is Fault.TIMEOUT


def test_a_connection_that_breaks_off(provider: Provider) -> None:
    assert fault(provider, Answered(body=provider.good(), breaks_off=True)).fault is Fault.UNREACHABLE


def test_no_server_at_all(provider: Provider) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        (error,) = ask(provider, f"http://127.0.0.1:{unused.getsockname()[1]}", request())
    assert isinstance(error, TeacherError)
    assert error.fault is Fault.UNREACHABLE


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Bad gateway</html>",
        b'{"choices": [',
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"choices": "many", "content": 7, "candidates": 3}',
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("kind", ["application/json", "text/html"])
def test_responses_that_are_not_the_api_are_named(provider: Provider, body: bytes, kind: str) -> None:
    error = fault(provider, Answered(body=body, headers={"content-type": kind}))
    # An empty object of Google's has no candidates, which is no fault of form.
    assert error.fault in (Fault.SERVER_ERROR, Fault.EMPTY)


def test_the_key_is_nowhere_but_in_the_request(
    provider: Provider, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that repeats the key in an error, as some do, and everything logged at the lowest level."""
    caplog.set_level(logging.DEBUG)
    error = fault(provider, Answered(401, provider.error(401, f"Incorrect API key provided: {KEY}\x1b[31m.")))
    assert error.fault is Fault.NOT_ALLOWED
    told = "".join(traceback.format_exception(error)) + repr(error) + error.detail
    assert "Incorrect API key provided: [key]" in error.detail
    assert "\x1b" not in error.detail
    for where in (told, caplog.text, *capsys.readouterr()):
        assert KEY not in where


def test_thoughts_before_an_answer_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", KEY)
    openai = Provider("openai")
    thinking = openai.good('<think>{"label": "real"} or not?</think>\n' + ANSWER)
    with server(lambda asked, nth: Answered(body=thinking)) as (url, _):
        (reply,) = ask(openai, url, request())
    assert isinstance(reply, Reply)
    assert reply.text == ANSWER


def test_a_model_that_calls_the_limit_by_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEACHER_KEY", KEY)
    openai = Provider("openai")

    def script(asked: Asked, nth: int) -> Answered:
        if "max_tokens" in asked.body:
            said = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            return Answered(400, openai.error(400, said, "unsupported_parameter"))
        return Answered(body=openai.good())

    with server(script) as (url, asked):
        ask(openai, url, request(), request())
    assert ["max_tokens" in one.body for one in asked] == [True, False, False]
    assert asked[-1].body["max_completion_tokens"] == 500
    assert [openai.form(one.body) for one in asked] == ["json_schema"] * 3


def test_many_at_once_find_out_together_what_a_server_knows(provider: Provider) -> None:
    forms = FORMS[provider.name]

    def script(asked: Asked, nth: int) -> Answered:
        if provider.form(asked.body) != forms[-1]:
            said = "response_format json_schema, output_config and tool_choice are not known"
            return Answered(400, provider.error(400, said), wait_s=0.02)
        return Answered(body=provider.good())

    async def run(url: str) -> list[Reply]:
        teacher = open_teacher(f"{provider.name}:m-1", url=url, key_env="TEACHER_KEY")
        first = await asyncio.gather(*(teacher.ask(request()) for _ in range(12)))
        second = await asyncio.gather(*(teacher.ask(request()) for _ in range(4)))
        await teacher.close()
        return [*first, *second]

    with server(script) as (url, asked):
        replies = asyncio.run(run(url))
    assert [reply.text for reply in replies] == [ANSWER] * 16
    assert [provider.form(one.body) for one in asked[-4:]] == [forms[-1]] * 4
    assert len(asked) <= 12 * 3 + 4


def test_the_picture_is_sent_as_it_is() -> None:
    digest = hashlib.sha256((EXAMPLES / "fake-woman-sofa.jpg").read_bytes()).hexdigest()
    assert hashlib.sha256(request().pictures[-1].jpeg).hexdigest() == digest
