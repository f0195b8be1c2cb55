"""Google's Gemini API, through its own client."""

from __future__ import annotations

import asyncio
from typing import Any

from fakescope.chain.teachers.base import Fault, Reply, Request, TeacherError
from fakescope.chain.teachers.http_faults import status_error
from fakescope.errors import MissingExtraError

_STOPPED = ("MAX_TOKENS",)
_WELL = ("STOP", "FINISH_REASON_UNSPECIFIED", "")


class GoogleTeacher:
    """A Gemini model.

    Args:
        model: Its name.
        url: Base address; Google's own by default.
        key: Of the account.
        timeout_s: For one request.
    """

    def __init__(self, model: str, *, url: str | None, key: str, timeout_s: float) -> None:
        try:
            from google import genai
            from google.genai import errors, types
        except ModuleNotFoundError as error:
            raise MissingExtraError("teachers of Google", "teachers") from error
        self.name = f"google:{model}"
        self._errors, self._types, self._model, self._timeout_s = errors, types, model, timeout_s
        retry = types.HttpRetryOptions(attempts=1)
        options = types.HttpOptions(base_url=url, timeout=int(timeout_s * 1000), retry_options=retry)
        self._client = genai.Client(api_key=key, vertexai=False, http_options=options)

    async def ask(self, request: Request) -> Reply:
        """See `Teacher.ask`."""
        types = self._types
        pictures = [types.Part.from_bytes(data=p.jpeg, mime_type="image/jpeg") for p in request.pictures]
        config = types.GenerateContentConfig(
            system_instruction=request.system,
            max_output_tokens=request.max_tokens,
            response_mime_type="application/json",
            response_json_schema=request.schema,
        )
        sent = self._client.aio.models.generate_content(
            model=self._model, contents=[*pictures, request.text], config=config
        )
        try:
            answer = await asyncio.wait_for(sent, self._timeout_s)
        except self._errors.APIError as error:
            headers = getattr(error.response, "headers", None)
            raise status_error(error.code, str(error.message or error.status or ""), headers) from error
        except TimeoutError as error:
            raise TeacherError(Fault.TIMEOUT, "no answer within the time limit") from error
        except (OSError, ValueError) as error:
            raise TeacherError(Fault.SERVER_ERROR, f"unreadable answer: {type(error).__name__}") from error
        except Exception as error:
            # The client may run on any of three HTTP libraries, each with errors of its own.
            if "timeout" in type(error).__name__.lower():
                raise TeacherError(Fault.TIMEOUT, "no answer within the time limit") from error
            if _is_transport(error):
                raise TeacherError(Fault.UNREACHABLE, type(error).__name__) from error
            raise
        return _reply(answer)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aio.aclose()


def _is_transport(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] in ("httpx", "httpx2", "httpcore", "aiohttp")


def _reply(answer: Any) -> Reply:
    usage = answer.usage_metadata
    taken = {
        "tokens_in": (usage and usage.prompt_token_count) or 0,
        "tokens_out": (usage and usage.candidates_token_count) or 0,
    }
    blocked = answer.prompt_feedback and answer.prompt_feedback.block_reason
    if blocked:
        raise TeacherError(Fault.REFUSED, f"blocked: {blocked}", **taken)
    candidate = answer.candidates[0] if answer.candidates else None
    if candidate is None:
        raise TeacherError(Fault.EMPTY, "the answer has no candidate", **taken)
    reason = candidate.finish_reason.name if candidate.finish_reason else ""
    if reason in _STOPPED:
        raise TeacherError(Fault.TRUNCATED, "the answer reached the limit of tokens", **taken)
    if reason not in _WELL:
        raise TeacherError(Fault.REFUSED, f"ended by {reason}", **taken)
    parts = (candidate.content and candidate.content.parts) or []
    return Reply("".join(part.text for part in parts if part.text and not part.thought), **taken)
