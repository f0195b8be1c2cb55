"""What clients send to `POST /v1/chat/completions`, and what they get."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_TOKENS = 2048
MOST_TOP = 100
MOST_TURNS = 64
MOST_CHARS = 20_000
MOST_CHOICES = 32


class Received(BaseModel):
    """Of a request. What is not known is passed over, as other servers do, but for what would change the answer."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class ImageUrl(Received):
    """Where an image is; only `data:` addresses are read, nothing is fetched."""

    url: str


class ImagePart(Received):
    """An image in a turn."""

    type: Literal["image_url"]
    image_url: ImageUrl


class TextPart(Received):
    """Words in a turn."""

    type: Literal["text"]
    text: str = Field(max_length=MOST_CHARS)


Part = Annotated[ImagePart | TextPart, Field(discriminator="type")]


class Turn(Received):
    """One message."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[str, Field(max_length=MOST_CHARS)] | list[Part]


class Structured(Received):
    """How the answer is bound: to one of these words, as vLLM puts it."""

    choice: list[str] = Field(min_length=1, max_length=MOST_CHOICES)


class StreamOptions(Received):
    """What a stream ends with."""

    include_usage: bool = False


class ChatRequest(Received):
    """A request.

    Attributes:
        continue_final_message: Go on with a trailing assistant message; without it, that is done as well.
        levelled: An extension: the image is a JPEG that `fakescope.images.preprocess.level` made.
    """

    messages: list[Turn] = Field(min_length=1, max_length=MOST_TURNS)
    model: str = ""
    max_tokens: int | None = Field(default=None, ge=1, le=MOST_TOKENS)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=MOST_TOKENS)
    stream: bool = False
    stream_options: StreamOptions | None = None
    logprobs: bool = False
    top_logprobs: int | None = Field(default=None, ge=0, le=MOST_TOP)
    structured_outputs: Structured | None = None
    continue_final_message: bool | None = None
    levelled: bool = False
    n: Literal[1] | None = None
    tools: Literal[None] | list[Any] = Field(default=None, max_length=0)
    response_format: dict[str, Any] | None = None
    stop: str | list[str] | None = None

    @property
    def length(self) -> int | None:
        """Most tokens of the answer, by its new name or its old one; None when not given."""
        return self.max_completion_tokens or self.max_tokens


class TopLogprob(BaseModel):
    """A token that could have come here."""

    token: str
    logprob: float
    bytes: list[int] | None


class TokenLogprob(TopLogprob):
    """A token of the answer."""

    top_logprobs: list[TopLogprob]


class Logprobs(BaseModel):
    """Log-probabilities in nats over the whole vocabulary, before anything was ruled out."""

    content: list[TokenLogprob]


class Usage(BaseModel):
    """Counted tokens; those of the image are not among them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
