"""How a model on a server is reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fakescope.errors import ModelError

Begin = Literal["auto", "continue", "ask"]


@dataclass(frozen=True)
class RemoteOptions:
    """All that can be set.

    Attributes:
        model: Its name on the server; needed where the server has several.
        key_env: Environment variable with the key; OPENAI_API_KEY is read for OpenAI's own address alone.
        top: Most log-probabilities asked for at a place; servers allow 5 to 20, some more.
        begin: Whether the server goes on with an answer that is begun, as the paper's form wants, or is asked for one
            word; found out by trying.
        timeout_s: Longest time without a byte.
        parallel: Requests at a time.
    """

    model: str | None = None
    key_env: str | None = None
    top: int = 20
    begin: Begin = "auto"
    timeout_s: int = 120
    parallel: int = 8

    def __post_init__(self) -> None:
        if not (1 <= self.parallel <= 256 and 1 <= self.top <= 1000 and 1 <= self.timeout_s <= 86_400):
            raise ModelError(
                "`parallel` is 1 to 256, `top` 1 to 1000, `timeout_s` 1 to 86400", "see docs/serving.md"
            )
