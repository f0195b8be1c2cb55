"""Teachers behind any OpenAI-compatible server: vLLM, SGLang, llama.cpp, Ollama, or a hosted one."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

import openai
from pydantic import BaseModel, ValidationError

from fakescope.chain.teachers.base import Picture, Reply, Request
from fakescope.chain.teachers.hosted import HostedTeacher, Manner, answer_text, turn
from fakescope.chain.teachers.http_faults import HttpError
from fakescope.servers import retry_after, said_in

_NO_KEY = "none"  # the client wants one; servers without keys do not look at it


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Completion(BaseModel):
    """What is read of a chat completion."""

    choices: list[_Choice]
    usage: _Usage | None = None


class OpenAITeacher(HostedTeacher):
    """A model behind `POST /chat/completions`.

    Args:
        model: Its name on the server.
        url: Up to and with `/v1`; OpenAI's own by default.
        key: None for a server that needs none.
        timeout_s: Longest time for one request.
    """

    FORMS = ("json_schema", "json_object", "text")

    def __init__(self, model: str, *, url: str | None, key: str | None, timeout_s: float) -> None:
        super().__init__(f"openai:{model}", key, timeout_s)
        self._model = model
        self._client: Any = openai.AsyncOpenAI(
            api_key=key or _NO_KEY, base_url=url, timeout=timeout_s, max_retries=0
        )

    async def close(self) -> None:
        """Give back connections."""
        await self._client.close()

    async def _send(self, request: Request, manner: Manner) -> Any:
        body = {
            "model": self._model,
            "messages": _messages(request),
            manner.length: request.max_tokens,
            **_response_format(request, manner),
        }
        try:
            # The client's plain way of posting: its typed one walks through the whole request, which takes a third
            # of the time of a request.
            return await self._client.post("/chat/completions", body=body, cast_to=object)
        except openai.APITimeoutError:
            raise TimeoutError from None
        except openai.APIStatusError as error:
            said = said_in(error.body, error.message)
            raise HttpError(error.status_code, said, retry_after(error.response.headers)) from None
        except openai.OpenAIError as error:
            raise self._unreachable(error) from None
        except (ValueError, RecursionError) as error:
            raise self._unreadable(error) from None

    def _plainer(self, problem: HttpError, manner: Manner) -> Manner | None:
        # Newer models of OpenAI call the limit by another name, and refuse the old one.
        if (
            problem.status == 400
            and manner.length == "max_tokens"
            and "max_completion_tokens" in problem.said
        ):
            return dataclasses.replace(manner, length="max_completion_tokens")
        return super()._plainer(problem, manner)

    def _read(self, response: Any) -> Reply:
        try:
            completion = _Completion.model_validate(response)
        except ValidationError as error:
            raise self._unreadable(error) from None
        usage = completion.usage or _Usage()
        choice = completion.choices[0] if completion.choices else _Choice(message=_Message())
        filtered = "the server's filter" if choice.finish_reason == "content_filter" else None
        return answer_text(
            choice.message.content,
            cut=choice.finish_reason == "length",
            refusal=choice.message.refusal or filtered,
            tokens_in=usage.prompt_tokens or 0,
            tokens_out=usage.completion_tokens or 0,
        )


def _messages(request: Request) -> list[dict[str, Any]]:
    content = [_part(part) for part in turn(request)]
    return [{"role": "system", "content": request.system}, {"role": "user", "content": content}]


def _part(part: str | Picture) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    data = base64.b64encode(part.jpeg).decode("ascii")
    return {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}}


def _response_format(request: Request, manner: Manner) -> dict[str, Any]:
    if manner.form == "text":
        return {}
    if manner.form == "json_object":
        return {"response_format": {"type": "json_object"}}
    schema = {"name": "answer", "schema": request.schema, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}
