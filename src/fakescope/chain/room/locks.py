"""Transactions that exclude one another, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from fakescope.chain.store import Store

_CLASS = 7300412  # of PostgreSQL's advisory locks; the migrations have the number before
_WRITER = threading.Lock()


@contextmanager
def exclusive(store: Store, what: str) -> Iterator[sa.Connection]:
    """A transaction during which no other one for the same `what` is open. Committed at the end.

    SQLite lets in one writer at a time anyway. Threads of this process queue at a lock before it, because SQLite's own
    waiting is by sleeping and asking again, which is slow when many wait.
    """
    if store.engine.dialect.name == "postgresql":
        with store.engine.begin() as connection:
            key = zlib.crc32(what.encode()) - 2**31
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CLASS, key)))
            yield connection
    else:
        with _WRITER, store.engine.begin() as connection:
            yield connection
