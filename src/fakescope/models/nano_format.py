"""What fakescope-nano's text looks like to its language model: control tokens and turns.

A sequence is  <image> v_1 .. v_n  then one conversation:  <user> question <bot> answer <end> ...
The visual tokens v_i are not in the vocabulary; they are put in as embeddings.
"""

from __future__ import annotations

from collections.abc import Sequence

from fakescope.records import Message

PAD, IMAGE_PREFIX, USER_TURN, BOT_TURN, END = "<pad>", "<image>", "<user>", "<bot>", "<end>"
LOCATION_BINS = 32
LOCATIONS: tuple[str, ...] = tuple(f"<{i}>" for i in range(LOCATION_BINS))
"""Coordinates as tokens: bin i stands for [i/32, (i+1)/32) of the image's width or height."""

ANSWER_WORDS: tuple[str, ...] = (" Abnormal", " Natural", " Unclear")
"""First words of the answers on a criterion; each is one token, so that its probability can be read."""

SPECIAL_TOKENS: tuple[str, ...] = (PAD, IMAGE_PREFIX, USER_TURN, BOT_TURN, END, *LOCATIONS)


def render_conversation(messages: Sequence[Message]) -> list[tuple[str, bool]]:
    """The conversation as text pieces with the mark whether a model learns to say them.

    A trailing user message opens the model's turn; a trailing assistant message is left open, to be continued,
    when it is not marked for training.
    """
    pieces: list[tuple[str, bool]] = []
    for i, message in enumerate(messages):
        last = i == len(messages) - 1
        if message.role == "assistant":
            pieces.append((" " + message.content.strip(), message.train))
            if not last or message.train:
                pieces.append((END, message.train))
        else:
            pieces.append((f"{USER_TURN} {message.content.strip()}{BOT_TURN}", False))
    return pieces
