"""What was asked and what came of it, in one SQLite file: a reply counts the moment it is in there.

A run that is killed loses what was on its way, and nothing else.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fakescope.errors import DataError

Said = tuple[tuple[str, str], ...]
"""(role, content) for each message of a reply."""

T = TypeVar("T")
_TABLE = """
create table if not exists replies (
    key text primary key,
    said text,
    fault text,
    detail text not null,
    tokens_in integer not null,
    tokens_out integer not null
) without rowid
"""


@dataclass(frozen=True)
class Kept:
    """What came of a request: a reply, or the fault for which it was given up."""

    said: Said | None
    fault: str | None = None
    detail: str = ""
    tokens_in: int = 0
    tokens_out: int = 0


class Cache:
    """Replies by the key of their request. A context manager; one process at a time may hold the file.

    Args:
        path: The file; made if it is not there.

    Raises:
        DataError: It is no such file, or another run is at work in it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = self._safely(lambda: sqlite3.connect(path, timeout=1.0, isolation_level=None))
        try:
            self._safely(self._open)
        except DataError:
            self._db.close()
            raise

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def find(self, key: str) -> Kept | None:
        """What came of a request, if it was made."""
        columns = "said, fault, detail, tokens_in, tokens_out"
        query = f"select {columns} from replies where key = ?"  # noqa: S608 - no foreign text in it
        row = self._safely(lambda: self._db.execute(query, (key,)).fetchone())
        if row is None:
            return None
        try:
            said = None if row[0] is None else _read(row[0])
        except (ValueError, TypeError) as error:
            raise self._broken(error) from error
        return Kept(said, *row[1:])

    def keep(self, key: str, kept: Kept) -> None:
        """Keep what came of a request, in place of what came of it before."""
        said = None if kept.said is None else json.dumps(kept.said, ensure_ascii=False)
        values = (key, said, kept.fault, kept.detail, kept.tokens_in, kept.tokens_out)
        self._safely(
            lambda: self._db.execute("insert or replace into replies values (?, ?, ?, ?, ?, ?)", values)
        )

    def _open(self) -> None:
        # Exclusive: a second run on the same folder would pay for the same questions.
        self._db.execute("pragma locking_mode = exclusive")
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = normal")
        self._db.execute("begin exclusive")
        self._db.execute(_TABLE)
        self._db.execute("commit")

    def _safely(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise DataError(
                    f"another run is at work in {self._path.parent}", "wait for its end"
                ) from error
            raise self._broken(error) from error
        except sqlite3.DatabaseError as error:
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> DataError:
        return DataError(f"{self._path} cannot be used: {error}", "take it away to ask everything anew")


def _read(text: str) -> Said:
    pairs: Any = json.loads(text)
    return tuple((str(role), str(content)) for role, content in pairs)
