"""The partition columns by which a dataset is built, and conditions on the rows that lie below their values.

A level can be built by where the rows below one of its values are those of an interval of its source, or of one value
of it. The rows below other levels (buckets, lookups …) are computed together, and are laid apart when they are written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import pairwise

import pyarrow as pa

from gateway.catalog.partition_field import PartitionField
from gateway.catalog.table import Table
from gateway.catalog.transforms import Calendar
from gateway.catalog.transforms.base import Spans
from gateway.catalog.transforms.keys import EPOCH, KeyKind, key_type
from gateway.catalog.versions import Key
from gateway.model import Column, TypedValue, Value

_BY_VALUE = frozenset({KeyKind.BOOLEAN, KeyKind.INTEGER, KeyKind.VARCHAR, KeyKind.DATE})
"""Types whose values and the texts of their folders are one to one, so that a value is a partition."""
_BY_INTERVAL = frozenset({KeyKind.INTEGER, KeyKind.DATE, KeyKind.TIMESTAMP, KeyKind.TIMESTAMPTZ})
_MICROSECONDS = 10**6
_START = datetime(1970, 1, 1)
_FINEST = ("hour", "day", "month", "year")
Interval = tuple[int, int]
"""First and last key of a source; see ``gateway.catalog.transforms.keys``."""


@dataclass(frozen=True)
class Level:
    """A partition column by which a dataset is built; ``type`` is that of its source."""

    field: PartitionField
    type: str

    @property
    def name(self) -> str:
        """The source, quoted for SQL."""
        return '"' + self.field.source.replace('"', '""') + '"'

    @cached_property
    def by_value(self) -> bool:
        """Whether each partition has one value of the source."""
        return self.field.transform == "identity"

    def value(self, text: str) -> TypedValue:
        """Return the value of the source in a partition; as its text where Python has no such date."""
        try:
            return TypedValue(value=self.field.function.parse(text, self.type), type=self.type)
        except OverflowError:
            return TypedValue(value=text, type="VARCHAR")

    def intervals(self, texts: Iterable[str]) -> list[Interval]:
        """Return the intervals of the source below folder texts, ascending; those that meet are one."""
        spans = self.field.function.spans(pa.array(list(texts), pa.string()), self.type)
        assert isinstance(spans, Spans)
        found: list[Interval] = []
        for low, high in sorted(zip(spans.lo.tolist(), spans.hi.tolist(), strict=True)):
            if found and low <= found[-1][1] + 1:
                found[-1] = (found[-1][0], max(high, found[-1][1]))
            else:
                found.append((low, high))
        return found

    def bound(self, key: int) -> TypedValue:
        """Return the value of the source that has a key."""
        kind = key_type(self.type)
        assert kind is not None
        value: Value = key
        if kind.kind is KeyKind.DATE:
            value = EPOCH + timedelta(days=key)
        elif kind.per_second:
            value = _START + timedelta(microseconds=key)
            value = value.replace(tzinfo=UTC) if kind.kind is KeyKind.TIMESTAMPTZ else value
        return TypedValue(value=value, type=self.type)


def levels_of(table: Table, columns: Sequence[Column]) -> tuple[Level, ...]:
    """Return the levels by which a dataset of these columns can be built, outermost first."""
    types = {column.name.lower(): column.type for column in columns}
    found = (Level(field, types[field.source.lower()]) for field in table.written_by)
    return tuple(level for level in found if _restricts(level))


def _restricts(level: Level) -> bool:
    kind = key_type(level.type)
    if kind is None:
        return False
    if level.by_value:
        return kind.kind in _BY_VALUE
    whole = kind.kind in _BY_INTERVAL and not kind.wide and kind.per_second in (0, _MICROSECONDS)
    return whole and isinstance(level.field.function.spans(pa.array([], pa.string()), level.type), Spans)


class Conditions:
    """Writes conditions on the rows of a query, in SQL with parameters, which it gathers in ``parameters``."""

    def __init__(self, levels: Sequence[Level]) -> None:
        self._levels = levels
        self.parameters: dict[str, TypedValue] = {}

    def within(self, keys: Collection[Key]) -> str:
        """Write that a row lies below one of the *keys*."""
        return self._within(sorted(keys, key=_order), 0)

    def outside(self, keys: Collection[Key]) -> str:
        """Write that a row lies below none of the *keys*: the opposite of ``within``, also where values are NULL."""
        return self._outside(sorted(keys, key=_order), 0)

    def _within(self, keys: Sequence[Key], depth: int) -> str:
        if depth == len(self._levels):
            return "true" if keys else "false"
        found = []
        for texts, below in _alike(keys):
            here, rest = self._is(self._levels[depth], texts), self._within(below, depth + 1)
            found.append(here if rest == "true" else f"({here} AND {rest})")
        return _any(found)

    def _outside(self, keys: Sequence[Key], depth: int) -> str:
        if depth == len(self._levels):
            return "false" if keys else "true"
        level = self._levels[depth]
        found = [self._is_not(level, list(dict.fromkeys(key[0] for key in keys)))]
        for texts, below in _alike(keys):
            rest = self._outside(below, depth + 1)
            if rest != "false":
                found.append(f"({self._is(level, texts)} AND {rest})")
        return _any(found)

    def _is(self, level: Level, texts: Sequence[str | None]) -> str:
        present = [text for text in texts if text is not None]
        found = [f"{level.name} IS NULL"] if len(present) < len(texts) else []
        if present and level.by_value:
            values = ", ".join(self._value(level, text) for text in present)
            found.append(f"{level.name} IN ({values} )")
        elif present:
            for low, high in level.intervals(present):
                found.append(f"({self._from(level, low)} AND {self._to(level, high)})")
        return _any(found)

    def _is_not(self, level: Level, texts: Sequence[str | None]) -> str:
        present = [text for text in texts if text is not None]
        found = [] if len(present) < len(texts) else [f"{level.name} IS NULL"]
        if not present:
            found.append(f"{level.name} IS NOT NULL")
        elif level.by_value:
            values = ", ".join(self._value(level, text) for text in present)
            found.append(f"{level.name} NOT IN ({values} )")
        else:
            intervals = level.intervals(present)
            found.append(f"{level.name} < {self._parameter(level.bound(intervals[0][0]))}")
            for (_, before), (after, _) in pairwise(intervals):
                above = f"{level.name} > {self._parameter(level.bound(before))}"
                found.append(f"({above} AND {level.name} < {self._parameter(level.bound(after))})")
            found.append(f"{level.name} > {self._parameter(level.bound(intervals[-1][1]))}")
        return _any(found)

    def _from(self, level: Level, key: int) -> str:
        return f"{level.name} >= {self._parameter(level.bound(key))}"

    def _to(self, level: Level, key: int) -> str:
        return f"{level.name} <= {self._parameter(level.bound(key))}"

    def _value(self, level: Level, text: str) -> str:
        value = level.value(text)
        name = self._parameter(value)
        return name if value.type == level.type else f"CAST({name} AS {level.type})"

    def _parameter(self, value: TypedValue) -> str:
        name = f"__built{len(self.parameters)}"
        self.parameters[name] = value
        return f"${name}"


def distinct(levels: Sequence[Level]) -> str:
    """Write the columns of a search for keys: the sources of the levels, as coarse as all of them allow."""
    finest: dict[str, str] = {}
    for level in levels:
        finest[level.name] = min(finest.get(level.name, "year"), _unit(level), key=_rank)
    types = {level.name: level.type for level in levels}
    return ", ".join(_coarse(name, unit, types[name]) for name, unit in finest.items())


def _coarse(name: str, unit: str, type_: str) -> str:
    return name if unit == "" else f"CAST(date_trunc('{unit}', {name}) AS {type_}) AS {name}"


def _rank(unit: str) -> int:
    return _FINEST.index(unit) if unit in _FINEST else -1


def _unit(level: Level) -> str:
    """Return the unit of the calendar that a level cuts in UTC; empty where only the value itself tells the key."""
    transform = level.field.function
    utc = isinstance(transform, Calendar) and transform.zone == "UTC" and not transform.repeats
    return transform.name if utc else ""


def _alike(keys: Sequence[Key]) -> Iterator[tuple[list[str | None], list[Key]]]:
    """Group the first texts of keys that have the same keys below."""
    below: dict[str | None, list[Key]] = defaultdict(list)
    for first, *rest in keys:
        below[first].append(tuple(rest))
    groups: dict[tuple[Key, ...], list[str | None]] = defaultdict(list)
    for text, rest_of in below.items():
        groups[tuple(rest_of)].append(text)
    return ((texts, list(rest_of)) for rest_of, texts in groups.items())


def _order(key: Key) -> list[tuple[bool, str]]:
    return [(text is None, text or "") for text in key]


def _any(conditions: Sequence[str]) -> str:
    if not conditions:
        return "false"
    return conditions[0] if len(conditions) == 1 else f"({' OR '.join(conditions)})"


def by_key(parts: Mapping[Key, object]) -> list[Key]:
    """Order keys by their texts, NULL last."""
    return sorted(parts, key=_order)
