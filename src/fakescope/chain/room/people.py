"""People and their personal tokens. A token is shown once; the store keeps only its hash."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import sqlalchemy as sa

from fakescope.chain.room.locks import exclusive
from fakescope.chain.store import Store
from fakescope.chain.store.schema import PEOPLE
from fakescope.errors import DataError

_NAME = re.compile(r"\w[\w .@+-]{0,63}")


class Role(StrEnum):
    """What a person is for the chain. An adjudicator may do all that an annotator may, an owner everything."""

    ANNOTATOR = "annotator"
    ADJUDICATOR = "adjudicator"
    OWNER = "owner"


@dataclass(frozen=True)
class Person:
    """Somebody with access to the review room.

    Attributes:
        name: Stands as `who` in every record.
        stamp: Changes with the token, so that sessions end when the token is renewed.
    """

    name: str
    role: Role
    active: bool = True
    at: str = ""
    stamp: str = ""


def add_person(store: Store, name: str, role: Role | None = None, *, token: str | None = None) -> str:
    """Give a person access, or a new token and role to one who has it.

    Args:
        store: The chain.
        name: 1 to 64 letters, digits, spaces and `.@+-_`.
        role: What they may do; by default what they may already, and otherwise an annotator's part.
        token: Theirs; a new random one by default.

    Returns:
        The token. It cannot be read again.

    Raises:
        DataError: The name cannot be used.
    """
    if not _NAME.fullmatch(name) or name != name.strip():
        raise DataError(f"{name!r} cannot be a name", "up to 64 letters, digits, spaces and .@+-_")
    if name.startswith("fakescope"):
        raise DataError(f"{name!r} is the name of a machine", "people need names of their own")
    token = token or secrets.token_urlsafe(32)
    row: dict[str, object] = {
        "name": name,
        "token_hash": _hash(token),
        "active": True,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with exclusive(store, "people") as connection:
        before = connection.scalar(sa.select(PEOPLE.c.role).where(PEOPLE.c.name == name))
        row["role"] = (role or Role(before or Role.ANNOTATOR)).value
        connection.execute(sa.delete(PEOPLE).where(PEOPLE.c.name == name))
        connection.execute(PEOPLE.insert().values(row))
    return token


def remove_person(store: Store, name: str) -> None:
    """Take away a person's access. What they did stays.

    Raises:
        DataError: Nobody of that name has access.
    """
    with exclusive(store, "people") as connection:
        done = connection.execute(
            sa.update(PEOPLE).where(PEOPLE.c.name == name, PEOPLE.c.active).values(active=False)
        )
    if not done.rowcount:
        raise DataError(f"nobody named {name!r} has access", "`fakescope chain people list` names them")


def list_people(store: Store) -> list[Person]:
    """Everybody who has or had access, by name."""
    with store.reading() as connection:
        return [_person(row) for row in connection.execute(sa.select(PEOPLE).order_by(PEOPLE.c.name))]


def person_by_token(store: Store, token: str) -> Person | None:
    """Whose token this is, if it gives access."""
    wanted = _hash(token)
    with store.reading() as connection:
        row = connection.execute(
            sa.select(PEOPLE).where(PEOPLE.c.token_hash == wanted, PEOPLE.c.active)
        ).one_or_none()
    # The search was by hash, so its time tells nothing of the token; the comparison is for good measure.
    return _person(row) if row is not None and hmac.compare_digest(row.token_hash, wanted) else None


def person_by_name(store: Store, name: str) -> Person | None:
    """The person of that name, if they have access."""
    with store.reading() as connection:
        row = connection.execute(
            sa.select(PEOPLE).where(PEOPLE.c.name == name, PEOPLE.c.active)
        ).one_or_none()
    return _person(row) if row is not None else None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _person(row: sa.Row[tuple[object, ...]]) -> Person:
    return Person(row.name, Role(row.role), bool(row.active), row.at, row.token_hash[:16])
