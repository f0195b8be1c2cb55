"""Settings of the review room, kept in the store so that every server of a chain has the same."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

from fakescope.chain.store import Store
from fakescope.errors import DataError

MOST_PEOPLE = 50


@dataclass(frozen=True)
class RoomSettings:
    """How the review room works.

    Attributes:
        judges: People who judge each image blind.
        reviewers: People who review each draft.
        voters: People who compare the drafts of each image.
        reveal: Tell a person whose blind verdict was wrong that the label differs.
        lease_s: How long an item is kept for a person who gives no sign of life.
    """

    judges: int = 2
    reviewers: int = 1
    voters: int = 1
    reveal: bool = False
    lease_s: float = 600.0


def read_settings(store: Store) -> RoomSettings:
    """The settings of a chain; what was never set has its default."""
    found = {f.name: store.setting(f.name) for f in fields(RoomSettings)}
    return RoomSettings(**{name: value for name, value in found.items() if value is not None})


def change_settings(store: Store, **values: int | float | bool | None) -> RoomSettings:
    """Keep new values; None leaves a setting as it is.

    Raises:
        DataError: A number of people is out of range.
    """
    for name, value in values.items():
        if value is None:
            continue
        if name in ("judges", "reviewers", "voters") and not 1 <= value <= MOST_PEOPLE:
            raise DataError(f"{name} must be 1 to {MOST_PEOPLE}, not {value}")
        if name not in asdict(RoomSettings()):
            raise DataError(f"there is no setting {name!r}")
        store.set_setting(name, value)
    return read_settings(store)
