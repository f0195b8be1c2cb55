"""Teachers by name."""

from __future__ import annotations

import os

from fakescope.chain.teachers.base import Teacher
from fakescope.errors import ModelError

_KEYS = {
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "google": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
}
NO_KEY = "none"


def open_teacher(
    spec: str,
    *,
    url: str | None = None,
    key_env: str | None = None,
    timeout_s: float = 120.0,
    trust_code: bool = False,
) -> Teacher:
    """A teacher ready to be asked.

    Args:
        spec: `nano`, `openai:MODEL`, `anthropic:MODEL`, `google:MODEL`, or `hf:FOLDER_OR_NAME`.
        url: Base address of the server, for the first three that have one.
        key_env: Environment variable with the key; each provider's usual one by default.
        timeout_s: For one request.
        trust_code: Run code that comes with a transformers model.

    Raises:
        ModelError: The name is not understood, or a key is missing.
        MissingExtraError: The provider's client is not installed.
    """
    provider, _, model = spec.partition(":")
    if spec == "nano":
        from fakescope.chain.teachers.nano_teacher import NanoTeacher

        return NanoTeacher()
    if not model:
        raise ModelError(
            f"there is no teacher {spec!r}", "nano, openai:MODEL, anthropic:MODEL, google:MODEL, hf:FOLDER"
        )
    if provider == "hf":
        from fakescope.chain.teachers.hub_model import HubTeacher

        return HubTeacher(model, trust_code=trust_code)
    if provider not in _KEYS:
        raise ModelError(f"there is no provider {provider!r}", "openai, anthropic, google or hf")
    key = _key(provider, url, key_env)
    if provider == "openai":
        from fakescope.chain.teachers.openai_server import OpenAITeacher

        return OpenAITeacher(model, url=url, key=key, timeout_s=timeout_s)
    if provider == "anthropic":
        from fakescope.chain.teachers.anthropic_api import AnthropicTeacher

        return AnthropicTeacher(model, url=url, key=key, timeout_s=timeout_s)
    from fakescope.chain.teachers.google_api import GoogleTeacher

    return GoogleTeacher(model, url=url, key=key, timeout_s=timeout_s)


def _key(provider: str, url: str | None, key_env: str | None) -> str:
    """The key from the environment. It is never written anywhere."""
    names = (key_env,) if key_env else _KEYS[provider]
    found = next((os.environ[name] for name in names if os.environ.get(name)), None)
    if found is None and (url is None or key_env):
        raise ModelError(f"{provider} needs a key", f"set {' or '.join(names)} in the environment")
    return found or NO_KEY
