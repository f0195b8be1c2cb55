"""Folders of small pictures, and a chain to collect them into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from fakescope.chain.collect.inputs import open_inputs
from fakescope.chain.collect.items import Facts, Reading
from fakescope.chain.collect.repositories import Places
from fakescope.chain.collect.run import Summary
from fakescope.chain.collect.run import collect as run
from fakescope.chain.store import open_store
from fakescope.records import ImageRef, Label

Collect = Callable[..., Summary]


@pytest.fixture
def collect(tmp_path: Path) -> Collect:
    """Collect into one chain, with options of `Facts`, `Reading` and `collect` mixed."""

    def call(
        *names: object,
        label: str | None = None,
        columns: dict[str, str] | None = None,
        label_map: dict[str, Label] | None = None,
        keep_splits: bool = True,
        mirror: Path | None = None,
        plan: Any = None,
        unlabelled: bool = False,
        in_place: bool = False,
        limit: int | None = None,
        **facts: Any,
    ) -> Summary:
        default = Facts(label=Label(label) if label else None, **facts)
        reading = Reading(columns or {}, label_map or {}, default, keep_splits)
        inputs = open_inputs([str(name) for name in names], reading, Places(tmp_path / "clones", mirror))
        options: dict[str, Any] = {"unlabelled": unlabelled, "in_place": in_place, "limit": limit}
        with open_store(tmp_path / "chain", create=True) as store:
            return run(store, inputs, **options, **({"plan": plan} if plan else {}))

    return call


@pytest.fixture
def images(tmp_path: Path) -> Callable[[], Sequence[ImageRef]]:
    """What the chain holds now."""

    def call() -> Sequence[ImageRef]:
        with open_store(tmp_path / "chain") as store:
            return list(store.images())

    return call
