"""Parse parameter values as their declared types, and format typed values as a caller would write them.

The rules, by kind (``docs/templates.md`` has them for authors and callers). Nothing is guessed, rounded or trimmed:
what is not written by the rule is refused.

boolean      text ``true``/``false``; JSON true/false.
integer      digits with an optional ``-``; JSON number without a fraction (``1.0`` is refused), or text for numbers
             beyond 2^53. Bounded by the type.
decimal      ``-12.50``, without exponent; at most the declared digits before and after the point (zeros past the
             scale are fine). JSON: text, an integer, or a number of at most 15 digits.
double       decimal or scientific notation; JSON number. NaN and infinity only where declared (``nonfinite: true``).
date         ``2013-01-31``.
timestamp    ``2013-01-31T17:00[:00[.123456]]``, ``T`` or one space; a date alone is its midnight; an offset is refused.
timestamptz  the same with ``Z`` or ``±hh:mm``, which is required; becomes UTC.
varchar      any text without NUL.
uuid         8-4-4-4-12 hexadecimal digits.
interval     ISO 8601 (``P7D``, ``PT1H30M``) or words (``7 days``, ``1 hour 30 minutes``); no months, no years.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from gateway.model import Value
from gateway.query.types import Kind, ParameterType

_SHOWN = 60
"""Characters of a caller's value that a message repeats at most."""
_EXACT_DIGITS = 15
"""Decimal digits that every JSON reader keeps when it reads a number as a double."""
_INTEGER = re.compile(r"-?[0-9]{1,45}")
_DECIMAL = re.compile(r"-?[0-9]{1,60}(?:\.[0-9]{1,60})?")
_DOUBLE = re.compile(r"-?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,5})?")
_NONFINITE = {"nan": math.nan, "inf": math.inf, "infinity": math.inf, "-inf": -math.inf, "-infinity": -math.inf}
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?([Zz]|[+-][0-9]{2}:[0-9]{2}| [0-9]{2}:[0-9]{2})?)?"
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ISO_DURATION = re.compile(
    r"(-)?P(?:([0-9]{1,9})W)?(?:([0-9]{1,9})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})(?:\.([0-9]{1,6}))?S)?)?"
)
_WORDS = re.compile(r"(-?[0-9]{1,15}) ?(microsecond|millisecond|second|minute|hour|day|week)s?")
_WORDED = re.compile(rf"{_WORDS.pattern}(?: {_WORDS.pattern}){{0,6}}")
_MAX_INTERVAL = timedelta(days=3_652_058)
"""The span from year 1 to year 9999."""


class Refused(ValueError):
    """A value does not follow the rule of its type; the message says what was given and what is expected."""


def coerce(value: Any, type_: ParameterType, *, nonfinite: bool = False) -> Value:
    """Turn text or a JSON value into a value of a scalar type. Raises ``Refused``.

    A caller's text and a JSON text follow the same rule; dates as YAML reads them are taken as they are.
    """
    result = _COERCIONS[type_.kind](value, type_)
    if isinstance(result, float) and not nonfinite and not math.isfinite(result):
        raise Refused(f"{shown(value)} is not a finite number")
    return result


