"""Cuts what a column can be in the partitions of a table into grains: ranges that the engine is asked about.

A grain is one value (of a DATE, a small range of integers, a text that is itself a folder's or a lookup's), an hour or
a day of a TIMESTAMP, or, of wider ranges and of texts that begin alike, what one partition holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from gateway.catalog.transforms.keys import EPOCH, HIGHEST, LOWEST, Key, KeyKind, Ordinals, key_type
from gateway.model import Value
from gateway.plan.analysis.ranges import HIGH, LOW, WHOLE, Grain
from gateway.plan.axis import DIRECT, Axis, Interval, Landmarks, Listing

MOST = 10_000
"""Grains of a column, at most; of more, none is asked about."""
HOUR = 3_600_000_000
DAY = 24 * HOUR
"""In microseconds."""
_FIRST_DAY, _LAST_DAY = -354_285, 2_932_531
"""The years 1000 to 9998: their texts sort as they do, and Python holds their ends."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Samples:
    """Grains of a column of type ``type``: the number of each with its ends, both included, as values.

    Of texts that begin alike the first end is what they begin with, and the other one None.
    ``source`` is SQL that lists the numbers as ``i``, with their ends.
    """

    grain: Grain
    type: str
    source: str
    ends: Mapping[int, tuple[Value, Value]]

    def listed(self, numbers: Sequence[int]) -> list[Value]:
        """Return the ranges of grains by their numbers, ascending."""
        return merged(self, numbers)


def samples(axes: Iterable[Axis], kind: str) -> Samples | None:
    """Cut the states of the first axis that tells enough of a term of type *kind*."""
    return next((found for axis in axes if (found := _of_axis(axis, kind)) is not None), None)


def _of_axis(axis: Axis, kind: str) -> Samples | None:
    if isinstance(axis, Listing):
        return grains_of_keys([key for keys in axis.members for key in keys], kind)
    if not isinstance(axis, Interval) or not len(axis.lo):
        return None
    if isinstance(axis.scale, Landmarks):
        points, beginnings = axis.scale.points(axis.lo, axis.hi), axis.scale.beginnings(axis.lo, axis.hi)
        return grains_of_beginnings(points, beginnings, kind) if beginnings else grains_of_keys(points, kind)
    if axis.scale is not DIRECT:
        return None
    lo, hi = axis.lo, axis.hi
    bounded = (lo > LOWEST + 1) & (hi < HIGHEST - 1)
    return grains_of_ranges(lo[bounded], hi[bounded], kind)


def grains_of_keys(keys: Sequence[Key], kind: str) -> Samples | None:
    """Make a grain of each of some texts; of other types their numbers are ranges of one."""
    found = key_type(kind)
    distinct = sorted(set(keys))
    if found is None or not distinct or len(distinct) > MOST:
        return None
    if found.kind is not KeyKind.VARCHAR:
        numbers = np.array([key for key in distinct if isinstance(key, int)], dtype=np.int64)
        return grains_of_ranges(numbers, numbers, kind) if len(numbers) == len(distinct) and not found.wide else None
    texts = [key.decode() for key in distinct if isinstance(key, bytes) and b"\0" not in key]
    listed = ", ".join("'" + text.replace("'", "''") + "'" for text in texts)
    source = f'SELECT unnest(range({len(texts)})) AS i, unnest([{listed}]) AS "{LOW}"'
    return Samples(
        grain=Grain.VALUE, type=kind, source=source, ends={number: (text, text) for number, text in enumerate(texts)}
    )


def grains_of_beginnings(points: Sequence[Key], beginnings: Sequence[Key], kind: str) -> Samples | None:
    """Make a grain of each of some texts, and of all that begin with each of others."""
    pairs = [(key, True) for key in sorted(set(points))] + [(key, False) for key in sorted(set(beginnings))]
    texts = [(key.decode(), whole) for key, whole in pairs if isinstance(key, bytes) and b"\0" not in key]
    if not texts or len(texts) > MOST or kind != "VARCHAR":
        return None
    listed = ", ".join("'" + text.replace("'", "''") + "'" for text, _ in texts)
    wholes = ", ".join("TRUE" if whole else "FALSE" for _, whole in texts)
    columns = f'unnest(range({len(texts)})) AS i, unnest([{listed}]) AS "{LOW}", unnest([{wholes}]) AS "{WHOLE}"'
    ends = {number: (text, text if whole else None) for number, (text, whole) in enumerate(texts)}
    return Samples(grain=Grain.PREFIX, type=kind, source=f"SELECT {columns}", ends=ends)


