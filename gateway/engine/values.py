"""Values as JSON and back, each with its exact type, for what is said between a process and an engine in another."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from gateway.interval import Interval

_MICROSECOND = timedelta(microseconds=1)
_SMALL = range(-(2**63), 2**64)
"""Integers that a JSON number holds."""
_OBJECT = "object"
_PRINTED: Mapping[type, tuple[str, Callable[[Any], str], Callable[[str], Any]]] = {
    int: ("int", str, int),
    float: ("float", repr, float),
    Decimal: ("decimal", str, Decimal),
    datetime: ("datetime", lambda value: _in_utc(value).isoformat(), datetime.fromisoformat),
    date: ("date", date.isoformat, date.fromisoformat),
    time: ("time", time.isoformat, time.fromisoformat),
    timedelta: ("interval", lambda value: str(value // _MICROSECOND), lambda text: int(text) * _MICROSECOND),
    Interval: ("days", lambda value: f"{value.days} {value.microseconds}", lambda text: _interval(*text.split())),
    UUID: ("uuid", str, UUID),
    bytes: ("bytes", bytes.hex, bytes.fromhex),
}
"""Types that JSON does not have: the name of each here, how it is written and read."""
_READ = {name: read for name, _, read in _PRINTED.values()}


def to_json(value: Any) -> Any:
    """Write a value so that ``from_json`` returns it with its type; instants come back in UTC.

    A value of a type that is not known here comes back as text.

    >>> to_json([1, 2.5, Decimal("1.10"), None])
    [1, 2.5, {'decimal': '1.10'}, None]
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, list | tuple):
        return [to_json(member) for member in value]
    if isinstance(value, dict):
        return {_OBJECT: [[to_json(name), to_json(member)] for name, member in value.items()]}
    if (isinstance(value, int) and value in _SMALL) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if type(value) not in _PRINTED:
        return str(value)
    name, write, _ = _PRINTED[type(value)]
    return {name: write(value)}


def from_json(written: Any) -> Any:
    """Return the value that ``to_json`` wrote.

    >>> from_json([1, 2.5, {"decimal": "1.10"}, None])
    [1, 2.5, Decimal('1.10'), None]
    """
    if isinstance(written, list):
        return [from_json(member) for member in written]
    if not isinstance(written, dict):
        return written
    ((name, text),) = written.items()
    if name == _OBJECT:
        return {from_json(key): from_json(member) for key, member in text}
    return _READ[name](text)


def _interval(days: str, microseconds: str) -> Interval:
    return Interval(days=int(days), microseconds=int(microseconds))


def _in_utc(value: datetime) -> datetime:
    return value if value.tzinfo is None else value.astimezone(UTC)
