"""Teachers behind Google's Gemini API."""

from __future__ import annotations

import re
from typing import Any

import httpx2
from google import genai
from google.genai import errors, types

from fakescope.chain.teachers.base import Picture, Reply, Request
from fakescope.chain.teachers.hosted import HostedTeacher, Manner, answer_text, turn
from fakescope.chain.teachers.http_faults import HttpError
from fakescope.servers import retry_after, said_in, seconds_in

_REFUSED = re.compile(r"SAFETY|RECITATION|BLOCKLIST|PROHIBITED|SPII|ESCALATION|MODEL_ARMOR|JAILBREAK")


class GoogleTeacher(HostedTeacher):
    """A model behind `POST /v1beta/models/MODEL:generateContent`.

    Args:
        model: Its name.
        url: Another address than Google's own; without the version.
        key: None for an address that needs none.
        timeout_s: Longest time for one request.
    """

    FORMS = ("json_schema", "json", "text")

    def __init__(self, model: str, *, url: str | None, key: str | None, timeout_s: float) -> None:
        super().__init__(f"google:{model}", key, timeout_s)
        self._model = model
        # Our own connections: with its other library, the client would send a second time by itself.
        self._http = httpx2.AsyncClient(timeout=timeout_s, limits=httpx2.Limits(max_connections=1000))
        options = types.HttpOptions(
            base_url=url, timeout=max(1, int(timeout_s * 1000)), httpx_async_client=self._http
        )
        self._client: Any = genai.Client(api_key=key or "none", vertexai=False, http_options=options).aio

    async def close(self) -> None:
        """Give back connections."""
        await self._http.aclose()

    async def _send(self, request: Request, manner: Manner) -> Any:
        contents = types.Content(role="user", parts=[_part(part) for part in turn(request)])
        try:
            return await self._client.models.generate_content(
                model=self._model, contents=contents, config=_config(request, manner)
            )
        except httpx2.TimeoutException:
            raise TimeoutError from None
        except httpx2.HTTPError as error:
            raise self._unreachable(error) from None
        except errors.APIError as error:
            said = said_in(error.details, error.message or "")
            raise HttpError(error.code, said, _wait(error)) from None
        except (ValueError, RecursionError, AttributeError, TypeError) as error:
            # The client reads responses without checking them first.
            raise self._unreadable(error) from None

    def _read(self, response: types.GenerateContentResponse) -> Reply:
        usage = response.usage_metadata or types.GenerateContentResponseUsageMetadata()
        candidate = response.candidates[0] if response.candidates else types.Candidate()
        reason = candidate.finish_reason.name if candidate.finish_reason else ""
        feedback = response.prompt_feedback
        refusal = reason if _REFUSED.search(reason) else None
        if feedback and feedback.block_reason:
            refusal = feedback.block_reason_message or feedback.block_reason.name
        parts = (candidate.content and candidate.content.parts) or []
        return answer_text(
            "".join(part.text for part in parts if part.text and not part.thought),
            cut=reason == "MAX_TOKENS",
            refusal=refusal,
            tokens_in=usage.prompt_token_count or 0,
            # Thoughts are paid for like the answer.
            tokens_out=(usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
        )


def _part(part: str | Picture) -> types.Part:
    if isinstance(part, str):
        return types.Part(text=part)
    return types.Part.from_bytes(data=part.jpeg, mime_type="image/jpeg")


def _config(request: Request, manner: Manner) -> types.GenerateContentConfig:
    bound: dict[str, Any] = {}
    if manner.form != "text":
        bound["response_mime_type"] = "application/json"
    if manner.form == "json_schema":
        bound["response_json_schema"] = request.schema
    return types.GenerateContentConfig(
        system_instruction=request.system, max_output_tokens=request.max_tokens, **bound
    )


def _wait(error: errors.APIError) -> float | None:
    """How long to wait: from the header, or from the RetryInfo in the body, such as `17s`."""
    headers = getattr(error.response, "headers", None) or {}
    if (seconds := retry_after(headers)) is not None:
        return seconds
    body = error.details.get("error") if isinstance(error.details, dict) else None
    details = body.get("details") if isinstance(body, dict) else None
    for detail in details if isinstance(details, list) else []:
        if isinstance(detail, dict) and isinstance(delay := detail.get("retryDelay"), str):
            return seconds_in(delay.removesuffix("s"))
    return None
