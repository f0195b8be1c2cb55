"""How long conversations are: read off a data set, by the model's tokenizer where that is at hand; or assumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from fakescope.errors import DataError
from fakescope.records import JsonObject, Message

SAMPLE = 2_000
WORD = 1.4
"""Tokens of an English word with its punctuation: an estimate, on the safe side."""

TURN = 6
"""Tokens of a turn's marks."""

EVERYTHING = 2_000_000
"""Conversations of FakeInstruct as the paper has it."""


@dataclass(frozen=True)
class Texts:
    """Conversations in numbers; images not counted.

    Attributes:
        conversations: That the run takes from, each once an epoch.
        mean: Tokens.
        longest: Tokens of the longest that was seen.
        learned: Mean of the tokens that are learned.
        most_learned: Of the conversation where most are.
        source: Where the numbers come from.
    """

    conversations: int
    mean: float
    longest: int
    learned: float
    most_learned: int
    source: str


ASSUMED = Texts(
    EVERYTHING, 160, 600, 90, 450, "assumed: 160 tokens of text, 600 at most, 2,000,000 conversations"
)


def measure_texts(folder: Path, parts: Sequence[str], prompter: Any, tokenizer: Any) -> Texts:
    """Numbers of a set of instructions, of its training split.

    Args:
        folder: As `fakescope instruct build` made it.
        parts: Of these parts or forms only; all if empty.
        prompter: Of the model; None counts words.
        tokenizer: Of the model; None counts words.

    Raises:
        DataError: It holds no finished set, or nothing of these parts.
    """
    from fakescope.instruct.read import read_rows

    wanted, total = set(parts), 0
    sample: list[tuple[int, int]] = []
    shown: list[JsonObject] = []
    for row in read_rows(folder, ("messages", "part", "form"), "train"):
        if wanted and not wanted & {row["part"], row["form"]}:
            continue
        total += 1
        if (
            total % max(1, total // SAMPLE) == 0 and len(shown) < 4 * SAMPLE
        ):  # from everywhere, not the first ones
            shown.append(row)
    for row in islice(shown, 0, None, max(1, len(shown) // SAMPLE)):
        sample.append(_lengths(row["messages"], prompter, tokenizer))
    if not sample:
        raise DataError(f"{folder} has no instructions of {', '.join(parts) or 'train'}")
    how = "the model's tokenizer" if tokenizer else f"{WORD} tokens a word"
    return Texts(
        total, sum(n for n, _ in sample) / len(sample), max(n for n, _ in sample),
        sum(k for _, k in sample) / len(sample), max(k for _, k in sample),
        f"{len(sample):,} of {total:,} conversations of {folder.name}, by {how}",
    )  # fmt: skip


def _lengths(messages: Sequence[JsonObject], prompter: Any, tokenizer: Any) -> tuple[int, int]:
    """Tokens of a conversation, and how many of them are learned."""
    learned = sum(
        _count(m["content"], tokenizer) + 1
        for m in messages
        if m["role"] == "assistant" and m.get("train") is not False
    )
    if tokenizer is None:
        return sum(_count(m["content"], None) + TURN for m in messages), learned
    talk = [Message(role=m["role"], content=m["content"]) for m in messages]
    prompt = prompter.whole(talk, images=0)
    return _count(prompt.text + (prompt.suffix or ""), tokenizer), learned


def _count(text: str, tokenizer: Any) -> int:
    if tokenizer is None:
        return round(WORD * len(text.split()))
    return len(tokenizer(text, add_special_tokens=False)["input_ids"])
