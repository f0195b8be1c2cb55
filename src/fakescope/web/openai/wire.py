"""What clients send to `POST /v1/chat/completions`, and what they get."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MOST_TOKENS = 2048
MOST_TOP = 100
MOST_TURNS = 64
MOST_PARTS = 32
MOST_CHARS = 20_000
MOST_CHARS_IN_ALL = 100_000
MOST_CHOICES = 32
MOST_CHOICE_CHARS = 64

NOT_HERE: dict[str, tuple[Any, ...]] = {
    "add_generation_prompt": (True,), "audio": (), "bad_words": ([],), "best_of": (1,), "chat_template": (),
    "documents": ([],), "echo": (False,), "frequency_penalty": (0,), "function_call": ("none", "auto"),
    "functions": ([],), "grammar": ("",), "guided_choice": ([],), "guided_grammar": ("",), "guided_json": ("", {}),
    "guided_regex": ("",), "ignore_eos": (False,), "logit_bias": ({},), "min_tokens": (0,),
    "modalities": (["text"],), "n_probs": (0,), "presence_penalty": (0,), "prompt_logprobs": (0,), "regex": ("",),
    "repetition_penalty": (1,), "stop_token_ids": ([],), "suffix": ("",), "tool_choice": ("none", "auto"),
    "use_beam_search": (False,),
}  # fmt: skip
"""Fields that change the answer elsewhere and are not known here, with the values that change nothing."""


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

    choice: list[Annotated[str, Field(min_length=1, max_length=MOST_CHOICE_CHARS)]] = Field(
        min_length=1, max_length=MOST_CHOICES
    )


class StreamOptions(Received):
    """What a stream ends with."""

    include_usage: bool = False


class ChatRequest(Received):
    """A request.

    Attributes:
        continue_final_message: Go on with a trailing assistant message; without it, that is done as well, and false
            is refused.
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

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_left_out(cls, values: Any) -> Any:
        """Refuse what would change the answer elsewhere, rather than answer another question."""
        if isinstance(values, dict):
            for name in NOT_HERE.keys() & values.keys():
                if values[name] is not None and values[name] not in NOT_HERE[name]:
                    raise ValueError(f"`{name}` is not supported: leave it out")
        return values

    @model_validator(mode="after")
    def _words_have_an_end(self) -> ChatRequest:
        if any(isinstance(turn.content, list) and len(turn.content) > MOST_PARTS for turn in self.messages):
            raise ValueError(f"a message has at most {MOST_PARTS} parts")
        texts = [
            part if isinstance(part, str) else part.text
            for turn in self.messages
            for part in ([turn.content] if isinstance(turn.content, str) else turn.content)
            if not isinstance(part, ImagePart)
        ]
        if sum(map(len, texts)) > MOST_CHARS_IN_ALL:
            raise ValueError(f"a conversation has at most {MOST_CHARS_IN_ALL} characters")
        return self

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
