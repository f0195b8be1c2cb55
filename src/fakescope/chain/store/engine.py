"""Opening the database: SQLite so that readers and one writer do not block each other, and the migrations."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from fakescope.chain.store import schema
from fakescope.errors import DataError

_ALEMBIC = threading.Lock()  # its context is global


def with_driver(url: str) -> str:
    """PostgreSQL goes through psycopg 3, whichever way the URL is written."""
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)


def make_engine(url: str) -> sa.Engine:
    """An engine for a SQLAlchemy URL."""
    engine = sa.create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":

        @sa.event.listens_for(engine, "connect")
        def prepare(connection: Any, _: object) -> None:
            connection.isolation_level = None  # the driver starts no transactions of its own
            # Readers do not block the writer; a write is on its way to the disk before its transaction ends.
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000"):
                connection.execute(f"PRAGMA {pragma}")

        @sa.event.listens_for(engine, "begin")
        def begin(connection: sa.Connection) -> None:
            # At once with the write lock: a transaction that reads first could not get it later without an error.
            if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
                connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def migrate(engine: sa.Engine) -> None:
    """Bring the tables up to date; several processes and threads may try at once."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if sa.inspect(connection).has_table("alembic_version"):
            version = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
            if version == schema.REVISION:
                return
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with _ALEMBIC, engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(7300411)"))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise DataError(f"the chain is of another version: {error}", "update fakescope") from error


def shown(url: str) -> str:
    """A URL without its password."""
    return re.sub(r"//[^@/]*@", "//", url)


def reason(error: BaseException) -> str:
    """What the driver says, on one line."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0][:300]
