"""The instructions of a set, image by image, with the image levelled: what every format is made from."""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from fakescope.errors import DataError
from fakescope.instruct.export.writer import Conversation
from fakescope.instruct.read import read_instructions
from fakescope.records import Instruction, JsonObject

MOST_OF_AN_IMAGE = 1_000
"""Conversations about one image that are held at once; more are given as if they were about another one."""

NO_DIALOGUE = "not questions and answers by turns"
NOT_LISTED = "image not in the table of images"
OTHER_SPLIT = "image of another split"


@dataclass
class Group:
    """Instructions that follow each other and are about one image.

    Attributes:
        image: Its id.
        conversations: Those that are to be exported, as they are in the set.
        seen: How many instructions there were.
        left_out: Why -> instructions.
    """

    image: str
    conversations: list[Conversation] = field(default_factory=list)
    seen: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def groups_of(
    folder: Path, split: str, table: Mapping[str, JsonObject], only: Collection[str]
) -> Iterator[Group]:
    """The groups of a split, in the order of the set.

    Args:
        folder: The set.
        split: One of its splits.
        table: Its images: id -> row with `split`.
        only: Parts or forms; all if empty.

    Raises:
        DataError: A shard cannot be read.
    """
    try:
        for id, rows in itertools.groupby(read_instructions(folder, split), key=lambda one: one.image):
            while some := list(itertools.islice(rows, MOST_OF_AN_IMAGE)):
                yield _group(id, some, split, table, only)
    except UnicodeDecodeError as error:
        raise DataError(f"{folder} holds a text that is not UTF-8") from error


def levelled(
    groups: Iterable[Group], read: Callable[[str], bytes | None], workers: int
) -> Iterator[tuple[Group, bytes | None]]:
    """Groups with their image as JPEG bytes, in order; images are read a little ahead, by threads.

    Args:
        groups: Of whatever length.
        read: Gives an image by its id; not asked where a group has no conversations.
        workers: Threads.
    """
    ahead: deque[tuple[Group, Future[bytes | None] | None]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for group in groups:
                ahead.append((group, pool.submit(read, group.image) if group.conversations else None))
                if len(ahead) > 2 * workers:
                    yield _next(ahead)
            while ahead:
                yield _next(ahead)
        finally:
            pool.shutdown(cancel_futures=True)


def _next(ahead: deque[tuple[Group, Future[bytes | None] | None]]) -> tuple[Group, bytes | None]:
    group, jpeg = ahead.popleft()
    return group, jpeg.result() if jpeg else None


def _group(
    id: str, rows: list[Instruction], split: str, table: Mapping[str, JsonObject], only: Collection[str]
) -> Group:
    group = Group(id, seen=len(rows))
    wanted = [one for one in rows if not only or one.part in only or one.form in only]
    row = table.get(id)
    if row is None or row["split"] != split:
        group.left_out[NOT_LISTED if row is None else OTHER_SPLIT] += len(wanted)
        return group
    for one in wanted:
        if turns := _turns(one):
            group.conversations.append(Conversation(one.id, one.part, one.form, turns))
        else:
            group.left_out[NO_DIALOGUE] += 1
    return group


def _turns(one: Instruction) -> tuple[tuple[str, str], ...] | None:
    """Questions and answers; None unless they follow each other by turns, and none is empty."""
    roles = [message.role for message in one.messages]
    if not roles or roles != ["user", "assistant"] * (len(roles) // 2):
        return None
    texts = [message.content for message in one.messages]
    if not all(text.strip() for text in texts):
        return None
    return tuple(zip(texts[::2], texts[1::2], strict=True))
