"""Teachers behind Anthropic's Messages API.

Structured output: `output_config.format` with a JSON schema; a forced tool for models that do not know it.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import anthropic
from pydantic import BaseModel, ValidationError

from fakescope.chain.teachers.base import Picture, Reply, Request
from fakescope.chain.teachers.hosted import HostedTeacher, Manner, answer_text, turn
from fakescope.chain.teachers.http_faults import HttpError
from fakescope.servers import retry_after, said_in

TOOL = "answer"
_CUT = ("max_tokens", "model_context_window_exceeded")


class _Block(BaseModel):
    type: str
    text: str = ""
    input: dict[str, Any] | None = None


class _Usage(BaseModel):
    """Tokens read from or written to the cache are counted apart from the others."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None

    def tokens_in(self) -> int:
        """All tokens of the prompt."""
        parts = (self.input_tokens, self.cache_creation_input_tokens, self.cache_read_input_tokens)
        return sum(part or 0 for part in parts)


class _StopDetails(BaseModel):
    explanation: str | None = None


class _Message(BaseModel):
    """What is read of a message."""

    content: list[_Block]
    stop_reason: str | None = None
    stop_details: _StopDetails | None = None
    usage: _Usage | None = None


class AnthropicTeacher(HostedTeacher):
    """A model behind `POST /v1/messages`.

    Args:
        model: Its name.
        url: Another address than Anthropic's own; without `/v1`.
        key: None for an address that needs none.
        timeout_s: Longest time for one request.
    """

    FORMS = ("output_config", "tool", "text")

    def __init__(self, model: str, *, url: str | None, key: str | None, timeout_s: float) -> None:
        super().__init__(f"anthropic:{model}", key, timeout_s)
        self._model = model
        self._client: Any = anthropic.AsyncAnthropic(
            api_key=key or "none", base_url=url, timeout=timeout_s, max_retries=0
        )

    async def close(self) -> None:
        """Give back connections."""
        await self._client.close()

    async def _send(self, request: Request, manner: Manner) -> Any:
        body = {
            "model": self._model,
            "max_tokens": request.max_tokens,
            "system": request.system,
            "messages": [{"role": "user", "content": [_part(part) for part in turn(request)]}],
            **_bound(request, manner),
        }
        try:
            # The client's plain way of posting: its typed one walks through the whole request.
            return await self._client.post("/v1/messages", body=body, cast_to=object)
        except anthropic.APITimeoutError:
            raise TimeoutError from None
        except anthropic.APIStatusError as error:
            said = said_in(error.body, error.message)
            raise HttpError(error.status_code, said, retry_after(error.response.headers)) from None
        except anthropic.AnthropicError as error:
            raise self._unreachable(error) from None
        except (ValueError, RecursionError) as error:
            raise self._unreadable(error) from None

    def _read(self, response: Any) -> Reply:
        try:
            message = _Message.model_validate(response)
        except ValidationError as error:
            raise self._unreadable(error) from None
        usage = message.usage or _Usage()
        refusal = None
        if message.stop_reason == "refusal":
            refusal = (message.stop_details and message.stop_details.explanation) or "the model refused"
        return answer_text(
            _text(message),
            cut=message.stop_reason in _CUT,
            refusal=refusal,
            tokens_in=usage.tokens_in(),
            tokens_out=usage.output_tokens or 0,
        )


def _part(part: str | Picture) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    data = base64.b64encode(part.jpeg).decode("ascii")
    return {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": data}}


def _bound(request: Request, manner: Manner) -> dict[str, Any]:
    if manner.form == "text":
        return {}
    # Limits such as minItems are not known to the API; this turns them into words of the schema.
    schema = anthropic.transform_schema(request.schema)
    if manner.form == "output_config":
        return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
    tool = {"name": TOOL, "description": "Give the answer.", "input_schema": schema}
    return {"tools": [tool], "tool_choice": {"type": "tool", "name": TOOL}}


def _text(message: _Message) -> str:
    for block in message.content:
        if block.type == "tool_use" and block.input is not None:
            return json.dumps(block.input, ensure_ascii=False)
    return "".join(block.text for block in message.content if block.type == "text")
