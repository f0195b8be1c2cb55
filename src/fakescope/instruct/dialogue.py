"""Putting turns together into one training conversation."""

from __future__ import annotations

from fakescope.records import ChainRecord, ImageRef, Instruction, Message, Part

Turn = tuple[str, str]
"""(question, answer)"""


def conversation(
    source: ChainRecord | ImageRef, part: Part, *turns: Turn, criterion: str | None = None
) -> Instruction:
    """Questions and answers about one image; the model learns every answer.

    Args:
        source: The record that the answers come from, or the image where only its label or caption is used.
        part: The part of FakeInstruct.
        turns: At least one.
        criterion: The criterion asked for, if there is one.
    """
    messages = []
    for question, answer in turns:
        messages.append(Message(role="user", content=question))
        messages.append(Message(role="assistant", content=answer, train=True))
    record = source if isinstance(source, ChainRecord) else None
    return Instruction(
        image=record.image.id if record else source.id,  # type: ignore[union-attr]
        messages=tuple(messages),
        part=part,
        criterion=criterion,
        source_record=record.image.id if record else "",
    )
