"""Parse parameter values as their declared types, and format typed values as a caller would write them.

The rules, by kind (``docs/templates.md`` has them for authors and callers). Nothing is guessed, rounded or trimmed:
what is not written by the rule is refused.

boolean      text ``true``/``false``; JSON true/false.
integer      digits with an optional ``-``; JSON number without a fraction (``1.0`` is refused), or text for numbers
             beyond 2^53. Bounded by the type.
decimal      ``-12.50``, without exponent; at most the declared digits before and after the point (zeros past the
             scale are fine). JSON: text, an integer, or a number of at most 15 digits.
double       decimal or scientific notation; JSON number. Digits that a double does not keep are refused
             (``numerals``), and so are NaN and infinity unless they are declared (``nonfinite: true``).
date         ``2013-01-31``; a timestamp without an offset, at midnight, is its date.
timestamp    ``2013-01-31T17:00[:00[.123456]]``, ``T`` or one space; a date alone is its midnight; an offset is refused.
timestamptz  the same with ``Z`` or ``±hh:mm``, which is required; becomes UTC.
             (``times`` reads these three, and what else a parameter takes for a time.)
varchar      any text without NUL.
uuid         8-4-4-4-12 hexadecimal digits.
interval     ISO 8601 (``P7D``, ``PT1H30M``) or words (``7 days``, ``1 hour 30 minutes``); no months, no years.
             Days and what is shorter are two fields, as in DuckDB: ``36 hours`` is no ``1 day 12 hours``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from gateway.interval import Interval
from gateway.model import Value
from gateway.query.intervals import format_interval, read_interval
from gateway.query.numerals import LongNumeral, is_kept
from gateway.query.refused import Refused, shown, unexpected
from gateway.query.times import USUAL, TimeForms, read_time
from gateway.query.types import TIMES, Kind, ParameterType

_EXACT_DIGITS = 15
"""Decimal digits that every JSON reader keeps when it reads a number as a double."""
_MICROSECOND = timedelta(microseconds=1)
_INTEGER = re.compile(r"-?[0-9]{1,45}")
_DECIMAL = re.compile(r"-?[0-9]{1,60}(?:\.[0-9]{1,60})?")
_DOUBLE = re.compile(r"-?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,5})?")
_NONFINITE = {"nan": math.nan, "inf": math.inf, "infinity": math.inf, "-inf": -math.inf, "-infinity": -math.inf}
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def coerce(value: Any, type_: ParameterType, *, nonfinite: bool = False, forms: TimeForms = USUAL) -> Value:
    """Turn text or a JSON value into a value of a scalar type. Raises ``Refused``.

    A caller's text and a JSON text follow the same rule; dates as YAML reads them are taken as they are. *forms* are
    what times may be written as.
    """
    if type_.kind in TIMES:
        return read_time(value, type_.kind, forms)
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
    if isinstance(value, Interval):
        return format_interval(value)
    if isinstance(value, timedelta):  # the width of a bucket
        return format_interval(Interval(days=value.days, microseconds=(value - timedelta(value.days)) // _MICROSECOND))
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, UUID) or (isinstance(value, float) and not math.isfinite(value)):
        return str(value)
    return value


def _boolean(value: Any, _: ParameterType) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise unexpected(value, "true or false")


def _integer(value: Any, type_: ParameterType) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise unexpected(value, "an integer: write digits only, such as 42 or -7")
    if not type_.low <= value <= type_.high:
        raise Refused(f"{shown(value)} is outside {type_.name}: {type_.low} to {type_.high}")
    return value


def _decimal(value: Any, type_: ParameterType) -> Decimal:
    digits = f"of at most {type_.width - type_.scale} digits before and {type_.scale} after the point"
    expected = f"a decimal number such as 12.5, {digits}"
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**40 else value
    if isinstance(value, float):
        lost = isinstance(value, LongNumeral) and not is_kept(value.text, value)
        text = format(Decimal(repr(value)), "f") if math.isfinite(value) and not lost else "not finite"
        if lost or len(text.replace(".", "").strip("-0")) > _EXACT_DIGITS:
            raise Refused(f"{shown(value)} may have lost digits as a JSON number: write it as a text")
    if not isinstance(text, str) or not _DECIMAL.fullmatch(text):
        raise unexpected(value, expected)
    whole, _, fraction = text.partition(".")
    kept = fraction.rstrip("0")
    if len(whole.lstrip("-0")) > type_.width - type_.scale or len(kept) > type_.scale:
        raise unexpected(value, expected)
    number = Decimal(f"{whole}.{kept.ljust(type_.scale, '0')}" if type_.scale else whole)
    return number if number else number.copy_abs()


def _double(value: Any, _: ParameterType) -> float:
    if isinstance(value, str):
        if value.lower() in _NONFINITE:
            return _NONFINITE[value.lower()]
        if not _DOUBLE.fullmatch(value):
            raise unexpected(value, "a number such as 0.25 or 1e-3")
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        raise unexpected(value, "a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if type(value) is float:
        return number
    if math.isinf(number):
        raise Refused(f"{shown(value)} is too large for a double")
    if is_kept(value if isinstance(value, str) else repr(value), number):
        return number
    if number == 0:
        raise Refused(f"{shown(value)} is too near to zero for a double")
    raise Refused(f"{shown(value)} has more digits than a double keeps: the nearest is {float(number)!r}")


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
    raise unexpected(value, "a UUID such as 123e4567-e89b-12d3-a456-426614174000")


def _interval(value: Any, _: ParameterType) -> Interval:
    return read_interval(value)


_COERCIONS: dict[Kind, Callable[[Any, ParameterType], Value]] = {
    Kind.BOOLEAN: _boolean,
    Kind.INTEGER: _integer,
    Kind.DECIMAL: _decimal,
    Kind.DOUBLE: _double,
    Kind.VARCHAR: _varchar,
    Kind.UUID: _uuid,
    Kind.INTERVAL: _interval,
}
