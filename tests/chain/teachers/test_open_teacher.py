"""Teachers by name, and where their keys come from."""

from __future__ import annotations

import asyncio
import pickle
import sys
from functools import partial

import pytest
from wire import KEY, Answered, request, server

from fakescope.chain.teachers.base import Reply
from fakescope.chain.teachers.open import open_teacher
from fakescope.errors import MissingExtraError, ModelError

VARIABLES = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_BASE_URL")


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("spec", ["", "nanno", "openai", "openai:", "hf:", "nano:small", "mistral:large"])
def test_what_is_no_teacher_is_told_with_those_that_are(spec: str) -> None:
    with pytest.raises(ModelError, match="anthropic:MODEL"):
        open_teacher(spec)


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
def test_a_provider_needs_its_key(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=r"_API_KEY.* is not set"):
        open_teacher(f"{provider}:m")
    monkeypatch.setenv("MINE", "  ")
    with pytest.raises(ModelError, match="MINE is not set"):
        open_teacher(f"{provider}:m", key_env="MINE")
    monkeypatch.setenv("MINE", f"{KEY} and\nmore")
    with pytest.raises(ModelError, match="the value of MINE is not a key") as told:
        open_teacher(f"{provider}:m", key_env="MINE")
    assert KEY not in str(told.value)


@pytest.mark.parametrize(
    ("provider", "variable"),
    [
        ("openai", "OPENAI_API_KEY"),
        ("anthropic", "ANTHROPIC_API_KEY"),
        ("google", "GEMINI_API_KEY"),
        ("google", "GOOGLE_API_KEY"),
    ],
)
def test_a_providers_own_variable_is_enough(
    provider: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, KEY)
    teacher = open_teacher(f"{provider}:m")
    assert teacher.name == f"{provider}:m"
    assert KEY not in repr(teacher)
    asyncio.run(teacher.close())


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
def test_a_providers_own_key_goes_to_no_other_server(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES[:4]:
        monkeypatch.setenv(name, KEY)

    async def run(url: str) -> Reply:
        teacher = open_teacher(f"{provider}:m", url=url)
        try:
            return await teacher.ask(request())
        finally:
            await teacher.close()

    with (
        server(lambda asked, nth: Answered(401, {})) as (url, asked),
        pytest.raises(Exception, match="not_allowed"),
    ):
        asyncio.run(run(url))
    assert len(asked) == 1
    assert KEY not in str(asked[0].headers)
    assert KEY not in asked[0].path


@pytest.mark.parametrize(
    "url", ["localhost:8000", "file:///etc/passwd", "http://", "http://a b/v1", "ftp://x", "http://x:99999"]
)
def test_an_address_must_be_one(url: str) -> None:
    with pytest.raises(ModelError, match="not the address of a server"):
        open_teacher("openai:m", url=url)


@pytest.mark.parametrize("spec", ["nano", "hf:somewhere"])
def test_local_teachers_have_no_address(spec: str) -> None:
    with pytest.raises(ModelError, match="runs on this machine"):
        open_teacher(spec, url="http://localhost:1/v1")


@pytest.mark.parametrize(
    ("provider", "package"), [("openai", "openai"), ("anthropic", "anthropic"), ("google", "google.genai")]
)
def test_a_missing_client_says_what_to_install(
    provider: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"openai": "openai_server", "anthropic": "anthropic_api", "google": "google_api"}[provider]
    monkeypatch.delitem(sys.modules, f"fakescope.chain.teachers.{own}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    if provider == "google":
        import google

        monkeypatch.delattr(google, "genai", raising=False)
    with pytest.raises(MissingExtraError, match=r"fakescope\[chain\]"):
        open_teacher(f"{provider}:m", url="http://localhost:1")


def test_opening_can_be_sent_to_workers() -> None:
    make = pickle.loads(
        pickle.dumps(partial(open_teacher, "openai:m", url="http://localhost:1/v1", timeout_s=5.0))
    )
    assert make().name == "openai:m"
