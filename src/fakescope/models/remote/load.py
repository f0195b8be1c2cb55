"""From the address of a server to a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fakescope.errors import MissingExtraError, ModelError
from fakescope.images.text import clean_text
from fakescope.models.base import ModelCard
from fakescope.models.card import card_from
from fakescope.models.remote.options import RemoteOptions
from fakescope.records import JsonObject
from fakescope.servers import check_url, find_key

if TYPE_CHECKING:
    from fakescope.models.remote.model import RemoteModel

OPENAI = "https://api.openai.com/v1"
OWNER = "fakescope"
SENT = "The model is on a server: pictures are sent there."
UNKNOWN = (
    SENT,
    "It may not be tuned for forensics; such models call most images real.",
    "Its probability is not calibrated, and nothing of it was measured here.",
)


def load_remote(address: str, options: RemoteOptions, card: ModelCard | None = None) -> RemoteModel:
    """A model on a server.

    Args:
        address: Up to and with `/v1`.
        options: See there.
        card: In the place of what the server says of it.

    Raises:
        ModelError: The server cannot be reached or has no such model.
        MissingExtraError: A package is not installed.
    """
    try:
        from fakescope.models.remote.model import RemoteModel
        from fakescope.models.remote.wire import Server
    except ModuleNotFoundError as error:
        raise MissingExtraError("a model on a server", "remote") from error
    url = check_url(address)
    assert url is not None
    key = find_key("openai", None if url == OPENAI else url, options.key_env)
    server = Server(url, key, options.timeout_s)
    name, row = _choose(url, server.models(), options.model)
    own = row.get("owned_by") == OWNER and isinstance(row.get("fakescope"), dict)
    told = _own_card(row, name, url) if own else _unknown(name, url)
    return RemoteModel(server, name, card or told, options, own=own)


def _choose(url: str, rows: Sequence[JsonObject] | None, wanted: str | None) -> tuple[str, JsonObject]:
    """The name of a server's model, and what it says of it."""
    by_name = {row["id"]: row for row in rows or () if isinstance(row.get("id"), str)}
    if wanted:
        if by_name and wanted not in by_name:
            raise ModelError(f"{url} has no model {wanted!r}", _known(by_name))
        return wanted, by_name.get(wanted, {})
    if len(by_name) == 1:
        return next(iter(by_name.items()))
    if by_name:
        raise ModelError(f"{url} has {len(by_name)} models", f"name one with ?model=; {_known(by_name)}")
    raise ModelError(f"{url} does not say which models it has", "name one with ?model=")


def _known(by_name: dict[str, JsonObject]) -> str:
    return "it has " + clean_text(", ".join([*by_name][:20]), 400)


def _own_card(row: JsonObject, name: str, url: str) -> ModelCard:
    """The card that `fakescope serve` tells: a stranger's words. One that cannot be read is none."""
    try:
        card = card_from(row["fakescope"])
    except ValueError as error:
        unknown = _unknown(name, url)
        return replace(unknown, limits=(*unknown.limits, f"Its own card cannot be read: {clean_text(error, 200)}"))
    return replace(card, limits=(SENT, *card.limits[:20]), source=url)


def _unknown(name: str, url: str) -> ModelCard:
    return ModelCard(
        name=clean_text(name, 200), revision="as served", licence="as its own card says", fake_words=("fake",),
        real_words=("real",), summary="A model on a server.", limits=UNKNOWN, source=url,
    )  # fmt: skip
