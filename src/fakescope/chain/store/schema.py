"""The tables. Each row holds what is searched for as columns, and the whole record as JSON in `body`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text

REVISION = "0001"
"""The newest migration: a database that has it is opened without Alembic."""

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_SEQ = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only INTEGER keys


def _log(name: str, *columns: Column[object], indexes: tuple[str, ...]) -> Table:
    """A table of appended records, in the order in which they came."""
    return Table(
        name,
        METADATA,
        Column("seq", _SEQ, primary_key=True, autoincrement=True),
        *columns,
        Column("body", Text, nullable=False),
        *(Index(f"ix_{name}_{column}", column) for column in indexes),
    )


IMAGES = Table(
    "images",
    METADATA,
    Column("id", String(128), primary_key=True),
    Column("label", String(8)),
    Column("split", String(8)),
    Column("sha256", String(64)),
    Column("body", Text, nullable=False),
)
"""Read in the order of `id`: ids are made of a hash, so that order is a fixed shuffle."""

JUDGEMENTS = _log(
    "judgements",
    Column("image", String(128), nullable=False),
    Column("who", String(64), nullable=False),
    indexes=("image", "who"),
)
EXEMPLARS = _log("exemplars", Column("id", String(128), nullable=False), indexes=("id",))
DRAFTS = _log(
    "drafts",
    Column("id", String(64), nullable=False, unique=True),
    Column("key", String(64), nullable=False),
    Column("image", String(128), nullable=False),
    Column("teacher", String(200), nullable=False),
    Column("mode", String(8), nullable=False),
    Column("fault", String(64)),
    indexes=("key", "image"),
)
"""`key` names the question (prompt, image and teacher): one that was answered is not asked again."""

CHECKS = _log(
    "checks",
    Column("draft", String(64), nullable=False),
    Column("name", String(64), nullable=False),
    Column("passed", Boolean, nullable=False),
    indexes=("draft",),
)
REVIEWS = _log(
    "reviews",
    Column("draft", String(64), nullable=False),
    Column("image", String(128), nullable=False),
    Column("who", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    indexes=("draft", "image", "who"),
)
CHOICES = _log(
    "choices",
    Column("image", String(128), nullable=False),
    Column("who", String(64), nullable=False),
    indexes=("image", "who"),
)

PEOPLE = Table(
    "people",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("active", Boolean, nullable=False, default=True),
    Column("at", String(32), nullable=False),
)
"""Only hashes of tokens are kept."""

LEASES = Table(
    "leases",
    METADATA,
    Column("task", String(16), primary_key=True),
    Column("item", String(128), primary_key=True),
    Column("who", String(64), primary_key=True),
    Column("until_s", Float, nullable=False),
)
"""Who works on what until when (seconds since the epoch): several people do not take the same item."""

META = Table(
    "meta",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
"""Settings of the whole chain, such as how many people judge each image."""
