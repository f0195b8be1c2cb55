"""Counts of a run, for programs."""

from __future__ import annotations

from collections import Counter

from fakescope.records import JsonObject


def plain(summary: object) -> JsonObject:
    """A dataclass of counts as plain values. (`dataclasses.asdict` breaks counters.)"""
    return {name: dict(v) if isinstance(v, Counter) else v for name, v in vars(summary).items()}
