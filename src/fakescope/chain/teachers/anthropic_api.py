"""Anthropic's messages API, through its own client."""

from __future__ import annotations

import base64
from typing import Any

from fakescope.chain.teachers.base import Fault, Reply, Request, TeacherError
from fakescope.chain.teachers.http_faults import status_error
from fakescope.errors import MissingExtraError


class AnthropicTeacher:
    """A Claude model.

    Args:
        model: Its name.
        url: Base address; Anthropic's own by default.
        key: Of the account.
        timeout_s: For one request.
    """

    def __init__(self, model: str, *, url: str | None, key: str, timeout_s: float) -> None:
        try:
            import anthropic
        except ModuleNotFoundError as error:
            raise MissingExtraError("teachers of Anthropic", "teachers") from error
        self.name = f"anthropic:{model}"
        self._anthropic, self._model = anthropic, model
        self._client = anthropic.AsyncAnthropic(base_url=url, api_key=key, timeout=timeout_s, max_retries=0)

    async def ask(self, request: Request) -> Reply:
        """See `Teacher.ask`."""
        try:
            message = await self._client.messages.create(
                model=self._model,
                system=request.system,
                messages=[{"role": "user", "content": _content(request)}],  # type: ignore[typeddict-item]
                max_tokens=request.max_tokens,
                output_config={"format": {"type": "json_schema", "schema": _plain_schema(request.schema)}},
            )
        except self._anthropic.APITimeoutError as error:
            raise TeacherError(Fault.TIMEOUT, "no answer within the time limit") from error
        except self._anthropic.APIConnectionError as error:
            raise TeacherError(Fault.UNREACHABLE, str(error.__cause__ or error)) from error
        except self._anthropic.APIStatusError as error:
            raise status_error(error.status_code, error.message, error.response.headers) from error
        except (self._anthropic.APIError, ValueError) as error:
            raise TeacherError(Fault.SERVER_ERROR, f"unreadable answer: {type(error).__name__}") from error
        return _reply(message)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


def _content(request: Request) -> list[dict[str, Any]]:
    pictures = [
        {
            "type": "image",
            "source": {
                "type": "base64",
                "media_type": "image/jpeg",
                "data": base64.b64encode(picture.jpeg).decode("ascii"),
            },
        }
        for picture in request.pictures
    ]
    return [*pictures, {"type": "text", "text": request.text}]


def _plain_schema(schema: Any) -> Any:
    """The schema without bounds on the length of lists, which this API refuses; the reader of answers checks them."""
    if isinstance(schema, dict):
        return {k: _plain_schema(v) for k, v in schema.items() if k not in ("minItems", "maxItems")}
    return [_plain_schema(v) for v in schema] if isinstance(schema, list) else schema


def _reply(message: Any) -> Reply:
    taken = {"tokens_in": message.usage.input_tokens, "tokens_out": message.usage.output_tokens}
    if message.stop_reason == "refusal":
        raise TeacherError(Fault.REFUSED, "the model refused", **taken)
    if message.stop_reason == "max_tokens":
        raise TeacherError(Fault.TRUNCATED, "the answer reached the limit of tokens", **taken)
    return Reply("".join(block.text for block in message.content if block.type == "text"), **taken)
