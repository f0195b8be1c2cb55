"""A table of sources as an input: repositories at a commit, patterns of paths, crop hints."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from fakescope.chain.collect.items import Facts, Item, Known, key_of
from fakescope.chain.collect.repositories import Places, SourceFile, open_source
from fakescope.chain.collect.rules import Rule, wanted_files
from fakescope.errors import DataError
from fakescope.images.text import clean_text

BATCH = 32


class SourceInput:
    """One source of the table, with its rules.

    A rule's `most` limits the files that are asked for, in an order drawn by hash; broken ones among them are
    not made up for.

    Args:
        rules: Of one source; a file belongs to the first that matches its path.
        places: Where repositories lie.
        default: Facts that the table does not give.
    """

    def __init__(self, rules: Sequence[Rule], places: Places, default: Facts) -> None:
        self.name = rules[0].source
        self._rules, self._places, self._default = rules, places, default
        self._source = open_source(rules[0].source, rules[0].commits, places)
        if self._source is None:
            raise DataError(f"{self.name} is not there", "name the folder of unpacked packages with --debian")
        self._wanted = self._within_limits(wanted_files(rules, self._source))

    def total(self) -> int:
        return len(self._wanted)

    def items(self, known: Known) -> Iterator[Item]:
        new = (item for item in map(self._item, self._wanted) if not known(item[0].key))
        while batch := list(islice(new, BATCH)):
            if self._source is None:
                raise RuntimeError("checked when it was opened")
            data = self._source.read([file for _, file in batch])
            for (item, _), content in zip(batch, data, strict=True):
                fault = "" if content is not None else "missing"
                yield replace(item, data=content, fault=fault)

    def _item(self, wanted: tuple[Rule, SourceFile]) -> tuple[Item, SourceFile]:
        rule, file = wanted
        match = rule.match(file.path)
        if match is None:
            raise RuntimeError("the rule was chosen because it matches")
        facts = replace(
            self._default,
            label=rule.label,
            generator=_expand(match, rule.generator) or None,
            source=rule.source,
            licence=clean_text(rule.licence, 300),
            group=rule.group,
            caption=clean_text(rule.caption(match), 600),
        )
        identity = f"{rule.source}|{file.blob or file.path}|{file.commit}|{rule.crop}"
        origin = f"{file.commit}:{clean_text(file.path, 300)}"
        return Item(key_of(identity, facts), origin, facts, rule=rule), file

    def _within_limits(self, wanted: list[tuple[Rule, SourceFile]]) -> list[tuple[Rule, SourceFile]]:
        counts: dict[Rule, int] = {}
        kept = []
        for rule, file in wanted:
            counts[rule] = counts.get(rule, 0) + 1
            parts = rule.crop.keep or 1
            if rule.most is None or counts[rule] <= math.ceil(rule.most / parts):
                kept.append((rule, file))
        return kept


def _expand(match: re.Match[str], text: str) -> str:
    return clean_text(match.expand(text), 200)