def grains_of_ranges(lo: Ordinals, hi: Ordinals, kind: str) -> Samples | None:
    """Cut closed ranges of order keys of a type."""
    found = key_type(kind)
    if found is None:
        return None
    match found.kind:
        case KeyKind.TIMESTAMP | KeyKind.TIMESTAMPTZ if found.per_second == 10**6:
            return _of_times(lo, hi, kind)
        case KeyKind.DATE:
            inside = (lo >= _FIRST_DAY) & (hi <= _LAST_DAY)
            return _of_numbers(lo[inside], hi[inside], kind, found.kind)
        case KeyKind.INTEGER | KeyKind.BOOLEAN:
            return _of_numbers(lo, hi, kind, found.kind)
        case _:
            return None


def _of_times(lo: Ordinals, hi: Ordinals, kind: str) -> Samples | None:
    """Cut times into days, or into hours where partitions do not begin with a day, or are shorter."""
    inside = (lo >= _FIRST_DAY * DAY) & (hi < (_LAST_DAY + 1) * DAY)
    lo, hi = lo[inside], hi[inside]
    daily = bool((lo % DAY == 0).all() and ((hi + 1) % DAY == 0).all())
    unit = DAY if daily else HOUR
    counted = _counted_times(lo // unit, hi // unit, kind, Grain.DAY if daily else Grain.HOUR)
    return _of_time_ranges(lo, hi, kind) if counted is None else counted


def _counted_times(lo: Ordinals, hi: Ordinals, kind: str, grain: Grain) -> Samples | None:
    """List days or hours by their numbers; None if there is none, or too many."""
    unit = DAY if grain is Grain.DAY else HOUR
    numbers = _counted(lo, hi)
    if numbers is None:
        return None
    first, last = f"make_timestamp(i * {unit})", f"make_timestamp(i * {unit} + {unit - 1})"
    source = f'SELECT i, CAST({first} AS {kind}) AS "{LOW}", CAST({last} AS {kind}) AS "{HIGH}" FROM ({numbers.sql})'
    zone = UTC if key_type(kind) == key_type("TIMESTAMP WITH TIME ZONE") else None
    ends = {n: (_time(n * unit, zone), _time(n * unit + unit - 1, zone)) for n in numbers.values}
    return Samples(grain=grain, type=kind, source=source, ends=ends)


def _of_time_ranges(lo: Ordinals, hi: Ordinals, kind: str) -> Samples | None:
    """Take the ranges of times as they are, where they have too many hours."""
    if not 0 < len(lo) <= MOST:
        return None
    columns = f"unnest(range({len(lo)})) AS i, unnest({lo.tolist()}) AS a, unnest({hi.tolist()}) AS b"
    first, last = f"CAST(make_timestamp(a) AS {kind})", f"CAST(make_timestamp(b) AS {kind})"
    source = f'SELECT i, {first} AS "{LOW}", {last} AS "{HIGH}" FROM (SELECT {columns})'
    zone = UTC if key_type(kind) == key_type("TIMESTAMP WITH TIME ZONE") else None
    pairs = zip(lo.tolist(), hi.tolist(), strict=True)
    ends = {number: (_time(first, zone), _time(last, zone)) for number, (first, last) in enumerate(pairs)}
    return Samples(grain=Grain.RANGE, type=kind, source=source, ends=ends)


def hours_of(found: Samples) -> Samples | None:
    """Cut days into hours; None where these would be too many."""
    numbers = np.array(sorted(found.ends), dtype=np.int64)
    if not 0 < len(numbers) * 24 <= MOST:
        return None
    return _counted_times(numbers * 24, numbers * 24 + 23, found.type, Grain.HOUR)


def _time(micros: int, zone: object) -> datetime:
    found = datetime(1970, 1, 1) + timedelta(microseconds=micros)
    return found.replace(tzinfo=UTC) if zone is not None else found


def is_within(low: int, high: int, kind: str) -> bool:
    """Return whether the values of a range of keys are times of the years 1000 to 9998, or no times."""
    found = key_type(kind)
    unit = DAY if found is not None and found.per_second else 1
    temporal = found is not None and found.kind in (KeyKind.DATE, KeyKind.TIMESTAMP, KeyKind.TIMESTAMPTZ)
    return not temporal or (_FIRST_DAY * unit <= low and high < (_LAST_DAY + 1) * unit)


def as_value(key: Key, kind: str) -> Value:
    """Return the value of an order key."""
    found = key_type(kind)
    if isinstance(key, bytes):
        return key.decode()
    assert found is not None
    if found.per_second:
        return _time(key, UTC if found.kind is KeyKind.TIMESTAMPTZ else None)
    return _value(key, found.kind)


def as_sql(name: str, kind: str) -> str:
    """Write the value whose order key is in a column."""
    found = key_type(kind)
    assert found is not None
    if found.per_second:
        return f"CAST(make_timestamp({name}) AS {kind})"
    return _written(name, kind, found.kind)


def _of_numbers(lo: Ordinals, hi: Ordinals, kind: str, family: KeyKind) -> Samples | None:
    numbers = _counted(lo, hi)
    if numbers is not None:
        value = _written("i", kind, family)
        source = f'SELECT i, {value} AS "{LOW}" FROM ({numbers.sql})'
        ends = {number: (_value(number, family), _value(number, family)) for number in numbers.values}
        return Samples(grain=Grain.VALUE, type=kind, source=source, ends=ends)
    if not 0 < len(lo) <= MOST:
        return None
    columns = f"unnest(range({len(lo)})) AS i, unnest({lo.tolist()}) AS a, unnest({hi.tolist()}) AS b"
    first, last = _written("a", kind, family), _written("b", kind, family)
    source = f'SELECT i, {first} AS "{LOW}", {last} AS "{HIGH}" FROM (SELECT {columns})'
    pairs = zip(lo.tolist(), hi.tolist(), strict=True)
    ends = {number: (_value(low, family), _value(high, family)) for number, (low, high) in enumerate(pairs)}
    return Samples(grain=Grain.RANGE, type=kind, source=source, ends=ends)


def _written(name: str, kind: str, family: KeyKind) -> str:
    return f"DATE '1970-01-01' + CAST({name} AS INTEGER)" if family is KeyKind.DATE else f"CAST({name} AS {kind})"


def _value(key: int, family: KeyKind) -> Value:
    if family is KeyKind.DATE:
        return EPOCH + timedelta(days=key)
    return bool(key) if family is KeyKind.BOOLEAN else key


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Whole numbers, ascending, and SQL that lists them as ``i``."""

    values: Sequence[int]
    sql: str


def _counted(lo: Ordinals, hi: Ordinals) -> _Numbers | None:
    """List the whole numbers in some ranges; None if there is none, or too many."""
    runs = list(_runs(lo, hi))
    if not runs or sum(last - first + 1 for first, last in runs) > MOST:
        return None
    listed = " || ".join(f"range({first}, {last + 1})" for first, last in runs)
    return _Numbers([n for first, last in runs for n in range(first, last + 1)], f"SELECT unnest({listed}) AS i")


def _runs(lo: Ordinals, hi: Ordinals) -> Iterator[tuple[int, int]]:
    """Unite ranges that touch."""
    order = np.argsort(lo, kind="stable")
    run: tuple[int, int] | None = None
    for first, last in zip(lo[order].tolist(), hi[order].tolist(), strict=True):
        if run is not None and first <= run[1] + 1:
            run = run[0], max(run[1], last)
        else:
            if run is not None:
                yield run
            run = first, last
    if run is not None:
        yield run


def merged(found: Samples, numbers: Sequence[int]) -> list[Value]:
    """Unite the grains of ascending numbers, where no value lies between them, to pairs of ends."""
    ranges: list[Value] = []
    start = before = None
    for number in numbers:
        if before is None or number != before + 1 or not _touch(found, before, number):
            if start is not None and before is not None:
                ranges.append([found.ends[start][0], found.ends[before][1]])
            start = number
        before = number
    if start is not None and before is not None:
        ranges.append([found.ends[start][0], found.ends[before][1]])
    return ranges


def _touch(found: Samples, before: int, after: int) -> bool:
    """Return whether no value lies between two grains."""
    left, right = found.ends[before][1], found.ends[after][0]
    if isinstance(left, datetime) and isinstance(right, datetime):
        return right - left == timedelta(microseconds=1)
    if isinstance(left, date) and isinstance(right, date):
        return right - left == timedelta(days=1)
    return isinstance(left, int) and isinstance(right, int) and right - left == 1
