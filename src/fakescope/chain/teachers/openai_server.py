"""Any server that speaks OpenAI's chat completions: vLLM, llama.cpp, Ollama, hosted ones."""

from __future__ import annotations

import base64
from typing import Any

from fakescope.chain.teachers.base import Fault, Reply, Request, TeacherError
from fakescope.chain.teachers.http_faults import status_error
from fakescope.errors import MissingExtraError

_FORMATS = ("json_schema", "json_object", "text")
"""How an answer is bound to its form, strictest first. A server that refuses one is asked in the next from then on."""

_NO_FORMAT = (400, 404, 415, 422, 501)


class OpenAITeacher:
    """A model behind an OpenAI-compatible server.

    Args:
        model: Its name there.
        url: Base address, such as `http://127.0.0.1:8000/v1`; OpenAI's own by default.
        key: Of the account; a server of one's own needs none.
        timeout_s: For one request.
    """

    def __init__(self, model: str, *, url: str | None, key: str, timeout_s: float) -> None:
        try:
            import openai
        except ModuleNotFoundError as error:
            raise MissingExtraError("teachers on OpenAI-compatible servers", "chain") from error
        self.name = f"openai:{model}"
        self._openai, self._model, self._format = openai, model, _FORMATS[0]
        self._client = openai.AsyncOpenAI(base_url=url, api_key=key, timeout=timeout_s, max_retries=0)

    async def ask(self, request: Request) -> Reply:
        """See `Teacher.ask`."""
        try:
            return _reply(await self._send(request))
        except self._openai.APITimeoutError as error:
            raise TeacherError(Fault.TIMEOUT, "no answer within the time limit") from error
        except self._openai.APIConnectionError as error:
            raise TeacherError(Fault.UNREACHABLE, str(error.__cause__ or error)) from error
        except self._openai.APIStatusError as error:
            raise status_error(error.status_code, error.message, error.response.headers) from error
        except (self._openai.APIError, ValueError) as error:
            raise TeacherError(Fault.SERVER_ERROR, f"unreadable answer: {type(error).__name__}") from error

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _send(self, request: Request) -> Any:
        while True:
            tried = self._format
            try:
                return await self._client.chat.completions.create(
                    model=self._model,
                    messages=_messages(request),  # type: ignore[arg-type]
                    max_tokens=request.max_tokens,
                    response_format=_response_format(tried, request.schema),  # type: ignore[arg-type]
                )
            except self._openai.APIStatusError as error:
                if error.status_code not in _NO_FORMAT or "response_format" not in str(error.body or error):
                    raise
                if tried == _FORMATS[-1]:
                    raise
                if self._format == tried:  # else another request has found out meanwhile
                    self._format = _FORMATS[_FORMATS.index(tried) + 1]


def _messages(request: Request) -> list[dict[str, Any]]:
    pictures = [
        {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64," + _base64(picture.jpeg)}}
        for picture in request.pictures
    ]
    return [
        {"role": "system", "content": request.system},
        {"role": "user", "content": [*pictures, {"type": "text", "text": request.text}]},
    ]


def _response_format(kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    if kind == "json_schema":
        return {"type": kind, "json_schema": {"name": "draft", "strict": True, "schema": schema}}
    return {"type": kind}


def _reply(completion: Any) -> Reply:
    usage = completion.usage
    taken = {
        "tokens_in": usage.prompt_tokens if usage else 0,
        "tokens_out": usage.completion_tokens if usage else 0,
    }
    choice = completion.choices[0] if completion.choices else None
    if choice is None or choice.message is None:
        raise TeacherError(Fault.EMPTY, "the answer has no choice", **taken)
    if choice.message.refusal or choice.finish_reason == "content_filter":
        raise TeacherError(Fault.REFUSED, choice.message.refusal or "the server's content filter", **taken)
    if choice.finish_reason == "length":
        raise TeacherError(Fault.TRUNCATED, "the answer reached the limit of tokens", **taken)
    return Reply(choice.message.content or "", **taken)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
