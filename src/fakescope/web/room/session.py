"""Who is signed in: a signed cookie with name, stamp of the token, and time. No state on the server."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time

from fakescope.chain.room.errors import NotSignedInError
from fakescope.chain.room.people import Person, person_by_name
from fakescope.chain.store import Store

COOKIE = "fakescope_room"
LASTS_S = 30 * 86400
_SECRET = "room_secret"  # noqa: S105 - the name of a setting


class Sessions:
    """Signs and reads cookies with a secret of the chain, so that several servers of one chain know each other's."""

    def __init__(self, store: Store) -> None:
        self._store = store
        if store.setting(_SECRET) is None:
            store.set_setting(_SECRET, secrets.token_hex(32))
        self._key = bytes.fromhex(store.setting(_SECRET))

    def cookie(self, person: Person) -> str:
        """The value of a new session's cookie."""
        body = f"{person.name}|{person.stamp}|{int(time.time())}".encode().hex()
        return f"{body}.{self._sign(body)}"

    def person(self, cookie: str | None) -> Person:
        """Who a cookie belongs to.

        Raises:
            NotSignedInError: Nobody; or the token was renewed or taken away, or the session is too old.
        """
        body, _, signature = (cookie or "").partition(".")
        if not hmac.compare_digest(self._sign(body), signature):
            raise NotSignedInError("you are not signed in", "open the personal link that you were given")
        name, stamp, at = bytes.fromhex(body).decode().split("|")
        person = person_by_name(self._store, name)
        if person is None or person.stamp != stamp or time.time() - int(at) > LASTS_S:
            raise NotSignedInError(
                "your link is not valid any more", "ask the owner of the chain for a new one"
            )
        return person

    def _sign(self, body: str) -> str:
        return hmac.new(self._key, body.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
