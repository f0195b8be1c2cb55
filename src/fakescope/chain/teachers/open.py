"""Open a teacher by its specification, such as `openai:qwen2.5-vl-7b`."""

from __future__ import annotations

from fakescope.chain.teachers.base import Teacher
from fakescope.errors import MissingExtraError, ModelError
from fakescope.servers import check_url, find_key

PROVIDERS = {
    "nano": "the embedded fakescope-nano, offline",
    "openai": "any OpenAI-compatible server, at --url or OpenAI's own",
    "anthropic": "Anthropic's API",
    "google": "Google's Gemini API",
    "hf": "a transformers model from a folder or the hub, on this machine",
}
_CLIENTS = frozenset({"openai", "anthropic", "google", "httpx2"})


def open_teacher(
    spec: str,
    *,
    url: str | None = None,
    key_env: str | None = None,
    timeout_s: float = 120.0,
    trust_code: bool = False,
) -> Teacher:
    """A teacher, ready to be asked.

    Args:
        spec: `nano`, `openai:MODEL`, `anthropic:MODEL`, `google:MODEL` or `hf:FOLDER_OR_NAME`.
        url: The server's address, where it is not the provider's own. The provider's own key is not sent there.
        key_env: Environment variable that holds the key; by default the provider's own.
        timeout_s: Longest time for one request to a server.
        trust_code: Run the code that comes with a transformers model.

    Raises:
        ModelError: The specification cannot be read, the model cannot be loaded, or its key is missing.
        MissingExtraError: Its packages are not installed.
    """
    provider, _, model = spec.strip().partition(":")
    if provider not in PROVIDERS or (provider != "nano" and not model) or (provider == "nano" and model):
        known = "; ".join(
            f"{name}{'' if name == 'nano' else ':MODEL'}: {what}" for name, what in PROVIDERS.items()
        )
        raise ModelError(f"there is no teacher {spec!r}", known)
    if provider in ("nano", "hf"):
        if url is not None or key_env is not None:
            raise ModelError(f"the teacher {provider} runs on this machine", "leave --url and --key-env out")
        return _open_local(provider, model, trust_code)
    try:
        return _open_hosted(provider, model, url, key_env, timeout_s)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _CLIENTS:
            raise
        raise MissingExtraError(f"the teacher {provider}", "chain") from error


def _open_local(provider: str, model: str, trust_code: bool) -> Teacher:
    if provider == "nano":
        from fakescope.chain.teachers.nano_teacher import NanoTeacher

        return NanoTeacher()
    from fakescope.chain.teachers.hub_model import HubTeacher

    return HubTeacher(model, trust_code=trust_code)


def _open_hosted(
    provider: str, model: str, url: str | None, key_env: str | None, timeout_s: float
) -> Teacher:
    address = check_url(url)
    key = find_key(provider, address, key_env)
    if provider == "openai":
        from fakescope.chain.teachers.openai_server import OpenAITeacher

        return OpenAITeacher(model, url=address, key=key, timeout_s=timeout_s)
    if provider == "anthropic":
        from fakescope.chain.teachers.anthropic_api import AnthropicTeacher

        return AnthropicTeacher(model, url=address, key=key, timeout_s=timeout_s)
    from fakescope.chain.teachers.google_api import GoogleTeacher

    return GoogleTeacher(model, url=address, key=key, timeout_s=timeout_s)