def format_value(value: Value) -> Any:
    """Format a value as JSON that ``coerce`` reads back as the same value.

    >>> format_value(datetime(2013, 1, 1, 5))
    '2013-01-01T05:00:00'
    """
    if isinstance(value, list):
        return [format_value(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return _format_interval(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, UUID) or (isinstance(value, float) and not math.isfinite(value)):
        return str(value)
    return value


def shown(value: object) -> str:
    """Repeat a caller's value in a message: escaped, and cut where it is long."""
    if isinstance(value, (list, dict)):
        return "a JSON list" if isinstance(value, list) else "a JSON object"
    if isinstance(value, int) and value.bit_length() > _SHOWN * 3:
        return "a number of many digits"
    text = repr(value[: _SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _refuse(value: object, expected: str) -> Refused:
    if value == "":
        return Refused(f"is empty: expected {expected}")
    return Refused(f"{shown(value)} is not {expected}")


def _boolean(value: Any, _: ParameterType) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise _refuse(value, "true or false")


def _integer(value: Any, type_: ParameterType) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _refuse(value, "an integer: write digits only, such as 42 or -7")
    if not type_.low <= value <= type_.high:
        raise Refused(f"{shown(value)} is outside {type_.name}: {type_.low} to {type_.high}")
    return value


def _decimal(value: Any, type_: ParameterType) -> Decimal:
    digits = f"of at most {type_.width - type_.scale} digits before and {type_.scale} after the point"
    expected = f"a decimal number such as 12.5, {digits}"
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**40 else value
    if isinstance(value, float):
        text = format(Decimal(repr(value)), "f") if math.isfinite(value) else "not finite"
        if len(text.replace(".", "").strip("-0")) > _EXACT_DIGITS:
            raise Refused(f"{shown(value)} may have lost digits as a JSON number: write it as a text")
    if not isinstance(text, str) or not _DECIMAL.fullmatch(text):
        raise _refuse(value, expected)
    whole, _, fraction = text.partition(".")
    kept = fraction.rstrip("0")
    if len(whole.lstrip("-0")) > type_.width - type_.scale or len(kept) > type_.scale:
        raise _refuse(value, expected)
    number = Decimal(f"{whole}.{kept.ljust(type_.scale, '0')}" if type_.scale else whole)
    return number if number else number.copy_abs()


def _double(value: Any, _: ParameterType) -> float:
    if isinstance(value, str):
        if value.lower() in _NONFINITE:
            return _NONFINITE[value.lower()]
        if not _DOUBLE.fullmatch(value):
            raise _refuse(value, "a number such as 0.25 or 1e-3")
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _refuse(value, "a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isinf(number) and not isinstance(value, float):
        raise Refused(f"{shown(value)} is too large for a double")
    return number


def _date(value: Any, _: ParameterType) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _refuse(value, "a date such as 2013-01-31")
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError as error:
        raise Refused(f"{shown(value)} is not a date of the calendar: {error}") from error


def _timestamp(value: Any, _: ParameterType) -> datetime:
    moment = _moment(value, "a timestamp such as 2013-01-31T17:00:00")
    if moment.tzinfo is not None:
        raise Refused(f"{shown(value)} has a time zone, but this timestamp has none: leave the offset out")
    return moment


def _timestamptz(value: Any, _: ParameterType) -> datetime:
    moment = _moment(value, "a timestamp with its offset such as 2013-01-31T17:00:00Z")
    if moment.tzinfo is None:
        raise Refused(f"{shown(value)} has no time zone: end it with Z or an offset such as +01:00")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise Refused(f"{shown(value)} is outside the years 1 to 9999 in UTC") from error


def _moment(value: Any, expected: str) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    match = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _refuse(value, expected)
    year, month, day, hour, minute, second, fraction, offset = match.groups(default="")
    if offset.startswith(" "):
        raise Refused(f"{shown(value)} has a space before its offset: a + is written %2B in a query string")
    try:
        numbers = [int(part or 0) for part in (year, month, day, hour, minute, second, fraction.ljust(6, "0"))]
        return datetime(*numbers, tzinfo=_zone(offset))  # type: ignore[arg-type,misc]  # seven integers by the pattern
    except ValueError as error:
        raise Refused(f"{shown(value)} is not a time of the calendar: {error}") from error


@lru_cache(maxsize=256)
def _zone(offset: str) -> timezone | None:
    if offset == "":
        return None
    if offset in "Zz":
        return UTC
    hours, minutes = int(offset[1:3]), int(offset[4:6])
    if hours > 15 or minutes > 59:
        raise ValueError("an offset is at most 15:59")
    return timezone((-1 if offset[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes))


def _varchar(value: Any, _: ParameterType) -> str:
    if not isinstance(value, str):
        raise Refused(f"{shown(value)} is not a text: put it in quotes")
    if "\0" in value:
        raise Refused("holds the character NUL, which no text may")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise Refused(f"is not valid Unicode: half of a surrogate pair at character {error.start + 1}") from error
    return value


def _uuid(value: Any, _: ParameterType) -> UUID:
    if isinstance(value, str) and _UUID.fullmatch(value):
        return UUID(value)
    raise _refuse(value, "a UUID such as 123e4567-e89b-12d3-a456-426614174000")


def _interval(value: Any, _: ParameterType) -> timedelta:
    span = _span(value) if isinstance(value, str) else None
    if span is None:
        expected = "an interval such as 'P7D', 'PT1H30M' or '7 days'"
        if isinstance(value, str) and re.search(r"month|year|\d[MY](?!.*T)|P\d+M", value, re.IGNORECASE):
            expected += "; months and years have no fixed length, so write days"
        raise _refuse(value, expected)
    if abs(span) > _MAX_INTERVAL:
        raise Refused(f"{shown(value)} is longer than {_MAX_INTERVAL.days} days")
    return span


def _span(text: str) -> timedelta | None:
    try:
        return _iso_duration(text) if text.lstrip("-").startswith("P") else _worded(text)
    except OverflowError:
        return timedelta.max


def _iso_duration(text: str) -> timedelta | None:
    match = _ISO_DURATION.fullmatch(text)
    if match is None or not any(match.groups()[1:]):
        return None
    weeks, days, hours, minutes, seconds = (int(match[group] or 0) for group in range(2, 7))
    micros = int((match[7] or "").ljust(6, "0"))
    span = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds, microseconds=micros)
    return -span if match[1] else span


def _worded(text: str) -> timedelta | None:
    if not _WORDED.fullmatch(text):
        return None
    parts = (timedelta(**{f"{unit}s": int(count)}) for count, unit in _WORDS.findall(text))
    return sum(parts, timedelta())


def _format_interval(value: timedelta) -> str:
    sign, span = ("-", -value) if value < timedelta() else ("", value)
    seconds, micros = span.seconds, span.microseconds
    fraction = f".{micros:06d}" if micros else ""
    return f"{sign}P{span.days}DT{seconds}{fraction}S"


_COERCIONS: dict[Kind, Callable[[Any, ParameterType], Value]] = {
    Kind.BOOLEAN: _boolean,
    Kind.INTEGER: _integer,
    Kind.DECIMAL: _decimal,
    Kind.DOUBLE: _double,
    Kind.DATE: _date,
    Kind.TIMESTAMP: _timestamp,
    Kind.TIMESTAMPTZ: _timestamptz,
    Kind.VARCHAR: _varchar,
    Kind.UUID: _uuid,
    Kind.INTERVAL: _interval,
}
