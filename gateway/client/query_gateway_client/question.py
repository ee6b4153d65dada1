"""A question in the form that the gateway reads: Python's values as parameters, in an address or in JSON."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite, isnan
from operator import index
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import pyarrow as pa

from query_gateway_client.errors import QuestionInvalid

_NAME = re.compile(r"(?P<query>[A-Za-z0-9_.\-]+)(?:/(?P<version>latest|v[1-9][0-9]*))?")
LONGEST = 7_000
"""Characters of a target that every server on the way takes; what is longer is sent by POST."""
_EXACT = 2**53 - 1

Plain = bool | int | float | str | None | list[Any]
"""A value as JSON has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query, a version and its parameters; ``options`` are the gateway's own (``_limit``)."""

    query: str
    version: str = "latest"
    parameters: Mapping[str, Plain] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)

    def target(self, what: str) -> Target:
        """Return where *what* (``result.arrow``, ``explain``) is asked for: by GET where an address can say it."""
        path = f"/v1/queries/{quote(self.query)}/{self.version}/{what}"
        options = list(self.options.items())
        pairs = _pairs(self.parameters)
        if pairs is not None:
            address = _address(path, pairs + options)
            if len(address) <= LONGEST:
                return Target(method="GET", path=address)
        return Target(method="POST", path=_address(path, options), body=json.dumps(self.as_json()).encode())

    def as_json(self) -> dict[str, Plain]:
        """Return the parameters as JSON has them."""
        return {name: _json(value) for name, value in self.parameters.items()}

    def description(self) -> Target:
        """Return where the query itself is described."""
        return Target(method="GET", path=f"/v1/queries/{quote(self.query)}/{self.version}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A request without the server that it goes to: ``path`` with its query string, ``body`` as JSON."""

    method: str
    path: str
    body: bytes | None = None

    def identity(self, base: str) -> str:
        """Return a name for what is asked here, of this server."""
        asked = json.dumps([base, self.method, self.path, None if self.body is None else self.body.decode()])
        return hashlib.sha256(asked.encode()).hexdigest()


def question(
    query: str,
    parameters: Mapping[str, Any] | None,
    more: Mapping[str, Any],
    options: Mapping[str, object] | None = None,
) -> Question:
    """Make the question of *query* (``plane_history``, ``plane_history/v2``) with both sets of parameters.

    *options* of value None are left out. Raises QuestionInvalid.

    >>> question("flights/v2", {"day": date(2013, 1, 2)}, {"carriers": ["UA"]}, {"limit": 3}).target("explain").path
    '/v1/queries/flights/v2/explain?day=2013-01-02&carriers=UA&_limit=3'
    """
    named = _NAME.fullmatch(query)
    if named is None:
        raise QuestionInvalid(f"{query!r} is no query: write its name, or its name and version as in plane_history/v2")
    if twice := sorted(set(parameters or {}) & set(more)):
        raise QuestionInvalid(f"given twice: {', '.join(twice)}")
    given = {**(parameters or {}), **more}
    if odd := sorted(name for name in given if name.startswith("_")):
        raise QuestionInvalid(f"{', '.join(odd)}: names of parameters do not begin with an underscore")
    return Question(
        query=named["query"],
        version=named["version"] or "latest",
        parameters={name: _named(name, value) for name, value in given.items()},
        options={f"_{name}": str(value) for name, value in (options or {}).items() if value is not None},
    )


def moment(snapshot: str | date | None) -> str | None:
    """Return the name of a snapshot, or the moment before which it is the last one."""
    return snapshot.isoformat() if isinstance(snapshot, date) else snapshot


def whole(name: str, value: int, *, least: int | None = None) -> int:
    """Return a whole number that was given as the option *name*. Raises QuestionInvalid where it is none, or too small.

    >>> whole("workers", 4, least=1)
    4
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise QuestionInvalid(f"{name}: {value!r} is no whole number")
    if least is not None and value < least:
        raise QuestionInvalid(f"{name}: {value} is less than {least}")
    return index(value)


def _named(name: str, value: object) -> Plain:
    try:
        return plain(value)
    except QuestionInvalid as error:
        raise QuestionInvalid(f"{name}: {error}") from error


def plain(value: object) -> Plain:
    """Write a value as JSON has it, with no digit lost: dates, times, decimals and UUIDs as texts.

    Scalars and arrays of NumPy, pandas, Polars and Arrow are what they hold; NaT and NA are NULL.
    Raises QuestionInvalid.

    >>> plain(Decimal("12.50")), plain(timedelta(hours=-36)), plain((date(2013, 1, 31), None))
    ('12.50', '-P1DT12H', ['2013-01-31', None])
    """
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if isfinite(value) else ("NaN" if isnan(value) else _infinity(value))
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise QuestionInvalid(f"{value} is no decimal that can be sent")
        return format(value, "f")
    if isinstance(value, datetime | date):
        return None if (text := value.isoformat()) == "NaT" else text  # that of pandas is a datetime
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, UUID):
        return str(value)
    return _foreign(value)


def _foreign(value: Any) -> Plain:
    """Write what is no value of Python's own: a scalar of a library, or values in a row."""
    if isinstance(value, pa.Scalar):
        return plain(value.as_py())
    if type(value).__name__ == "datetime64":
        return _instant(value)
    if type(value).__name__ == "NAType":
        return None
    if isinstance(value, Mapping | bytes | bytearray | memoryview | time):
        raise QuestionInvalid(f"a {type(value).__name__} is no value of a parameter")
    if isinstance(value, set | frozenset):  # one order for one question
        return sorted((plain(each) for each in value), key=lambda each: json.dumps(each))
    if isinstance(value, Iterable) and getattr(value, "ndim", 1) == 1:
        return [_item(each) for each in value]
    try:
        return plain(pa.scalar(value).as_py())
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise QuestionInvalid(f"a {type(value).__name__} is no value of a parameter") from error


def _item(value: object) -> Plain:
    found = plain(value)
    if isinstance(found, list):
        raise QuestionInvalid("a list in a list is no value of a parameter")
    return found


def _instant(value: Any) -> str | None:
    """Write a moment of NumPy: to the second at least where it is no date, without nanoseconds where they are zeros.

    >>> import numpy
    >>> [_instant(numpy.datetime64(each)) for each in ("2013", "2013-01-31", "2013-01-31T17", "NaT")]
    ['2013-01-01', '2013-01-31', '2013-01-31T17:00:00', None]
    >>> _instant(numpy.datetime64("2013-01-31T17:00:00.250000000"))
    '2013-01-31T17:00:00.250000'
    """
    match len(text := str(value)):
        case 3:
            return None
        case 4 | 7:
            return str(value.astype("datetime64[D]"))
        case 13 | 16:
            return str(value.astype("datetime64[s]"))
    return text[:-3] if text[19:20] == "." and len(text) == 29 and text.endswith("000") else text


def _infinity(value: float) -> str:
    return "Infinity" if value > 0 else "-Infinity"


def _duration(value: timedelta) -> str:
    """Write a length of time as ISO 8601 does: days as days, for they are not 24 hours everywhere."""
    sign, value = ("-", -value) if value < timedelta(0) else ("", value)
    hours, rest = divmod(value.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    fraction = f".{value.microseconds:06d}" if value.microseconds else ""
    parts = ((hours, "H"), (minutes, "M"))
    clock = "".join(f"{count}{unit}" for count, unit in parts if count)
    clock += f"{seconds}{fraction}S" if seconds or fraction else ""
    days = f"{value.days}D" if value.days or not clock else ""
    return f"{sign}P{days}" + (f"T{clock}" if clock else "")


def _pairs(parameters: Mapping[str, Plain]) -> list[tuple[str, str]] | None:
    """Write parameters for an address; None where an address cannot say them: it has no NULL."""
    pairs: list[tuple[str, str]] = []
    for name, value in parameters.items():
        items = value if isinstance(value, list) else [value]
        if None in items:
            return None
        texts = [_text(each) for each in items]
        if isinstance(value, list) and (not texts or any(text.startswith("[") for text in texts)):
            texts = [json.dumps([_json(each) for each in value])]
        pairs += [(name, text) for text in texts]
    return pairs


def _text(value: Plain) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def _json(value: Plain) -> Plain:
    """Write integers that readers of JSON would round as texts."""
    if isinstance(value, list):
        return [_json(each) for each in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _EXACT:
        return str(value)
    return value


def _address(path: str, pairs: list[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(pairs)}" if pairs else path
